// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT

// UDP over loopback. Both ends are tasks of one context, on one thread, so the time does not include waking
// another CPU.

#include <array>
#include <netinet/in.h>
#include <span>
#include <vector>

#include <coil/coil.hpp>

#include "support/bare.hpp"
#include "support/rounds.hpp"

namespace coil::bench {
namespace {

using ip::udp;

constexpr std::size_t receive_size = 2048;

struct ends {
    explicit ends(io_context& context)
        : client(context, udp::v4()), server(context, {ip::address_v4::loopback(), 0}) {}

    udp::socket client;
    udp::socket server;
};

// ---- round trip of a datagram ---------------------------------------------------------------------------

task<> echo(udp::socket& socket) {
    std::array<char, receive_size> buffer;
    for (;;) {
        const auto [size, truncated, from] = co_await socket.recvfrom(buffer);
        if (size == 0)
            break;
        co_await socket.sendto(std::span(buffer).first(size), from);
    }
}

task<> round_trips(benchmark::State& state, io_context& context) {
    ends ends(context);
    co_await ends.client.connect(ends.server.local_endpoint());
    auto echoing = co_spawn(context, echo(ends.server));

    const std::vector<char> sent(static_cast<std::size_t>(state.range(0)));
    std::array<char, receive_size> received;
    rounds rounds(state, context, {.bytes = 2 * state.range(0)});
    while (rounds.next()) {
        co_await ends.client.send(sent);
        co_await ends.client.recv(received);
    }
    co_await ends.client.send("");
    co_await echoing.join();
}

void udp_round_trip(benchmark::State& state) { run(state, round_trips); }

// Holds a received datagram and the sender's address.
struct bare_message {
    std::array<char, receive_size> bytes;
    sockaddr_in from;
    iovec part;
    msghdr header;

    msghdr& prepared() {
        part = {bytes.data(), bytes.size()};
        header = {};
        header.msg_name = &from;
        header.msg_namelen = sizeof from;
        header.msg_iov = &part;
        header.msg_iovlen = 1;
        return header;
    }
};

void bare_udp_round_trip(benchmark::State& state) {
    enum : std::uint64_t { client_sent, client_received, server_received, server_sent };
    const std::vector<char> sent(static_cast<std::size_t>(state.range(0)));
    std::array<char, receive_size> received;
    bare_message message;
    const auto ends = bare::udp_pair();
    bare::ring ring;
    ring.recvmsg(ends.server, message.prepared(), server_received);
    ring.send(ends.client, sent.data(), sent.size(), 0, client_sent);

    rounds rounds(state, ring, {.bytes = 2 * state.range(0)});
    for (bool over = !rounds.next(); !over;) {
        ring.iterate([&](std::uint64_t what, int result) {
            bare::check(result == static_cast<int>(sent.size()), "a round trip");
            switch (what) {
            case client_sent:
                ring.recv(ends.client, received.data(), received.size(), MSG_TRUNC, client_received);
                break;
            case client_received:
                over = !rounds.next();
                ring.send(ends.client, sent.data(), sent.size(), 0, client_sent);
                break;
            case server_received:
                ring.sendto(ends.server, message.bytes.data(), sent.size(),
                            reinterpret_cast<sockaddr*>(&message.from), message.header.msg_namelen,
                            server_sent);
                break;
            case server_sent: ring.recvmsg(ends.server, message.prepared(), server_received); break;
            default: break;
            }
        });
    }
}

BENCHMARK(udp_round_trip)->Arg(64)->Arg(1024)->UseRealTime();
BENCHMARK(bare_udp_round_trip)->Name("bare/udp_round_trip")->Arg(64)->Arg(1024)->UseRealTime();

// ---- one way --------------------------------------------------------------------------------------------

constexpr std::int64_t ahead_max = 32;

task<> receive_all(udp::socket& from, std::int64_t& received) {
    std::array<char, receive_size> buffer;
    while ((co_await from.recvfrom(buffer)).size > 0)
        ++received;
}

// A round sends one datagram. An unthrottled sender would overrun the receiver's socket buffer, so the sender
// yields while `ahead_max` datagrams or more are outstanding. The counter `received` is the fraction of the
// datagrams that arrived.
task<> sends(benchmark::State& state, io_context& context) {
    ends ends(context);
    co_await ends.client.connect(ends.server.local_endpoint());
    std::int64_t sent = 0, received = 0;
    auto receiving = co_spawn(context, receive_all(ends.server, received));

    const std::vector<char> datagram(static_cast<std::size_t>(state.range(0)));
    rounds rounds(state, context, {.bytes = state.range(0)});
    for (; rounds.next(); ++sent) {
        co_await ends.client.send(datagram);
        while (sent - received >= ahead_max)
            co_await yield();
    }
    state.counters["received"] = static_cast<double>(received) / static_cast<double>(sent);
    co_await ends.client.send("");
    co_await receiving.join();
}

void udp_stream(benchmark::State& state) { run(state, sends); }

void bare_udp_stream(benchmark::State& state) {
    enum : std::uint64_t { client_sent, server_received };
    const std::vector<char> datagram(static_cast<std::size_t>(state.range(0)));
    bare_message message;
    const auto ends = bare::udp_pair();
    bare::ring ring;
    const auto send = [&] { ring.send(ends.client, datagram.data(), datagram.size(), 0, client_sent); };
    const auto receive = [&] { ring.recvmsg(ends.server, message.prepared(), server_received); };
    receive();
    send();

    std::int64_t sent = 0, received = 0;
    rounds rounds(state, ring, {.bytes = state.range(0)});
    for (bool over = !rounds.next(); !over;) {
        ring.iterate([&](std::uint64_t what, int result) {
            bare::check(result == static_cast<int>(datagram.size()), "a datagram");
            if (what == server_received) {
                ++received;
                receive();
            } else {
                ++sent;
                over = !rounds.next();
                send();
            }
        });
    }
    state.counters["received"] = static_cast<double>(received) / static_cast<double>(sent);
}

BENCHMARK(udp_stream)->Arg(64)->Arg(1024)->UseRealTime();
BENCHMARK(bare_udp_stream)->Name("bare/udp_stream")->Arg(64)->Arg(1024)->UseRealTime();

}  // namespace
}  // namespace coil::bench
