// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT

// The result holds the errors of all branches. g++ 12 does not warn if the result of an await is dropped;
// tools/check_coroutines does.
// expect: it holds the winner and the errors

#include <cstddef>

#include <coil/coro/task.hpp>
#include <coil/coro/yield.hpp>
#include <coil/sync/when_any.hpp>

coil::task<std::size_t> receive();

coil::task<> race() {
#if !defined(COIL_MUST_NOT_COMPILE)
    const auto won = co_await coil::when_any(receive(), coil::yield());
    if (won.index() == 0)
        won.get<0>().value();  // throws the error; the value may be dropped
#elif defined(__clang__)
    co_await coil::when_any(receive(), coil::yield());
#else
#error "it holds the winner and the errors"
#endif
}
