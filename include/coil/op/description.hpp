// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#pragma once

#include <coil/version.hpp>

#include <coil/coro/environment.hpp>

namespace coil::COIL_ABI::op {

/// What a socket function returns: a request, from which the awaiting coroutine makes its `Operation`.
template <class Operation, class Request>
struct [[nodiscard("co_await it")]] description_of : Request {
    Operation operation_in(environment& task) const noexcept { return Operation(*this, task); }
};

// Makes operator co_await visible to ADL, for coroutines that are not tasks.
using coil::operator co_await;

}  // namespace coil::COIL_ABI::op
