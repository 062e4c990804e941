// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT

// The textbook's TCP server: socket, bind, listen, accept, and for each client recv and send until it has finished; all clients
// at once, on one thread.

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
    const example::command_line given(argc, argv, "Sends each client what it sends.",
                                      {{"host", "ADDRESS", "listen on this address of the machine", "::"},
                                       {"port", "PORT", "and on this port; 0: any", "7777", true}});
    coil::io_context context;
    tcp::acceptor acceptor(context, {given.address("host"), given.port("port", 0)});
    std::printf("listening on %s\n", acceptor.local_endpoint().to_string().c_str());
    std::fflush(stdout);
    coil::co_spawn(context, serve(context, std::move(acceptor)), coil::detached);
    context.run();
} catch (...) {
    return example::explain_failure();
}
