// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT

// first: co_await it

#include <coil/algo/write.hpp>
#include <coil/coro/task.hpp>
#include <coil/net/tcp.hpp>

coil::task<> send(coil::ip::tcp::socket& socket) {
#ifdef COIL_MUST_NOT_COMPILE
    coil::write(socket, "hello");
#else
    co_await coil::write(socket, "hello");
#endif
    co_return;
}
