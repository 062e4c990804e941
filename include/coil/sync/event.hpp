// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#pragma once

#include <coil/version.hpp>

#include <coroutine>
#include <string>

#include <coil/base/outcome.hpp>
#include <coil/sync/queued_operation.hpp>

namespace coil::COIL_ABI {

/// A flag that tasks can wait for. Once set it stays set, until it is reset.
/// To pass values use a `channel`; to let one waiter go at a time, a `semaphore`.
///
///     event ready;
///     co_await ready.wait();    // returns at once if already set
///
/// Threads:  one context. Waking happens on the next turn, never inside set().
/// Lifetime: outlives its waiters: declare it ahead of the context on which they run. If it does not, a line on stderr
///           says so and they end with operation_aborted (builds with assertions stop there). It doesn't move.
/// Cost:     no allocation; waiters live in the waiting coroutine's frame.
class event {
public:
    event() noexcept = default;
    event(const event&) = delete;
    event& operator=(const event&) = delete;
    ~event();

    /// Lets everybody go who waits, and whoever comes while it is set.
    void set() noexcept;
    /// Has those wait who come from now on. Who was let go stays so, even if his turn is still to come.
    void reset() noexcept;
    [[nodiscard]] bool is_set() const noexcept { return set_; }

    class wait_operation;
    class wait_description;

    /// Completes: at once if the event is set, else on the next turn after set().
    /// Errors:    operation_aborted in a stopped scope; wrong_context. A cancel only ends the wait.
    /// Overlap:   any number may wait; they go on in the order in which they came.
    wait_description wait() noexcept;

private:
    [[nodiscard]] bool is_in_use() noexcept {
        queued_operation::forget_orphans(waiting_, affinity_);
        return !waiting_.empty();
    }

    queued_operation::line waiting_;
    affinity affinity_;
    bool set_ = false;
};

// Implementation

class [[nodiscard("co_await it")]] event::wait_operation final : public queued_operation {
public:
    wait_operation(event& of, environment& task) noexcept : queued_operation(task), event_(&of) {}

    bool await_ready() noexcept {
        return is_admitted(event_->affinity_, [this] { return event_->is_in_use(); }) && event_->is_set() &&
               may_complete_inline();
    }
    void await_suspend(std::coroutine_handle<> waiter);
    outcome<void> await_outcome() noexcept { return take(); }
    void await_resume() {
        if (const auto error = take())
            throw_failure(error, describe());
    }
    std::string describe() const override { return "wait for an event"; }

private:
    event* event_;
};

class [[nodiscard("co_await it")]] event::wait_description {
public:
    explicit wait_description(event& of) noexcept : event_(&of) {}
    wait_operation operation_in(environment& task) const noexcept { return {*event_, task}; }

private:
    event* event_;
};

inline event::wait_description event::wait() noexcept { return wait_description(*this); }

}  // namespace coil::COIL_ABI
