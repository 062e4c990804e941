// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT

// The textbook UDP client: getaddrinfo, socket, sendto, recvfrom. The datagram or its reply may get lost, so
// the client sends up to three times to each address. Start udp_server first.

#include <array>
#include <chrono>
#include <cstdio>
#include <stdexcept>
#include <string>
#include <system_error>

#include <coil/coil.hpp>

#include "command_line.hpp"

using coil::ip::udp;
using namespace std::chrono_literals;

coil::task<> talk(std::string host, std::string port, std::string message) {
    coil::io_context& context = co_await coil::this_coro::context;
    udp::resolver resolver(context);
    const auto addresses = co_await coil::timeout(resolver.resolve(host, port), 10s);
    for (const udp::endpoint& server: addresses) {
        udp::socket socket(context, server.protocol());
        std::array<char, 65536> buffer;
        for (int attempt = 0; attempt < 3; ++attempt) {
            co_await socket.sendto(message, server);
            const auto [error, answer] =
                co_await coil::as_tuple(coil::timeout(socket.recvfrom(buffer), 500ms));
            if (!error) {
                std::printf("%.*s\n", static_cast<int>(answer.size), buffer.data());
                co_return;
            }
            if (error != coil::error::timed_out)
                throw std::system_error(error, "recvfrom " + server.to_string());
        }
    }
    throw std::runtime_error("no answer from " + host);
}

int main(int argc, char** argv) try {
    const example::command_line given(
        argc, argv, "Sends a datagram to a UDP server and prints the reply.",
        {{"host", "NAME", "the server's name, or its address", "localhost", true},
         {"port", "PORT", "the server's port, or service", "7777", true},
         {"message", "TEXT", "what to send", "hello", true}});
    coil::sync_wait(talk(given.host("host"), given.text("port"), given.text("message")));
} catch (...) {
    return example::explain_failure();
}
