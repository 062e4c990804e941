// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#pragma once

#include <coil/version.hpp>

#include <coroutine>
#include <string>
#include <utility>

#include <coil/coro/environment.hpp>

namespace coil::COIL_ABI {

/// An operation that runs another in a stop scope of its own, inside the scope of the task: what `timeout`, `shield` and
/// `stop_when` have in common. A stop of the task reaches the inner scope, unless the derived class decides otherwise.
/// The inner operation resumes the awaiting coroutine itself; there is no frame between the two.
template <description D>
class scoped_operation : public awaited {
public:
    scoped_operation(const scoped_operation&) = delete;
    scoped_operation& operator=(const scoped_operation&) = delete;

    bool await_ready() { return inner_.await_ready(); }

    void stop() noexcept override { scope_.request_stop(); }
    std::string describe() const override { return inner_.describe(); }

protected:
    scoped_operation(D&& what, environment& task)
        : awaited(task), scope_(task), inner_(std::forward<D>(what).operation_in(scope_)) {}
    ~scoped_operation() = default;

    /// First in await_ready: what the task would refuse, the scope refuses too, also if it could complete inline. The
    /// constructor is too early: a branch of a race is constructed first, and may be stopped before it starts.
    void inherit_stop() noexcept {
        if (env().stop_requested())
            scope_.request_stop();
    }
    /// In await_suspend: the scope takes the task's place.
    void begin(std::coroutine_handle<> waiter) noexcept {
        suspend(waiter);
        scope_.at(env().where());
    }
    void start_inner(std::coroutine_handle<> waiter) { inner_.await_suspend(waiter); }

    /// First when the await is over.
    void finish() noexcept {
        if (is_suspended())
            wake();
    }

    [[nodiscard]] environment& scope() noexcept { return scope_; }
    [[nodiscard]] operation_of<D>& inner() noexcept { return inner_; }

private:
    environment scope_;
    operation_of<D> inner_;
};

}  // namespace coil::COIL_ABI
