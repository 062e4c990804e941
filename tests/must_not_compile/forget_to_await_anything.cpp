// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT

// Each awaitable has the base class that explains the mistake, and the compiler prints each wrong line.
// expect: co_await is missing
// expect: bool allowed =
// expect: int answer =
// expect: number == 5
// expect: n == 0
// expect: tcp::socket peer =
// expect: while (auto line =
// expect: int message =
// expect: sent +=
// expect: std::size_t late =
// expect: if (AWAIT(coil::this_coro::stop_requested))
// expect: int result =

#include <chrono>

#include <coil/coil.hpp>

using coil::ip::tcp;

template <class Description>
    requires requires { typename Description::co_await_is_missing; }
Description explained(Description what) {
    return what;
}

#ifdef COIL_MUST_NOT_COMPILE
#define AWAIT(...) __VA_ARGS__
#else
#define AWAIT(...) co_await explained(__VA_ARGS__)
#endif

coil::task<bool> is_allowed();
coil::task<int> ask();

coil::task<bool> use(tcp::socket& socket, tcp::acceptor& acceptor, coil::buffered_reader<tcp::socket>& reader,
                     coil::channel<int>& channel, coil::join_handle<int> worker,
                     coil::mutable_buffer buffer) {
    bool allowed = AWAIT(is_allowed());
    int answer = AWAIT(ask());
    auto number = AWAIT(ask());
    if (number == 5)
        answer = 5;
    auto n = AWAIT(socket.recv(buffer));
    if (n == 0)
        answer = 6;
    tcp::socket peer = AWAIT(acceptor.accept());
    while (auto line = AWAIT(reader.read_line()))
        answer = 7;
    int message = *AWAIT(channel.receive());
    std::size_t sent = 0;
    sent += AWAIT(coil::write(socket, "hello"));
    std::size_t late = AWAIT(coil::timeout(socket.recv(buffer), std::chrono::seconds(5)));
    if (AWAIT(coil::this_coro::stop_requested))
        answer = 8;
    int result = AWAIT(worker.join());
    co_return allowed == (sent == late);
}
