// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT

// A resolve that is not awaited does nothing.
// first: co_await it

#include <coil/coro/task.hpp>
#include <coil/net/tcp.hpp>
#include <coil/resolver/resolver.hpp>

coil::task<> work(coil::ip::tcp::resolver& resolver) {
#ifdef COIL_MUST_NOT_COMPILE
    resolver.resolve("localhost", "80");
#else
    const auto found = co_await resolver.resolve("localhost", "80");
#endif
    co_return;
}
