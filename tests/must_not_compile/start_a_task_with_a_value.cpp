// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT

// first: a group discards the values of its tasks

#include <utility>

#include <coil/sync/task_group.hpp>

#ifdef COIL_MUST_NOT_COMPILE
coil::task<int> work();
#else
coil::task<> work();
#endif

void start(coil::task_group& group) {
    auto named = work();
    group.start(std::move(named));
}
