// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT

// A description that is not awaited does nothing.
// first: co_await it

#include <array>

#include <coil/coro/task.hpp>
#include <coil/net/tcp.hpp>

coil::task<> receive(coil::ip::tcp::socket& socket) {
    std::array<char, 10> buffer;
#ifdef COIL_MUST_NOT_COMPILE
    socket.recv(buffer);
#else
    co_await socket.recv(buffer);
#endif
    co_return;
}
