// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT

// The result names the winner, and holds the outcomes of all branches.
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
