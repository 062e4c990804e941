// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#pragma once

#include <coil/version.hpp>

#include <chrono>
#include <coroutine>
#include <string>

#include <coil/base/outcome.hpp>
#include <coil/coro/environment.hpp>
#include <coil/loop/io_context.hpp>
#include <coil/loop/timers.hpp>

namespace coil::COIL_ABI {

namespace detail {

/// A wait for a point in time. The operation lives in the waiting coroutine's frame and allocates no memory.
class [[nodiscard("co_await it")]] sleep_operation : public awaited, private timer_entry {
public:
    /// Stands for every deadline that has already passed. A sleep until long_ago needs no timer.
    static constexpr time_point long_ago = time_point::min();

    sleep_operation(time_point deadline, environment& task) noexcept : awaited(task), deadline_(deadline) {}
    /// Returns `long_ago` if the deadline has passed, otherwise the deadline.
    static time_point seen_from(time_point deadline, environment& task) noexcept {
        return deadline <= io_context::of(task).now() ? long_ago : deadline;
    }

    bool await_ready() const noexcept { return false; }
    void await_suspend(std::coroutine_handle<> waiter) noexcept;
    outcome<void> await_outcome() const noexcept {
        return aborted_ ? outcome<void>(error::operation_aborted) : outcome<void>();
    }
    void await_resume() const {
        if (aborted_)
            throw_failure(error::operation_aborted, describe());
    }

    void stop() noexcept override { abort(); }
    /// Ends the wait early. Returns false if the deadline has already been reached.
    bool abort() noexcept;
    std::string describe() const override { return "sleep"; }
    std::coroutine_handle<> run() noexcept final;

private:
    time_point deadline_;
    bool aborted_ = false;
};

static_assert(sizeof(sleep_operation) <= 128);

struct [[nodiscard("co_await it")]] sleep_until_description {
    time_point deadline;

    sleep_operation operation_in(environment& task) const noexcept {
        return {sleep_operation::seen_from(deadline, task), task};
    }
};

struct [[nodiscard("co_await it")]] sleep_for_description {
    steady_clock::duration duration;

    sleep_operation operation_in(environment& task) const noexcept {
        const bool is_over = duration <= duration.zero();
        return {is_over ? sleep_operation::long_ago : deadline_after(io_context::of(task).now(), duration),
                task};
    }
};

}  // namespace detail

/// Waits until the deadline. If the deadline has already passed, the wait completes in the next iteration of
/// the loop.
/// Errors: operation_aborted if the waiting task's scope is stopped.
/// Cost:   no system call, no SQE, no allocation.
inline detail::sleep_until_description sleep_until(time_point deadline) noexcept { return {deadline}; }

/// Waits for the given duration, which starts when the await begins.
template <class Rep, class Period>
detail::sleep_for_description sleep_for(std::chrono::duration<Rep, Period> duration) noexcept {
    return {detail::deadline_after(time_point(), duration) - time_point()};
}
template <detail::number Number>
void sleep_for(Number, detail::write_5s_or_std_chrono_seconds_5 = {}) = delete;

}  // namespace coil::COIL_ABI
