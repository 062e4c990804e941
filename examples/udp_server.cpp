// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT

// The textbook UDP server: socket, bind, recvfrom, sendto.

#include <array>
#include <cstddef>
#include <cstdio>
#include <span>
#include <system_error>

#include <coil/coil.hpp>

#include "command_line.hpp"

using coil::ip::udp;

coil::task<> echo(udp::socket socket) {
    std::array<std::byte, 65536> buffer;
    for (;;) {
        const auto [size, truncated, from] = co_await socket.recvfrom(buffer);
        // A failed reply does not end the server, because the sender's address may be one to which nothing
        // can be sent.
        std::error_code refused;
        co_await coil::redirect_error(socket.sendto(std::span(buffer).first(size), from), refused);
        if (refused)
            std::fprintf(stderr, "sendto %s: %s\n", from.to_string().c_str(), refused.message().c_str());
    }
}

int main(int argc, char** argv) try {
    const example::command_line given(argc, argv, "Echoes each datagram to its sender.",
                                      {{"host", "ADDRESS", "address to listen on", "::"},
                                       {"port", "PORT", "port to listen on; 0: any free one", "7777", true}});
    coil::io_context context;
    udp::socket socket(context, {given.address("host"), given.port("port", 0)});
    std::printf("listening on %s\n", socket.local_endpoint().to_string().c_str());
    std::fflush(stdout);
    coil::co_spawn(context, echo(std::move(socket)), coil::detached);
    context.run();
} catch (...) {
    return example::explain_failure();
}
