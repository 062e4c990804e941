// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT

// The shield would hide the deadline from its operand.
// expect: write shield(timeout(x, 5s))

#include <chrono>

#include <coil/algo/timeout.hpp>
#include <coil/coro/shield.hpp>
#include <coil/coro/task.hpp>
#include <coil/coro/yield.hpp>

coil::task<> clean_up() {
#ifdef COIL_MUST_NOT_COMPILE
    co_await coil::timeout(coil::shield(coil::yield()), std::chrono::seconds(1));
#else
    co_await coil::shield(coil::timeout(coil::yield(), std::chrono::seconds(1)));
#endif
}
