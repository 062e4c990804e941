// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT

// A task is awaited once, so it is moved into the race.
// expect: deleted

#include <utility>

#include <coil/coro/task.hpp>
#include <coil/sync/when_any.hpp>

coil::task<> race(coil::task<int> one, coil::task<int> other) {
#ifdef COIL_MUST_NOT_COMPILE
    static_cast<void>(co_await coil::when_any(one, other));
#else
    static_cast<void>(co_await coil::when_any(std::move(one), std::move(other)));
#endif
}
