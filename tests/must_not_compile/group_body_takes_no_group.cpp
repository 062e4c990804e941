// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT

// first: with_group takes a function of the group

#include <coil/coro/task.hpp>
#include <coil/sync/task_group.hpp>

coil::task<> run() {
#ifdef COIL_MUST_NOT_COMPILE
    co_await coil::with_group([]() -> coil::task<> { co_return; });
#else
    co_await coil::with_group([](coil::task_group&) -> coil::task<> { co_return; });
#endif
}
