// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT

// first: write -> coil::task<> behind the parameters of a lambda

#include <coil/sync/task_group.hpp>

void start(coil::task_group& group) {
#ifdef COIL_MUST_NOT_COMPILE
    group.start([] {});
#else
    group.start([]() -> coil::task<> { co_return; });
#endif
}
