// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT

// first: co_await is missing
// expect: auto [size, truncated, from] =
// expect: auto [error, n] =
// expect: auto [head, body] =

#include <array>

#include <coil/coro/as_tuple.hpp>
#include <coil/coro/task.hpp>
#include <coil/net/tcp.hpp>
#include <coil/net/udp.hpp>
#include <coil/sync/when_all.hpp>

#ifdef COIL_MUST_NOT_COMPILE
#define AWAIT(...) __VA_ARGS__
#else
#define AWAIT(...) co_await __VA_ARGS__
#endif

coil::task<int> fetch();

coil::task<> unpack(coil::ip::udp::socket& datagram, coil::ip::tcp::socket& stream) {
    std::array<char, 10> buffer;
    auto [size, truncated, from] = AWAIT(datagram.recvfrom(buffer));
    auto [error, n] = AWAIT(coil::as_tuple(stream.recv(buffer)));
    auto [head, body] = AWAIT(coil::when_all(fetch(), fetch()));
    co_return;
}
