// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT

// The buffer would be destroyed before the bytes arrive.
// first: receive_into_a_named_buffer

#include <vector>

#include <coil/coro/task.hpp>
#include <coil/net/tcp.hpp>

coil::task<> receive(coil::ip::tcp::socket& socket) {
    std::vector<char> buffer(100);
#ifdef COIL_MUST_NOT_COMPILE
    co_await socket.recv(std::vector<char>(100));
#else
    co_await socket.recv(buffer);
#endif
}
