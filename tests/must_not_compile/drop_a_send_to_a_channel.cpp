// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT

// A description that is not awaited does nothing.
// first: co_await it

#include <coil/coro/task.hpp>
#include <coil/sync/channel.hpp>

coil::task<> pass(coil::channel<int>& into) {
#ifdef COIL_MUST_NOT_COMPILE
    into.send(1);
#else
    co_await into.send(1);
#endif
    co_return;
}
