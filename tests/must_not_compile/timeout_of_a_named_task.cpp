// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT

// expect: deleted

#include <chrono>
#include <utility>

#include <coil/algo/timeout.hpp>
#include <coil/coro/task.hpp>

coil::task<> work();

coil::task<> wait() {
    auto named = work();
#ifdef COIL_MUST_NOT_COMPILE
    co_await coil::timeout(named, std::chrono::seconds(1));
#else
    co_await coil::timeout(std::move(named), std::chrono::seconds(1));
#endif
}
