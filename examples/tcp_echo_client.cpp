// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT

// A TCP echo client that checks every byte. Start tcp_echo_server first.

#include <chrono>
#include <csignal>
#include <cstddef>
#include <cstdio>
#include <exception>
#include <stdexcept>
#include <string>
#include <vector>

#include <coil/coil.hpp>

#include "command_line.hpp"
#include "payload.hpp"

using coil::ip::tcp;

struct plan {
    std::string host;
    std::string port;
    std::size_t connections;
    std::size_t size;
    std::size_t count;
    std::chrono::milliseconds time_limit;
};

// Runs one connection: sends a message, reads its echo, and repeats.
coil::task<> talk(coil::io_context& context, const plan& plan, const tcp::resolver::results_type& addresses,
                  std::size_t seed) {
    const example::payload payload(plan.size, seed);
    std::vector<std::byte> reply(plan.size);

    tcp::socket server = co_await coil::timeout(coil::connect(context, addresses), plan.time_limit);
    server.set_option(tcp::no_delay(true));
    for (std::size_t number = 0; number < plan.count; ++number) {
        co_await coil::timeout(coil::write(server, payload.message(number)), plan.time_limit);
        co_await coil::timeout(coil::read(server, reply), plan.time_limit);
        payload.check(number, reply);
    }
}

coil::task<> talk_on_all(coil::io_context& context, const plan& plan) {
    tcp::resolver resolver(context);
    const auto addresses = co_await coil::timeout(resolver.resolve(plan.host, plan.port), plan.time_limit);
    std::vector<coil::join_handle<void>> connections;
    connections.reserve(plan.connections);
    for (std::size_t i = 0; i < plan.connections; ++i)
        connections.push_back(coil::co_spawn(context, talk(context, plan, addresses, i)));
    for (auto& each: connections)
        co_await each.join();
    context.stop();
}

coil::task<> fail_at(coil::signal_set signals) {
    co_await signals.wait();
    throw std::runtime_error("interrupted");
}

int main(int argc, char** argv) try {
    const example::command_line given(
        argc, argv,
        "Sends messages to a TCP echo server, one at a time on each connection, "
        "and checks what comes back.",
        {{"host", "NAME", "the server's name, or its address", "127.0.0.1", true},
         {"port", "PORT", "the server's port", "7777", true},
         {"connections", "NUMBER", "number of simultaneous connections", "1"},
         {"size", "BYTES", "size of each message", "64"},
         {"count", "NUMBER", "number of messages per connection", "1000"},
         {"timeout", "MS", "how long to wait for each step", "10000"}});
    // The message size is limited, because larger messages would need two tasks, one that sends and one that
    // receives.
    const plan plan{.host = given.host("host"),
                    .port = std::to_string(given.port("port", 1)),
                    .connections = given.number("connections", 1, 100'000),
                    .size = given.number("size", 1, 65'536),
                    .count = given.number("count", 1, 1'000'000'000),
                    .time_limit = given.milliseconds("timeout")};

    coil::io_context context;
    // An exception in a task ends the program, because run() throws it.
    context.on_task_error(
        [](const coil::task_failure& failure) { std::rethrow_exception(failure.exception); });
    coil::co_spawn(context, fail_at(coil::signal_set(context, SIGINT, SIGTERM)), coil::detached);
    coil::co_spawn(context, talk_on_all(context, plan), coil::detached);

    const auto begin = std::chrono::steady_clock::now();
    context.run();
    const std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - begin;

    const std::size_t messages = plan.connections * plan.count;
    std::printf("%zu messages, %zu bytes, %.3f s, %.0f messages/s\n", messages, messages * plan.size,
                elapsed.count(), static_cast<double>(messages) / elapsed.count());
} catch (...) {
    return example::explain_failure();
}
