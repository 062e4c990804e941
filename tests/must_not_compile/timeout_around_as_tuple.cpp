// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT

// as_tuple would return the error, so the timeout could not report that its deadline has passed.
// expect: the deadline would be swallowed

#include <array>
#include <chrono>

#include <coil/algo/timeout.hpp>
#include <coil/coro/as_tuple.hpp>
#include <coil/coro/task.hpp>
#include <coil/net/tcp.hpp>

coil::task<> receive(coil::ip::tcp::socket& socket) {
    std::array<char, 10> buffer;
#ifdef COIL_MUST_NOT_COMPILE
    auto [ec, n] = co_await coil::timeout(coil::as_tuple(socket.recv(buffer)), std::chrono::seconds(1));
#else
    auto [ec, n] = co_await coil::as_tuple(coil::timeout(socket.recv(buffer), std::chrono::seconds(1)));
#endif
    static_cast<void>(ec);
    static_cast<void>(n);
}
