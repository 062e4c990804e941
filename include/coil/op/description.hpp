// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#pragma once

#include <coil/version.hpp>

#include <coil/coro/environment.hpp>

namespace coil::COIL_ABI::op {

/// The return type of socket functions. It holds a request, from which the awaiting coroutine constructs its
/// `Operation`.
template <class Operation, class Request>
struct [[nodiscard("co_await it")]] description_of
    : Request,
      detail::co_await_is_missing<detail::await_result<Operation>, description_of<Operation, Request>> {
    description_of(const Request& what) noexcept : Request(what) {}

    Operation operation_in(detail::environment& task) const noexcept { return Operation(*this, task); }
};

// Lets argument-dependent lookup find operator co_await in coroutines that are not tasks.
using coil::operator co_await;

}  // namespace coil::COIL_ABI::op

template <class Operation, class Request>
struct std::tuple_size<coil::op::description_of<Operation, Request>>
    : coil::detail::bound_without_co_await<coil::op::description_of<Operation, Request>> {};
