// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#pragma once

#include <coil/version.hpp>

#include <coroutine>
#include <type_traits>
#include <utility>

#include <coil/coro/scope.hpp>

namespace coil::COIL_ABI {

namespace detail {

/// Runs an inner operation that a stop of the enclosing task does not affect.
template <description D>
class [[nodiscard("co_await it")]] shield_operation final : public scoped_operation<D> {
public:
    shield_operation(D&& what, environment& task) : scoped_operation<D>(std::forward<D>(what), task) {}

    void await_suspend(std::coroutine_handle<> waiter) {
        this->begin(waiter);
        this->start_inner(waiter);
    }
    auto await_outcome() {
        this->finish();
        return this->inner().await_outcome();
    }
    decltype(auto) await_resume() {
        this->finish();
        return this->inner().await_resume();
    }

    void stop() noexcept override {}
};

template <description D>
class [[nodiscard("co_await it")]] shield_description
    : public co_await_is_missing<await_result<operation_of<D>>, shield_description<D>> {
public:
    explicit shield_description(D what) : what_(std::move(what)) {}

    shield_operation<D> operation_in(environment& task) && { return {std::move(what_), task}; }

private:
    D what_;
};

}  // namespace detail

/// Protects an operation or a task from a stop of the enclosing task. A stopped task can use shield() to
/// clean up, for example to send a last message or to roll back a transaction. All other awaits in a stopped
/// task are refused or cancelled. Give every shielded operation a deadline:
///
///     co_await coil::shield(coil::timeout(coil::write(peer, "bye\r\n"), 1s));
///
/// Completes: when `what` completes. The stop stays in effect and ends the next unshielded await.
/// Errors:    those of `what`, which can still be cancelled by other means: by cancel(), by close(), or by a
///            `timeout` inside the shield.
/// Cost:      nothing beyond the cost of `what`.
template <class D>
auto shield(D what) {
    static_assert(detail::description<D>, "shield takes an awaitable of coil or a task, as an rvalue");
    return detail::shield_description<D>(std::move(what));
}

}  // namespace coil::COIL_ABI
