// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT

// expect: co_spawn takes a task, or a function that returns a task, with its arguments

#include <coil/loop/co_spawn.hpp>

void start(coil::io_context& context) {
#ifdef COIL_MUST_NOT_COMPILE
    coil::co_spawn(context, [] { return 7; }, coil::detached);
#else
    coil::co_spawn(context, []() -> coil::task<int> { co_return 7; }, coil::detached);
#endif
}
