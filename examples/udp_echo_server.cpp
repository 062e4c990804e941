// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT

// A UDP echo server. Start it, then try `nc -u 127.0.0.1 7777` or udp_echo_client.

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
        // A failed reply is treated like a lost datagram, because UDP does not guarantee delivery.
        std::error_code ignored;
        co_await coil::redirect_error(socket.sendto(*datagram, datagram->from), ignored);
    }
}

// Echoes whole trains of datagrams (GRO, GSO), with one receive and one send per train.
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
        {{"host", "ADDRESS", "address to listen on", "127.0.0.1"},
         {"port", "NUMBER", "port to listen on; 0: any free port", "7777"},
         {"trains", nullptr, "receive and send trains of datagrams, if the kernel supports it"}});
    const udp::endpoint local(given.address("host"), given.port("port", 0));

    coil::io_context context({.datagram_max = 65507});  // the maximum over IPv4
    coil::signal_set ctrl_c(context, SIGINT, SIGTERM);
    udp::socket socket(context, local);
    std::printf("listening on %s\n", socket.local_endpoint().to_string().c_str());
    std::printf("engine: %s (%s)\n", to_string(context.engine()), context.engine_reason());
    std::fflush(stdout);

    // The server is a single task. If an exception ends that task, run() throws the exception.
    context.on_task_error(
        [](const coil::task_failure& failure) { std::rethrow_exception(failure.exception); });
    coil::co_spawn(context, stop_at(std::move(ctrl_c)), coil::detached);
    const auto serve = given.has("trains") ? echo_trains : echo;
    coil::co_spawn(context, serve(std::move(socket)), coil::detached);
    context.run();
} catch (...) {
    return example::explain_failure();
}
