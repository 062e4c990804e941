// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#include <coil/io/sleep.hpp>
#include <coil/io/steady_timer.hpp>

namespace coil::COIL_ABI {

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

std::size_t steady_timer::cancel() noexcept {
    std::size_t cancelled = 0;
    while (!waits_.empty())
        cancelled += static_cast<sleep_operation&>(waits_.pop_front()).abort();
    return cancelled;
}

}  // namespace coil::COIL_ABI
