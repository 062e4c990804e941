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

/// A timer that several tasks can wait for. Changing its expiry cancels the current waits. Modelled on Asio's
/// steady_timer. To suspend a single task, use `sleep_for`; to limit the duration of an operation, use
/// `timeout`.
///
///     coil::steady_timer idle(context);
///     idle.expires_after(30s);
///     co_await idle.wait();
///
/// Threads:  the context's thread only.
/// Moves:    allowed, even while tasks are waiting.
/// Lifetime: the destructor ends all waits with operation_aborted. The timer may outlive its context.
/// Cost:     no system call, no SQE, no allocation.
class steady_timer {
public:
    /// Creates a timer that has already expired.
    explicit steady_timer(io_context& context) noexcept : context_(context), affinity_(context) {}
    steady_timer(io_context& context, time_point expiry) noexcept
        : context_(context), affinity_(context), expiry_(expiry) {}
    template <class Rep, class Period>
    steady_timer(io_context& context, std::chrono::duration<Rep, Period> duration)
        : context_(context), affinity_(context) {
        expires_after(duration);
    }
    template <detail::number Number>
    steady_timer(io_context&, Number, detail::write_5s_or_std_chrono_seconds_5 = {}) = delete;
    steady_timer(steady_timer&& other) noexcept
        // The moved-from timer stays usable. NOLINTNEXTLINE(performance-move-constructor-init)
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

    /// Sets the expiry and cancels all waits for the previous expiry. Returns the number of cancelled waits.
    std::size_t expires_at(time_point expiry) noexcept {
        const std::size_t cancelled = cancel();
        expiry_ = expiry;
        return cancelled;
    }
    template <class Rep, class Period>
    std::size_t expires_after(std::chrono::duration<Rep, Period> duration) noexcept {
        return expires_at(detail::deadline_after(now(), duration));
    }
    template <detail::number Number>
    void expires_after(Number, detail::write_5s_or_std_chrono_seconds_5 = {}) = delete;

    /// Ends all waits with operation_aborted, except waits that have already expired. Returns the number of
    /// cancelled waits.
    std::size_t cancel() noexcept;

    class wait_operation;
    struct wait_description;

    /// Waits until the timer expires. If the timer has already expired, the wait completes in the next
    /// iteration of the loop.
    /// Errors: operation_aborted if the timer is cancelled, set to another time or destroyed, or if the
    ///         waiting task's scope is stopped; wrong_context if the task belongs to another context.
    /// The returned description points to this timer until the await begins. Await the description before you
    /// move or destroy the timer.
    wait_description wait() noexcept;

private:
    [[nodiscard]] time_point now() const noexcept;
    [[nodiscard]] detail::environment& foreign_environment() const;

    detail::context_ref context_;
    detail::affinity affinity_;
    time_point expiry_;
    detail::intrusive_list<detail::awaited> waits_;
};

class [[nodiscard("co_await it")]] steady_timer::wait_operation final : public detail::sleep_operation {
public:
    wait_operation(steady_timer& timer, detail::environment& task) noexcept
        : sleep_operation(seen_from(timer.expiry_, task), task), timer_(&timer) {}

    void await_suspend(std::coroutine_handle<> waiter) {
        if (!timer_->affinity_.admits(env().scheduler())) [[unlikely]]
            timer_->affinity_.refuse(*this);
        io_context::of(env()).check_thread(*this);
        // The wait stays in the timer's list until schedule() or run() unlinks it.
        timer_->waits_.push_back(*this);
        detail::sleep_operation::await_suspend(waiter);
    }

private:
    steady_timer* timer_;
};

struct [[nodiscard("co_await it")]] steady_timer::wait_description {
    steady_timer* timer;

    wait_operation operation_in(detail::environment& task) const noexcept { return {*timer, task}; }
    detail::environment& foreign_environment() const { return timer->foreign_environment(); }
};

inline steady_timer::wait_description steady_timer::wait() noexcept { return {this}; }

}  // namespace coil::COIL_ABI
