// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT

// A minimal echo server that uses Boost.Asio. Its compile time is compared with that of coil_echo.cpp.

#include <array>
#include <cstddef>
#include <utility>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>

namespace asio = boost::asio;
using asio::ip::tcp;

asio::awaitable<void> echo(tcp::socket client) {
    std::array<std::byte, 4096> buffer;
    for (;;) {
        const std::size_t n = co_await client.async_read_some(asio::buffer(buffer), asio::use_awaitable);
        co_await asio::async_write(client, asio::buffer(buffer, n), asio::use_awaitable);
    }
}

asio::awaitable<void> serve(asio::io_context& context, tcp::acceptor acceptor) {
    for (;;)
        asio::co_spawn(context, echo(co_await acceptor.async_accept(asio::use_awaitable)), asio::detached);
}

int main() {
    asio::io_context context;
    tcp::acceptor acceptor(context, {asio::ip::address_v4::loopback(), 7777});
    asio::co_spawn(context, serve(context, std::move(acceptor)), asio::detached);
    context.run();
}
