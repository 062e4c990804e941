// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT

// A UDP echo client that checks every byte and counts lost datagrams. Start udp_echo_server first.

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
    std::chrono::milliseconds time_limit;
};

// A datagram consists of its number and the payload for that number, so that late and duplicate echoes are
// detected.
using header = std::array<std::byte, sizeof(std::uint64_t)>;

header header_of(std::uint64_t number) { return std::bit_cast<header>(number); }

std::uint64_t number_in(std::span<const std::byte> datagram) {
    std::uint64_t number = 0;
    std::memcpy(&number, datagram.data(), sizeof number);
    return number;
}

// Waits for the echo of datagram `number`. Returns false if the datagram or its echo was lost.
coil::task<bool> receive(udp::socket& server, const plan& plan, const example::payload& payload,
                         std::uint64_t number, std::span<std::byte> buffer) {
    for (;;) {
        const auto [error, received] =
            co_await coil::as_tuple(coil::timeout(server.recv(buffer), plan.time_limit));
        if (error == coil::error::timed_out)
            co_return false;
        if (error)
            throw std::system_error(error, "recv from " + server.remote_endpoint().to_string());
        const auto echo = buffer.first(received.size);
        if (received.truncated || echo.size() < sizeof(header) || number_in(echo) > number)
            throw std::runtime_error("received a datagram that was never sent");
        payload.check(number_in(echo), echo.subspan(sizeof(header)));
        if (number_in(echo) == number)
            co_return true;
    }
}

// Sends the first datagram and waits for its echo.
coil::task<> probe(udp::socket& server, const udp::endpoint& at, const plan& plan,
                   const example::payload& payload) {
    const header front = header_of(0);
    std::vector<std::byte> reply(plan.size);
    co_await server.connect(at);
    co_await server.send(front, payload.message(0));
    co_await coil::timeout(server.recv(reply), plan.time_limit);
}

// Returns a socket that is connected to the first address with a listening server. A connect(2) on a UDP
// socket sends nothing, so this function probes each address with a datagram, which a closed port refuses. If
// the datagram or its echo is lost, the address is used anyway.
coil::task<udp::socket> connect(coil::io_context& context, const plan& plan,
                                const udp::resolver::results_type& addresses,
                                const example::payload& payload) {
    if (addresses.size() == 1)
        co_return co_await coil::connect(context, addresses);
    std::string reasons;
    for (const udp::endpoint& each: addresses) {
        udp::socket server(context);
        const auto [error] = co_await coil::as_tuple(probe(server, each, plan, payload));
        if (!error || error == coil::error::timed_out)
            co_return server;
        reasons += (reasons.empty() ? "" : ", ") + each.to_string() + " (" + error.message() + ")";
    }
    throw std::runtime_error("no server answers: " + reasons);
}

// Sends a datagram, waits for its echo, and repeats.
coil::task<> talk(coil::io_context& context, const plan& plan, std::size_t& lost) {
    const example::payload payload(plan.size - sizeof(header), 1);
    std::vector<std::byte> buffer(plan.size);

    udp::resolver resolver(context);
    const auto addresses = co_await coil::timeout(resolver.resolve(plan.host, plan.port), plan.time_limit);
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
         {"size", "BYTES", "size of each datagram", "64"},
         {"count", "NUMBER", "number of datagrams", "1000"},
         {"timeout", "MS", "time after which a datagram counts as lost", "1000"}});
    const plan plan{.host = given.host("host"),
                    .port = std::to_string(given.port("port", 1)),
                    .size = given.number("size", sizeof(header), 65'507),
                    .count = given.number("count", 1, 1'000'000'000),
                    .time_limit = given.milliseconds("timeout")};

    coil::io_context context;
    // An exception in a task ends the program, because run() throws it.
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
