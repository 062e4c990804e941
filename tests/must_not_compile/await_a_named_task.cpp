// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT

// A task is awaited once, so it must be moved: the name is empty afterwards.
// expect: a task must be an rvalue

#include <utility>

#include <coil/coro/task.hpp>

coil::task<int> work();

coil::task<int> wait() {
    auto named = work();
#ifdef COIL_MUST_NOT_COMPILE
    co_return co_await named;
#else
    co_return co_await std::move(named);
#endif
}
