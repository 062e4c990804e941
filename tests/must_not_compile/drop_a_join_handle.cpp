// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT

// To run a task without joining it, write detached.
// first: coil::detached

#include <coil/loop/co_spawn.hpp>

coil::task<> work();

void start(coil::io_context& context) {
#ifdef COIL_MUST_NOT_COMPILE
    coil::co_spawn(context, work());
#else
    coil::co_spawn(context, work(), coil::detached);
#endif
}
