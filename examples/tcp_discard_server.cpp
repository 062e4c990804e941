// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT

// A TCP server that discards all data (RFC 863). Start it, then try `nc 127.0.0.1 7777 </dev/zero`.

#include <csignal>
#include <cstdio>
#include <utility>

#include <coil/coil.hpp>

#include "command_line.hpp"

using coil::ip::tcp;

// Serves one client.
coil::task<> discard(tcp::socket client) {
    auto incoming = client.recv_stream();
    while (auto chunk = co_await incoming.next())  // empty: the client has finished sending
        ;
}

coil::task<> serve(coil::io_context& context, tcp::acceptor acceptor) {
    for (;;)
        coil::co_spawn(context, discard(co_await acceptor.accept()), coil::detached);
}

coil::task<> stop_at(coil::signal_set signals) {
    co_await signals.wait();
    signals.context().stop();
}

int main(int argc, char** argv) try {
    const example::command_line given(argc, argv,
                                      "Receives and discards the data of TCP clients, until Ctrl-C.",
                                      {{"host", "ADDRESS", "address to listen on", "127.0.0.1"},
                                       {"port", "NUMBER", "port to listen on; 0: any free port", "7777"}});
    const tcp::endpoint local(given.address("host"), given.port("port", 0));

    coil::io_context context;
    coil::signal_set ctrl_c(context, SIGINT, SIGTERM);
    tcp::acceptor acceptor(context, local);
    std::printf("listening on %s\n", acceptor.local_endpoint().to_string().c_str());
    std::fflush(stdout);

    coil::co_spawn(context, stop_at(std::move(ctrl_c)), coil::detached);
    coil::co_spawn(context, serve(context, std::move(acceptor)), coil::detached);
    context.run();
} catch (...) {
    return example::explain_failure();
}
