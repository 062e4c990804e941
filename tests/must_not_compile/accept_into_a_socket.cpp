// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT

// first: accept() returns the socket

#include <coil/coro/task.hpp>
#include <coil/net/tcp.hpp>

using coil::ip::tcp;

coil::task<> accept(tcp::acceptor& acceptor, tcp::socket& peer) {
#ifdef COIL_MUST_NOT_COMPILE
    co_await acceptor.accept(peer);
#else
    tcp::endpoint from;
    peer = co_await acceptor.accept(from);
#endif
}
