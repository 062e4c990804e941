// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT

// The most common mistake with a group.
// first: write -> coil::task<> behind its parameters

#include <coil/coro/task.hpp>
#include <coil/sync/task_group.hpp>

coil::task<> serve();

coil::task<> run() {
#ifdef COIL_MUST_NOT_COMPILE
    co_await coil::with_group([](coil::task_group& group) { group.start(serve); });
#else
    co_await coil::with_group([](coil::task_group& group) -> coil::task<> {
        group.start(serve);
        co_return;
    });
#endif
}
