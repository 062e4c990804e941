// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT

// A client of a UDP echo server that checks every byte and counts losses: start udp_echo_server, then this.

#include <array>
#include <bit>
#include <chrono>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <exception>
#include <span>
#include <stdexcept>
#include <string>
#include <system_error>
#include <vector>

#include <coil/coil.hpp>

#include "command_line.hpp"
#include "payload.hpp"

using coil::ip::udp;

struct plan {
    std::string host;
    std::string port;
    std::size_t size;
    std::size_t count;
    std::chrono::milliseconds patience;
};

// A datagram is its number and the payload of that number: so an echo that comes late, or twice, is known.
using header = std::array<std::byte, sizeof(std::uint64_t)>;

header header_of(std::uint64_t number) { return std::bit_cast<header>(number); }

std::uint64_t number_in(std::span<const std::byte> datagram) {
    std::uint64_t number = 0;
    std::memcpy(&number, datagram.data(), sizeof number);
    return number;
}

// Waits for the echo of datagram `number`. False if it got lost.
coil::task<bool> receive(udp::socket& server, const plan& plan, const example::payload& payload,
                         std::uint64_t number, std::span<std::byte> buffer) {
    for (;;) {
        const auto [error, received] =
            co_await coil::as_tuple(coil::timeout(server.recv(buffer), plan.patience));
        if (error == coil::error::timed_out)
            co_return false;
        if (error)
            throw std::system_error(error, "recv from " + server.remote_endpoint().to_string());
        const auto echo = buffer.first(received.size);
        if (received.truncated || echo.size() < sizeof(header) || number_in(echo) > number)
            throw std::runtime_error("a datagram came that was never sent");
        payload.check(number_in(echo), echo.subspan(sizeof(header)));
        if (number_in(echo) == number)
            co_return true;
    }
}

// Sends the first datagram, and waits for what comes back.
coil::task<> knock(udp::socket& server, const udp::endpoint& at, const plan& plan,
                   const example::payload& payload) {
    const header front = header_of(0);
    std::vector<std::byte> reply(plan.size);
    co_await server.connect(at);
    co_await server.send(front, payload.message(0));
    co_await coil::timeout(server.recv(reply), plan.patience);
}

// A socket to the first address at which somebody listens. A connect asks nobody, but a datagram that finds nobody is refused. One
// that is lost settles nothing: that address will do.
coil::task<udp::socket> connect(coil::io_context& context, const plan& plan,
                                const udp::resolver::results_type& addresses,
                                const example::payload& payload) {
    if (addresses.size() == 1)
        co_return co_await coil::connect(context, addresses);
    std::string reasons;
    for (const udp::endpoint& each: addresses) {
        udp::socket server(context);
        const auto [error] = co_await coil::as_tuple(knock(server, each, plan, payload));
        if (!error || error == coil::error::timed_out)
            co_return server;
        reasons += (reasons.empty() ? "" : ", ") + each.to_string() + " (" + error.message() + ")";
    }
    throw std::runtime_error("nobody answers: " + reasons);
}

// One datagram, its echo, the next datagram.
coil::task<> talk(coil::io_context& context, const plan& plan, std::size_t& lost) {
    const example::payload payload(plan.size - sizeof(header), 1);
    std::vector<std::byte> buffer(plan.size);

    udp::resolver resolver(context);
    const auto addresses = co_await coil::timeout(resolver.resolve(plan.host, plan.port), plan.patience);
    udp::socket server = co_await connect(context, plan, addresses, payload);
    for (std::uint64_t number = 0; number < plan.count; ++number) {
        const header front = header_of(number);
        co_await server.send(front, payload.message(number));
        if (!co_await receive(server, plan, payload, number, buffer))
            ++lost;
    }
    if (lost == plan.count)
        throw std::runtime_error("none of " + std::to_string(plan.count) + " datagrams came back from " +
                                 server.remote_endpoint().to_string());
    context.stop();
}

coil::task<> fail_at(coil::signal_set signals) {
    co_await signals.wait();
    throw std::runtime_error("interrupted");
}

int main(int argc, char** argv) try {
    const example::command_line given(
        argc, argv, "Sends datagrams to a UDP echo server, one at a time, and checks what comes back.",
        {{"host", "NAME", "the server's name, or its address", "127.0.0.1", true},
         {"port", "PORT", "the server's port", "7777", true},
         {"size", "BYTES", "how large each datagram is", "64"},
         {"count", "NUMBER", "how many datagrams", "1000"},
         {"timeout", "MS", "how long to wait before one counts as lost", "1000"}});
    const plan plan{.host = given.host("host"),
                    .port = std::to_string(given.port("port", 1)),
                    .size = given.number("size", sizeof(header), 65'507),
                    .count = given.number("count", 1, 1'000'000'000),
                    .patience = given.milliseconds("timeout")};

    coil::io_context context;
    // What goes wrong in a task ends the program: it leaves through run().
    context.on_task_error(
        [](const coil::task_failure& failure) { std::rethrow_exception(failure.exception); });
    std::size_t lost = 0;
    coil::co_spawn(context, fail_at(coil::signal_set(context, SIGINT, SIGTERM)), coil::detached);
    coil::co_spawn(context, talk(context, plan, lost), coil::detached);

    const auto begin = std::chrono::steady_clock::now();
    context.run();
    const std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - begin;

    const std::size_t echoed = plan.count - lost;
    std::printf("%zu messages, %zu lost, %zu bytes, %.3f s, %.0f messages/s\n", echoed, lost,
                echoed * plan.size, elapsed.count(), static_cast<double>(echoed) / elapsed.count());
} catch (...) {
    return example::explain_failure();
}
