// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT

// A task that is not awaited never runs.
// first: co_await it

#include <coil/coro/task.hpp>

coil::task<> work();

coil::task<> wait() {
#ifdef COIL_MUST_NOT_COMPILE
    work();
#else
    co_await work();
#endif
    co_return;
}
