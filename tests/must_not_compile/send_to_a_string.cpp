// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT

// The address of a UNIX domain socket is a path, so a string is an endpoint there.
// first: sendto takes an endpoint

#include <string>

#include <coil/coro/task.hpp>
#include <coil/net/local.hpp>
#include <coil/net/udp.hpp>

using coil::ip::udp;

coil::task<> send(udp::socket& socket, coil::local::datagram_protocol::socket& local, std::string path) {
    co_await local.sendto("hello", path);
#ifdef COIL_MUST_NOT_COMPILE
    co_await socket.sendto("hello", "127.0.0.1:7777");
#else
    co_await socket.sendto("hello", udp::endpoint(coil::ip::make_endpoint("127.0.0.1:7777")));
#endif
}
