// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#pragma once

#include <coil/version.hpp>

#include <coroutine>
#include <string>

#include <coil/base/outcome.hpp>
#include <coil/coro/environment.hpp>
#include <coil/coro/stop_token.hpp>

/// Queries that a task can make about itself. They never suspend. For the task's io_context, see
/// <coil/loop/this_coro.hpp>.

namespace coil::COIL_ABI::this_coro {

/// The operation of a this_coro query. Holds the answer.
template <class T>
class [[nodiscard("co_await it")]] answer_operation {
public:
    explicit answer_operation(T value) noexcept : value_(value) {}

    bool await_ready() const noexcept { return true; }
    void await_suspend(std::coroutine_handle<>) const noexcept {}
    outcome<T> await_outcome() const noexcept { return value_; }
    T await_resume() const noexcept { return value_; }
    [[nodiscard]] std::string describe() const { return "this_coro"; }

private:
    T value_;
};

struct [[nodiscard("co_await it")]] stop_requested_description
    : detail::co_await_is_missing<bool, stop_requested_description> {
    answer_operation<bool> operation_in(detail::environment& task) const noexcept {
        return answer_operation<bool>(task.stop_requested());
    }
};

/// `co_await coil::this_coro::stop_requested` returns true if a stop of this task's scope was requested. Use
/// this query in loops that await nothing else. Other loops do not need the query, because in a stopped task
/// their awaits end with operation_aborted.
inline constexpr stop_requested_description stop_requested{};

struct [[nodiscard("co_await it")]] stop_token_description
    : detail::co_await_is_missing<inplace_stop_token, stop_token_description> {
    answer_operation<inplace_stop_token> operation_in(detail::environment& task) const noexcept {
        return answer_operation<inplace_stop_token>(task.stop_token());
    }
};

/// `co_await coil::this_coro::stop_token` returns the token of this task's scope, for use on any thread.
/// Lifetime: valid until the scope ends. The scope of a spawned task ends with the task. The scope inside a
///           `timeout`, a `shield`, a `stop_when` or a branch of a race ends with that operation.
inline constexpr stop_token_description stop_token{};

}  // namespace coil::COIL_ABI::this_coro
