// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT

// expect: this can't be awaited

#include <coil/coro/task.hpp>

coil::task<int> number();

coil::task<int> wait() {
#ifdef COIL_MUST_NOT_COMPILE
    co_return co_await 7;
#else
    co_return co_await number();
#endif
}
