// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT

// A TCP echo server. Start it, then try `nc 127.0.0.1 7777` or tcp_echo_client.

#include <csignal>
#include <cstdio>
#include <utility>

#include <coil/coil.hpp>

#include "command_line.hpp"

using coil::ip::tcp;

// Serves one client. If the client resets the connection, the await throws an exception, which ends this task
// and is reported by coil. Silent clients stay connected; for idle timeouts, see graceful_echo_server.cpp.
coil::task<> echo(tcp::socket client) {
    auto incoming = client.recv_stream();
    while (auto chunk = co_await incoming.next())  // empty: the client has finished sending
        co_await coil::write(client, *chunk);      // the whole chunk
}

coil::task<> serve(coil::io_context& context, tcp::acceptor acceptor) {
    for (;;)
        coil::co_spawn(context, echo(co_await acceptor.accept()), coil::detached);
}

coil::task<> stop_at(coil::signal_set signals) {
    co_await signals.wait();
    signals.context().stop();
}

int main(int argc, char** argv) try {
    const example::command_line given(argc, argv, "Sends back what TCP clients send, until Ctrl-C.",
                                      {{"host", "ADDRESS", "address to listen on", "127.0.0.1"},
                                       {"port", "NUMBER", "port to listen on; 0: any free port", "7777"}});
    const tcp::endpoint local(given.address("host"), given.port("port", 0));

    coil::io_context context;
    coil::signal_set ctrl_c(context, SIGINT, SIGTERM);
    tcp::acceptor acceptor(context, local);
    acceptor.set_option(tcp::no_delay(true));  // accepted connections inherit the option
    std::printf("listening on %s\n", acceptor.local_endpoint().to_string().c_str());
    std::printf("engine: %s (%s)\n", to_string(context.engine()), context.engine_reason());
    std::fflush(stdout);

    coil::co_spawn(context, stop_at(std::move(ctrl_c)), coil::detached);
    coil::co_spawn(context, serve(context, std::move(acceptor)), coil::detached);
    context.run();
} catch (...) {
    return example::explain_failure();
}
