// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT

// A literal 0 would be accepted as a null pointer to a string.
// first: write_the_port_as_a_text

#include <coil/coro/task.hpp>
#include <coil/net/tcp.hpp>
#include <coil/resolver/resolver.hpp>

coil::task<> look_up(coil::ip::tcp::resolver& resolver) {
#ifdef COIL_MUST_NOT_COMPILE
    const auto found = co_await resolver.resolve("localhost", 0);
#else
    const auto found = co_await resolver.resolve("localhost", "0");
#endif
}
