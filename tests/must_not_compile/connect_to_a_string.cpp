// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT

// first: connect takes an endpoint

#include <coil/coro/task.hpp>
#include <coil/net/tcp.hpp>

using coil::ip::tcp;

coil::task<> connect(tcp::socket& socket) {
#ifdef COIL_MUST_NOT_COMPILE
    co_await socket.connect("127.0.0.1", 80);
#else
    co_await socket.connect(tcp::endpoint(coil::ip::make_endpoint("127.0.0.1:80")));
#endif
}
