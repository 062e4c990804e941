// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT

// first: co_await it

#include <chrono>

#include <coil/algo/timeout.hpp>
#include <coil/coro/task.hpp>
#include <coil/io/sleep.hpp>

coil::task<> wait() {
#ifdef COIL_MUST_NOT_COMPILE
    coil::timeout(coil::sleep_for(std::chrono::seconds(2)), std::chrono::seconds(1));
#else
    co_await coil::timeout(coil::sleep_for(std::chrono::seconds(2)), std::chrono::seconds(1));
#endif
    co_return;
}
