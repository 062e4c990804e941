// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#pragma once

#include <coil/version.hpp>

#include <chrono>
#include <coroutine>
#include <cstddef>
#include <utility>

#include <coil/coro/affinity.hpp>
#include <coil/io/sleep.hpp>

namespace coil::COIL_ABI {

/// A point in time that several tasks may wait for, and that may be moved while they do. In the manner of Asio.
/// For one task that waits for itself, use `sleep_for`; for the deadline of an operation, `timeout`.
///
///     coil::steady_timer idle(context);
///     idle.expires_after(30s);
///     co_await idle.wait();
///
/// Threads:  its context's.
/// Moves:    also while tasks wait.
/// Lifetime: its destructor ends all waits with operation_aborted. It may outlive its context.
/// Cost:     no system call, no SQE, no allocation.
class steady_timer {
public:
    /// Expired from the beginning.
    explicit steady_timer(io_context& context) noexcept : context_(context), affinity_(context) {}
    steady_timer(io_context& context, time_point expiry) noexcept
        : context_(context), affinity_(context), expiry_(expiry) {}
    template <class Rep, class Period>
    steady_timer(io_context& context, std::chrono::duration<Rep, Period> duration)
        : context_(context), affinity_(context) {
        expires_after(duration);
    }
    steady_timer(steady_timer&& other) noexcept
        // The other timer stays usable. NOLINTNEXTLINE(performance-move-constructor-init)
        : context_(other.context_), affinity_(other.affinity_), expiry_(other.expiry_) {
        waits_.splice_back(other.waits_);
    }
    steady_timer& operator=(steady_timer&& other) noexcept {
        if (this != &other) {
            cancel();
            context_ = other.context_;
            affinity_ = other.affinity_;
            expiry_ = other.expiry_;
            waits_.splice_back(other.waits_);
        }
        return *this;
    }
    ~steady_timer() { cancel(); }

    [[nodiscard]] io_context& context() const noexcept { return *context_; }
    [[nodiscard]] time_point expiry() const noexcept { return expiry_; }

    /// Sets the point in time. Those who wait for the former one are cancelled: returns how many.
    std::size_t expires_at(time_point expiry) noexcept {
        const std::size_t cancelled = cancel();
        expiry_ = expiry;
        return cancelled;
    }
    template <class Rep, class Period>
    std::size_t expires_after(std::chrono::duration<Rep, Period> duration) noexcept {
        return expires_at(deadline_after(now(), duration));
    }

    /// Ends all waits with operation_aborted, except those whose time had come. Returns how many.
    std::size_t cancel() noexcept;

    class wait_operation;
    struct wait_description;

    /// Waits until the timer expires. One that has expired completes on the next turn.
    /// Errors: operation_aborted when cancelled, set anew or destroyed, and in a stopped scope; wrong_context.
    /// What it gives points to this timer until the await begins: await it before the timer is moved or destroyed.
    wait_description wait() noexcept;

private:
    [[nodiscard]] time_point now() const noexcept;
    [[nodiscard]] environment& foreign_environment() const;

    context_ref context_;
    affinity affinity_;
    time_point expiry_;
    intrusive_list<awaited> waits_;
};

class [[nodiscard("co_await it")]] steady_timer::wait_operation final : public sleep_operation {
public:
    wait_operation(steady_timer& timer, environment& task) noexcept
        : sleep_operation(seen_from(timer.expiry_, task), task), timer_(&timer) {}

    void await_suspend(std::coroutine_handle<> waiter) {
        if (!timer_->affinity_.admits(env().scheduler())) [[unlikely]]
            timer_->affinity_.refuse(*this);
        io_context::of(env()).check_thread(*this);
        // In the timer's list until it ends; being made ready takes it out.
        timer_->waits_.push_back(*this);
        sleep_operation::await_suspend(waiter);
    }

private:
    steady_timer* timer_;
};

struct [[nodiscard("co_await it")]] steady_timer::wait_description {
    steady_timer* timer;

    wait_operation operation_in(environment& task) const noexcept { return {*timer, task}; }
    environment& foreign_environment() const { return timer->foreign_environment(); }
};

inline steady_timer::wait_description steady_timer::wait() noexcept { return {this}; }

}  // namespace coil::COIL_ABI
