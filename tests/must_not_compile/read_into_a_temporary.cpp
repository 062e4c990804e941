// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT

// first: receive_into_a_named_buffer

#include <string>

#include <coil/algo/read.hpp>
#include <coil/coro/task.hpp>
#include <coil/net/tcp.hpp>

coil::task<> receive(coil::ip::tcp::socket& socket) {
    std::string buffer(100, '\0');
#ifdef COIL_MUST_NOT_COMPILE
    co_await coil::read(socket, std::string(100, '\0'));
#else
    co_await coil::read(socket, buffer);
#endif
}
