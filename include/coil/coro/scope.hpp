// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#pragma once

#include <coil/version.hpp>

#include <coroutine>
#include <string>
#include <utility>

#include <coil/coro/environment.hpp>

namespace coil::COIL_ABI::detail {

/// The base class of `timeout`, `shield` and `stop_when`, which run an inner operation in a nested stop
/// scope. A stop of the task also stops the nested scope, unless the derived class overrides stop(). The
/// inner operation resumes the awaiting coroutine directly, so no additional coroutine frame is needed.
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
    ~scoped_operation() override = default;

    /// If the task has been stopped, stops the nested scope, so that the inner operation is refused even if
    /// it could complete inline. Call this first in await_ready(). The constructor would be too early,
    /// because a branch of a race may be stopped after its construction but before its start.
    void inherit_stop() noexcept {
        if (env().stop_requested())
            scope_.request_stop();
    }
    /// Records that the task is waiting for this operation. Call this in await_suspend().
    void begin(std::coroutine_handle<> waiter) noexcept {
        suspend(waiter);
        scope_.at(env().where());
    }
    void start_inner(std::coroutine_handle<> waiter) { inner_.await_suspend(waiter); }

    /// Records that the task no longer waits for this operation. Call this first when the await has ended.
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

}  // namespace coil::COIL_ABI::detail
