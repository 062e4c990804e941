// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#include <coil/io/sleep.hpp>
#include <coil/io/steady_timer.hpp>

namespace coil::COIL_ABI {

namespace detail {

void sleep_operation::await_suspend(std::coroutine_handle<> waiter) noexcept {
    suspend(waiter);
    aborted_ = is_refused() || io_context::of(env()).is_closing();
    if (aborted_ || deadline_ == long_ago)
        env().scheduler().schedule(static_cast<awaited&>(*this));
    else
        io_context::of(env()).arm(*this, deadline_);
}

bool sleep_operation::abort() noexcept {
    if (!is_armed())
        return false;
    disarm();
    aborted_ = true;
    env().scheduler().schedule(static_cast<awaited&>(*this));
    return true;
}

std::coroutine_handle<> sleep_operation::run() noexcept {
    awaited::unlink();
    return wake();
}

}  // namespace detail

// Returns the context's time, or the real time if the context has ended. After the end of the context, no
// task can be waiting for this timer, so the value has no effect.
time_point steady_timer::now() const noexcept {
    const io_context* context = context_.get();
    return context ? context->now() : std::chrono::steady_clock::now();
}

detail::environment& steady_timer::foreign_environment() const {
    io_context* context = context_.get();
    if (!context)
        detail::throw_failure(error::operation_aborted, "a steady_timer whose io_context has ended");
    return context->foreign_environment();
}

std::size_t steady_timer::cancel() noexcept {
    affinity_.require_thread("steady_timer: cancelled, set or destroyed");
    std::size_t cancelled = 0;
    while (!waits_.empty())
        if (auto& wait = static_cast<detail::sleep_operation&>(waits_.pop_front()); !affinity_.has_ended())
            cancelled += wait.abort();
    return cancelled;
}

}  // namespace coil::COIL_ABI
