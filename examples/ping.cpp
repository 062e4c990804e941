// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT

// Sends ICMP echo requests, like ping(8), one at a time. Each request has a deadline. The program ends after
// the given number of requests, or on Ctrl-C.

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include <unistd.h>

#include <coil/coil.hpp>

#include "command_line.hpp"

using coil::ip::icmp;
using coil::ip::ping;
using milliseconds = std::chrono::duration<double, std::milli>;
using std::chrono::steady_clock;

struct plan {
    std::string name;
    coil::ip::address host;
    std::size_t size;
    std::size_t count;
    std::chrono::milliseconds interval;
    std::chrono::milliseconds time_limit;
};

struct statistics {
    std::size_t sent = 0;
    std::size_t received = 0;
    milliseconds shortest = milliseconds::max();
    milliseconds longest{0};
    milliseconds all{0};

    void add(milliseconds one) {
        ++received;
        all += one;
        shortest = std::min(shortest, one);
        longest = std::max(longest, one);
    }
};

// An ICMP echo message (RFC 792, RFC 4443): type, code, checksum, identifier, sequence number, and the data
// to send back.
struct echo {
    static constexpr std::size_t head_size = 8;
    static constexpr unsigned char request_v4 = 8, reply_v4 = 0, request_v6 = 128, reply_v6 = 129;

    static unsigned low(unsigned number) { return number & 0xff; }

    // Computes the checksum (RFC 1071). For IPv6, and for `ping` sockets, the kernel replaces this checksum
    // with its own.
    static unsigned checksum_of(std::span<const unsigned char> bytes) {
        unsigned sum = 0;
        for (std::size_t i = 0; i < bytes.size(); ++i)
            sum += i % 2 == 0 ? unsigned{bytes[i]} << 8 : unsigned{bytes[i]};
        while (sum >> 16)
            sum = (sum & 0xffff) + (sum >> 16);
        return ~sum & 0xffff;
    }

    static std::vector<unsigned char> request(bool v6, unsigned identifier, unsigned sequence,
                                              std::size_t size) {
        std::vector<unsigned char> bytes(head_size + size);
        const auto set = [&](std::size_t at, unsigned number) {
            bytes[at] = static_cast<unsigned char>(low(number >> 8));
            bytes[at + 1] = static_cast<unsigned char>(low(number));
        };
        bytes[0] = v6 ? request_v6 : request_v4;
        set(4, identifier);
        set(6, sequence);
        for (std::size_t i = head_size; i < bytes.size(); ++i)
            bytes[i] = static_cast<unsigned char>(i);
        set(2, checksum_of(bytes));
        return bytes;
    }

    // Returns the sequence number if these bytes are a reply to one of our requests.
    static std::optional<unsigned> reply(std::span<const unsigned char> bytes, bool v6, unsigned identifier) {
        const auto number = [&](std::size_t at) { return unsigned{bytes[at]} << 8 | bytes[at + 1]; };
        if (bytes.size() < head_size || bytes[0] != (v6 ? reply_v6 : reply_v4) || number(4) != identifier)
            return std::nullopt;
        return number(6);
    }
};

// Returns the ICMP message in a packet. A raw IPv4 socket receives packets with their IP header, which is
// removed here.
template <class Protocol>
std::span<const unsigned char> message_in(std::span<const unsigned char> packet, bool v6) {
    if (std::is_same_v<Protocol, ping> || v6 || packet.empty())
        return packet;
    return packet.subspan(std::min<std::size_t>(packet.size(), 4u * (packet[0] & 15u)));
}

// Waits for the reply to request `sequence`. Ignores late replies to earlier requests.
template <class Protocol>
coil::task<std::size_t> receive(typename Protocol::socket& socket, bool v6, unsigned identifier,
                                unsigned sequence) {
    std::vector<unsigned char> buffer(65536);
    for (;;) {
        const auto received = co_await socket.recvfrom(buffer);
        const auto message = message_in<Protocol>(std::span(buffer).first(received.size), v6);
        if (echo::reply(message, v6, identifier) == sequence)
            co_return message.size();
    }
}

template <class Protocol>
coil::task<> talk(coil::io_context& context, const plan& plan, statistics& counted) {
    const bool v6 = plan.host.is_v6();
    typename Protocol::socket socket(context, v6 ? Protocol::v6() : Protocol::v4());
    co_await socket.connect({plan.host, 0});
    std::printf("%s is %s\n", plan.name.c_str(), plan.host.to_string().c_str());
    // The kernel chooses the identifier of a `ping` socket.
    const unsigned identifier = std::is_same_v<Protocol, ping> ? unsigned{socket.local_endpoint().port()}
                                                               : static_cast<unsigned>(::getpid()) & 0xffff;
    for (std::size_t i = 1; i <= plan.count; ++i) {
        const unsigned sequence = static_cast<unsigned>(i) & 0xffff;
        const auto begin = steady_clock::now();
        co_await socket.send(echo::request(v6, identifier, sequence, plan.size));
        ++counted.sent;
        const auto [error, size] = co_await coil::as_tuple(
            coil::timeout(receive<Protocol>(socket, v6, identifier, sequence), plan.time_limit));
        const milliseconds took = steady_clock::now() - begin;
        if (!error) {
            counted.add(took);
            std::printf("%zu bytes from %s: sequence %zu, %.3f ms\n", size, plan.host.to_string().c_str(), i,
                        took.count());
        } else if (error == coil::error::timed_out) {
            std::printf("nothing from %s: sequence %zu, after %.0f ms\n", plan.host.to_string().c_str(), i,
                        took.count());
        } else {
            throw std::system_error(error, "ping " + plan.host.to_string());
        }
        std::fflush(stdout);
        if (i < plan.count)
            co_await coil::sleep_until(begin + plan.interval);
    }
}

coil::task<> find_and_talk(coil::io_context& context, plan plan, bool raw, statistics& counted) {
    coil::ip::udp::resolver resolver(context);
    const auto found = co_await coil::timeout(resolver.resolve(plan.name, ""), plan.time_limit);
    plan.host = found.begin()->address();
    if (raw)
        co_await talk<icmp>(context, plan, counted);
    else
        co_await talk<ping>(context, plan, counted);
    context.stop();
}

// Stops the context on Ctrl-C. main() then prints the statistics collected so far.
coil::task<> stop_at(coil::io_context& context, coil::signal_set signals) {
    co_await signals.wait();
    context.stop();
}

int main(int argc, char** argv) try {
    const example::command_line given(
        argc, argv, "Sends ICMP echo requests and prints the round-trip times.",
        {{"host", "NAME", "host to ping: a name, or an address", "127.0.0.1", true},
         {"count", "NUMBER", "number of requests", "4"},
         {"interval", "MS", "time between two requests", "1000"},
         {"timeout", "MS", "time after which a request counts as lost", "1000"},
         {"size", "BYTES", "data in each request, after the header of 8 bytes", "56"},
         {"raw", nullptr, "use a raw socket, which needs CAP_NET_RAW"}});
    const plan plan{.name = given.host("host"),
                    .host = {},
                    .size = given.number("size", 0, 65'000),
                    .count = given.number("count", 1, 1'000'000'000),
                    .interval = given.milliseconds("interval"),
                    .time_limit = given.milliseconds("timeout")};

    coil::io_context context;
    context.on_task_error(
        [](const coil::task_failure& failure) { std::rethrow_exception(failure.exception); });
    statistics counted;
    coil::co_spawn(context, stop_at(context, coil::signal_set(context, SIGINT, SIGTERM)), coil::detached);
    coil::co_spawn(context, find_and_talk(context, plan, given.has("raw"), counted), coil::detached);
    context.run();

    std::printf("%zu sent, %zu received, %zu lost\n", counted.sent, counted.received,
                counted.sent - counted.received);
    if (counted.received == 0)
        return 1;
    std::printf("round trip min/avg/max %.3f/%.3f/%.3f ms\n", counted.shortest.count(),
                counted.all.count() / static_cast<double>(counted.received), counted.longest.count());
} catch (...) {
    return example::explain_failure();
}
