// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#pragma once

#include <coil/version.hpp>

#include <coroutine>
#include <string>

#include <coil/base/outcome.hpp>
#include <coil/sync/queued_operation.hpp>

namespace coil::COIL_ABI {

/// A flag that tasks can wait for. It stays set until reset().
/// To pass values, use a `channel`. To release one waiter at a time, use a `semaphore`.
///
///     event ready;
///     co_await ready.wait();    // completes inline if already set
///
/// Threads:  one context. set() queues the waiters for the next iteration and never resumes them directly.
/// Lifetime: must outlive its waiters, so declare it before the io_context that runs them. Otherwise the
///           destructor reports the mistake on stderr, and the waiters fail with operation_aborted (builds
///           with assertions abort instead). Not movable.
/// Cost:     no allocation; waiters live in the waiting coroutine's frame.
class event {
public:
    event() noexcept = default;
    event(const event&) = delete;
    event& operator=(const event&) = delete;
    ~event();

    /// Releases all waiters. Later waits do not block until reset() is called.
    void set() noexcept;
    /// Makes later waits block. Waiters that have already been released stay released, even if they have not
    /// resumed yet.
    void reset() noexcept;
    [[nodiscard]] bool is_set() const noexcept { return set_; }

    class wait_operation;
    class wait_description;

    /// Waits until the event is set.
    ///
    /// Completes: inline if the event is already set, otherwise in the loop iteration after set().
    /// Errors:    operation_aborted in a stopped scope; wrong_context.
    /// Cancel:    ends the wait, but has no effect after set() has released the waiter.
    /// Overlap:   any number of tasks may wait. They are released in FIFO order.
    wait_description wait() noexcept;

private:
    [[nodiscard]] bool is_in_use() noexcept {
        detail::queued_operation::drop_orphans(waiting_, affinity_);
        return !waiting_.empty();
    }

    detail::queued_operation::queue waiting_;
    detail::affinity affinity_;
    bool set_ = false;
};

// Implementation

class [[nodiscard("co_await it")]] event::wait_operation final : public detail::queued_operation {
public:
    wait_operation(event& of, detail::environment& task) noexcept : queued_operation(task), event_(&of) {}

    bool await_ready() noexcept {
        return is_admitted(event_->affinity_, [this] { return event_->is_in_use(); }) && event_->is_set() &&
               may_complete_inline();
    }
    void await_suspend(std::coroutine_handle<> waiter);
    outcome<void> await_outcome() noexcept { return take(); }
    void await_resume() {
        if (const auto error = take())
            detail::throw_failure(error, describe());
    }
    std::string describe() const override { return "wait for an event"; }

private:
    event* event_;
};

class [[nodiscard("co_await it")]] event::wait_description {
public:
    explicit wait_description(event& of) noexcept : event_(&of) {}
    wait_operation operation_in(detail::environment& task) const noexcept { return {*event_, task}; }

private:
    event* event_;
};

inline event::wait_description event::wait() noexcept { return wait_description(*this); }

}  // namespace coil::COIL_ABI
