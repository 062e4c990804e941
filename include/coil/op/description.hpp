// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#pragma once

#include <coil/version.hpp>

#include <coil/coro/environment.hpp>

namespace coil::COIL_ABI::op {

/// The return type of socket functions such as `recv`: a description of an operation that has not begun. The
/// base class `Request` holds the arguments. When a coroutine awaits the description, operation_in()
/// constructs the `Operation` from these arguments.
template <class Operation, class Request>
struct [[nodiscard("co_await it")]] description_of
    : Request,
      detail::co_await_is_missing<detail::await_result<Operation>, description_of<Operation, Request>> {
    description_of(const Request& request) noexcept : Request(request) {}

    Operation operation_in(detail::environment& task) const noexcept { return Operation(*this, task); }
};

// Lets argument-dependent lookup find `coil::operator co_await` when a coroutine that is not a task awaits a
// description.
using coil::operator co_await;

}  // namespace coil::COIL_ABI::op

template <class Operation, class Request>
struct std::tuple_size<coil::op::description_of<Operation, Request>>
    : coil::detail::bound_without_co_await<coil::op::description_of<Operation, Request>> {};
