// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT

// first: nobody takes the value of a task in a group

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
