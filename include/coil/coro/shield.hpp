// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#pragma once

#include <coil/version.hpp>

#include <coroutine>
#include <type_traits>
#include <utility>

#include <coil/coro/scope.hpp>

namespace coil::COIL_ABI {

/// An operation that no stop of the task around it reaches.
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
class [[nodiscard("co_await it")]] shield_description {
public:
    explicit shield_description(D what) : what_(std::move(what)) {}

    shield_operation<D> operation_in(environment& task) && { return {std::move(what_), task}; }

private:
    D what_;
};

/// Hides a stop from an operation or a task, so that a task which is being stopped can clean up: say goodbye, roll back.
/// Such a task's other awaits are refused, or cancelled where they stand. Give what you shield a deadline:
///
///     co_await coil::shield(coil::timeout(coil::write(peer, "bye\r\n"), 1s));
///
/// Completes: as `what` does. The stop stays asked for, and meets the next await that isn't shielded.
/// Errors:    those of `what`. It may still have its own: cancel() and close() of what it uses, a `timeout` inside.
/// Cost:      nothing beyond `what`.
template <class D>
auto shield(D what) {
    static_assert(description<D>, "shield takes an awaitable of coil or a task, as an rvalue");
    return shield_description<D>(std::move(what));
}

}  // namespace coil::COIL_ABI
