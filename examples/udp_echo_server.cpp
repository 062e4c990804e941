// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT

// A UDP server that sends back every datagram: start it, then try `nc -u 127.0.0.1 7777` or udp_echo_client.

#include <csignal>
#include <cstdio>
#include <exception>
#include <system_error>
#include <utility>

#include <coil/coil.hpp>

#include "command_line.hpp"

using coil::ip::udp;

coil::task<> echo(udp::socket socket) {
    auto incoming = socket.recvfrom_stream();
    while (auto datagram = co_await incoming.next()) {
        // A reply that can't be sent is like one that gets lost on the way: UDP promises nothing.
        std::error_code ignored;
        co_await coil::redirect_error(socket.sendto(*datagram, datagram->from), ignored);
    }
}

// The same with a receive and a send for many datagrams, if the kernel has them come together.
coil::task<> echo_trains(udp::socket socket) {
    socket.set_option(udp::receive_offload(true));
    auto incoming = socket.recvfrom_stream();
    while (auto train = co_await incoming.next_train()) {
        std::error_code ignored;
        co_await coil::redirect_error(socket.sendto(train->segments(), train->from), ignored);
    }
}

coil::task<> stop_at(coil::signal_set signals) {
    co_await signals.wait();
    signals.context().stop();
}

int main(int argc, char** argv) try {
    const example::command_line given(
        argc, argv, "Sends back what UDP clients send, until Ctrl-C.",
        {{"host", "ADDRESS", "listen on this address", "127.0.0.1"},
         {"port", "NUMBER", "and this port; 0: any free one", "7777"},
         {"trains", nullptr, "receive and send trains of datagrams, where the kernel can"}});
    const udp::endpoint local(given.address("host"), given.port("port", 0));

    coil::io_context context({.datagram_max = 65507});  // no datagram is larger
    coil::signal_set ctrl_c(context, SIGINT, SIGTERM);
    udp::socket socket(context, local);
    std::printf("listening on %s\n", socket.local_endpoint().to_string().c_str());
    std::fflush(stdout);

    // Without its one task this server is of no use: an error that ends it leaves through run().
    context.on_task_error(
        [](const coil::task_failure& failure) { std::rethrow_exception(failure.exception); });
    coil::co_spawn(context, stop_at(std::move(ctrl_c)), coil::detached);
    const auto serve = given.has("trains") ? echo_trains : echo;
    coil::co_spawn(context, serve(std::move(socket)), coil::detached);
    context.run();
} catch (...) {
    return example::explain_failure();
}
