// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT

// The value would be lost.
// expect: a group discards the values of its tasks

#include <coil/coro/task.hpp>
#include <coil/sync/task_group.hpp>

#ifdef COIL_MUST_NOT_COMPILE
coil::task<int> work() { co_return 1; }
#else
coil::task<> work() { co_return; }
#endif

void start(coil::task_group& group) { group.start(work); }
