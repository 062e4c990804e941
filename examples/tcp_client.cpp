// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT

// The textbook TCP client: getaddrinfo, socket, connect, send, shutdown, recv, close. It sends a message and
// prints the reply. Start tcp_server first.

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdio>
#include <string>

#include <coil/coil.hpp>

#include "command_line.hpp"

using coil::ip::tcp;
using namespace std::chrono_literals;

coil::task<> talk(std::string host, std::string port, std::string message) {
    coil::io_context& context = co_await coil::this_coro::context;
    tcp::resolver resolver(context);
    const auto addresses = co_await coil::timeout(resolver.resolve(host, port), 10s);
    tcp::socket server = co_await coil::timeout(coil::connect(context, addresses), 10s);
    co_await coil::write(server, message, "\n");
    server.shutdown(tcp::socket::shutdown_send);  // half-close: the server sees the end of the stream
    std::array<char, 4096> buffer;
    while (const std::size_t n = co_await coil::timeout(server.recv(buffer), 10s))
        std::fwrite(buffer.data(), 1, n, stdout);
}

int main(int argc, char** argv) try {
    const example::command_line given(
        argc, argv, "Sends a line to a TCP server and prints the reply.",
        {{"host", "NAME", "the server's name, or its address", "localhost", true},
         {"port", "PORT", "the server's port, or service", "7777", true},
         {"message", "TEXT", "what to send", "hello", true}});
    coil::sync_wait(talk(given.host("host"), given.text("port"), given.text("message")));
} catch (...) {
    return example::explain_failure();
}
