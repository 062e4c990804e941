// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT

// The textbook TCP server: socket, bind, listen and accept; then recv and send until the client has finished.
// It serves all clients concurrently, on one thread.

#include <array>
#include <cstddef>
#include <cstdio>
#include <exception>
#include <span>

#include <coil/coil.hpp>

#include "command_line.hpp"

using coil::ip::tcp;

coil::task<> echo(tcp::socket client) {
    std::array<std::byte, 4096> buffer;
    while (const std::size_t n = co_await client.recv(buffer))
        co_await coil::write(client, std::span(buffer).first(n));
}

coil::task<> serve(coil::io_context& context, tcp::acceptor acceptor) {
    for (;;)
        coil::co_spawn(context, echo(co_await acceptor.accept()), coil::detached);
}

int main(int argc, char** argv) try {
    const example::command_line given(argc, argv, "Echoes the data of TCP clients.",
                                      {{"host", "ADDRESS", "address to listen on", "::"},
                                       {"port", "PORT", "port to listen on; 0: any free one", "7777", true}});
    coil::io_context context;
    tcp::acceptor acceptor(context, {given.address("host"), given.port("port", 0)});
    std::printf("listening on %s\n", acceptor.local_endpoint().to_string().c_str());
    std::fflush(stdout);
    coil::co_spawn(context, serve(context, std::move(acceptor)), coil::detached);
    context.run();
} catch (...) {
    return example::explain_failure();
}
