// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#pragma once

#include <coil/version.hpp>

#include <coroutine>
#include <string>

#include <coil/base/outcome.hpp>
#include <coil/coro/environment.hpp>
#include <coil/coro/stop_token.hpp>

/// What a task knows of itself. Asking never suspends. See <coil/loop/this_coro.hpp> for its io_context.

namespace coil::COIL_ABI::this_coro {

/// The answer to a question that a task asks about itself.
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

struct [[nodiscard("co_await it")]] stop_requested_description {
    answer_operation<bool> operation_in(environment& task) const noexcept {
        return answer_operation<bool>(task.stop_requested());
    }
};

/// `co_await coil::this_coro::stop_requested()`: whether this task's scope was asked to stop. For loops that await
/// nothing which would tell; any other await of a stopped task ends with operation_aborted.
inline stop_requested_description stop_requested() noexcept { return {}; }

struct [[nodiscard("co_await it")]] stop_token_description {
    answer_operation<inplace_stop_token> operation_in(environment& task) const noexcept {
        return answer_operation<inplace_stop_token>(task.stop_token());
    }
};

/// `co_await coil::this_coro::stop_token` is the token of this task's scope, for others to look at, on any thread.
/// Lifetime: it is good as long as the scope: for a spawned task until it ends; inside a `timeout`, a `shield`, a
///           `stop_when` or a branch of a race, until that ends.
inline constexpr stop_token_description stop_token{};

}  // namespace coil::COIL_ABI::this_coro
