// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT

// first: co_await_its_next

#include <coil/coro/async_generator.hpp>
#include <coil/coro/task.hpp>

coil::async_generator<int> numbers();

coil::task<bool> are_there_any() {
    auto all = numbers();
#ifdef COIL_MUST_NOT_COMPILE
    if (numbers())
#else
    if (co_await all.next())
#endif
        co_return true;
    co_return false;
}
