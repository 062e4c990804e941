// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT

// Without the co_await the task would never run, and the test would always be true.
// first: co_await_the_task

#include <coil/coro/task.hpp>

coil::task<bool> is_allowed(int user);

coil::task<bool> check(int user) {
#ifdef COIL_MUST_NOT_COMPILE
    const bool allowed = is_allowed(user) ? true : false;
#else
    const bool allowed = co_await is_allowed(user);
#endif
    co_return allowed;
}
