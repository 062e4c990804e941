// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT

// Who won, and what the losers had come to all the same, is in it.
// first: co_await it

#include <coil/coro/task.hpp>
#include <coil/coro/yield.hpp>
#include <coil/sync/when_any.hpp>

coil::task<> race() {
#ifdef COIL_MUST_NOT_COMPILE
    coil::when_any(coil::yield(), coil::yield());
#else
    auto won = co_await coil::when_any(coil::yield(), coil::yield());
    static_cast<void>(won);
#endif
    co_return;
}
