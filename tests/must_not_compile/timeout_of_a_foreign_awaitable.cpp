// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT

// A foreign awaitable can't be stopped, so a deadline could only abandon it.
// expect: timeout takes an operation that can be stopped

#include <chrono>
#include <coroutine>

#include <coil/algo/timeout.hpp>
#include <coil/coro/task.hpp>

struct foreign {
    bool await_ready() const noexcept { return true; }
    void await_suspend(std::coroutine_handle<>) const noexcept {}
    void await_resume() const noexcept {}
};

coil::task<> wait() {
#ifdef COIL_MUST_NOT_COMPILE
    co_await coil::timeout(foreign(), std::chrono::seconds(1));
#else
    co_await foreign();
#endif
}
