// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT

// first: receive_into_a_non_const_buffer

#include <string>

#include <coil/coro/task.hpp>
#include <coil/net/tcp.hpp>

coil::task<> receive(coil::ip::tcp::socket& socket) {
#ifdef COIL_MUST_NOT_COMPILE
    const std::string buffer(100, '\0');
#else
    std::string buffer(100, '\0');
#endif
    co_await socket.recv(buffer);
}
