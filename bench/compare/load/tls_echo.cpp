// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT

#include <array>
#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include "load/closed_loop.hpp"
#include "load/pattern.hpp"
#include "load/tls_client.hpp"
#include "load/watchdog.hpp"
#include "load/workloads.hpp"
#include "support/epoll.hpp"

namespace compare {
namespace {

struct connection {
    connection(const tls_settings& settings, std::uint16_t port) : tls(settings, port) {}

    tls_client tls;
    std::int64_t sent_at = 0;
    std::size_t in_flight = 0;  // bytes whose echo has not arrived
};

// Runs a closed loop: when all echoes of a connection have arrived, its next messages are sent.
class tls_echo_load {
public:
    explicit tls_echo_load(const plan& plan)
        : plan_(plan),
          message_(plan.size * plan.in_flight),
          connections_(connect_all<connection>(settings_, plan)) {
        for (const auto& each: connections_) {
            each->tls.set_non_blocking();
            epoll_.add(each->tls.socket(), EPOLLIN, each.get());
        }
    }

    void run() {
        drive(plan_.warm_up);
        latencies_ = {};
        measurement measured = measure(plan_, [this](std::int64_t duration) { return drive(duration); });
        measured.latencies = &latencies_;
        print(measured);
    }

private:
    driven drive(std::int64_t duration) {
        watchdog::expects("the echoes on " + std::to_string(connections_.size()) + " TLS connections");
        const auto start = [this] {
            for (const auto& each: connections_)
                send(*each);
        };
        return loop_.drive(duration, start, [this] { iterate(); });
    }

    void iterate() {
        const auto ready = epoll_.wait();
        loop_.time = now();
        for (const epoll_event& each: ready)
            receive(*static_cast<connection*>(each.data.ptr));
    }

    void send(connection& to) {
        to.sent_at = loop_.time;
        to.in_flight = message_.size();
        ++loop_.running;
        to.tls.write_all(message_);
    }

    void receive(connection& from) {
        while (const std::size_t n = from.tls.read(echo_)) {
            if (n > from.in_flight)
                throw std::runtime_error("the server echoed more than was sent");
            from.in_flight -= n;
            if (from.in_flight > 0)
                continue;
            latencies_.record(loop_.time - from.sent_at);
            loop_.done += plan_.in_flight;
            --loop_.running;
            if (loop_.keeps_going)
                send(from);
            if (SSL_pending(from.tls.tls()) == 0)
                return;
        }
    }

    const plan& plan_;
    const std::vector<std::byte> message_;
    tls_settings settings_;
    std::vector<std::unique_ptr<connection>> connections_;
    epoll epoll_;
    histogram latencies_;
    std::array<std::byte, 65536> echo_;
    closed_loop loop_;  // counts messages, and connections with messages in flight
};

void verify(const plan& plan) {
    constexpr std::size_t rounds = 20;
    tls_settings settings;
    const auto connections = connect_all<connection>(settings, plan);
    std::vector<std::byte> message(plan.size), echo(plan.size);
    for (std::size_t round = 0; round < rounds; ++round)
        for (std::size_t i = 0; i < connections.size(); ++i) {
            watchdog::expects("the echo on TLS connection " + std::to_string(i));
            const pattern bytes(plan.seed + i);
            bytes.fill(message, round * plan.size);
            connections[i]->tls.write_all(message);
            connections[i]->tls.read_all(echo);
            bytes.check(echo, round * plan.size);
        }
    for (const auto& each: connections) {
        watchdog::expects("the server to close a TLS connection");
        each->tls.close();
    }
    std::printf("{\"verified_bytes\": %zu}\n", rounds * plan.size * connections.size());
}

void exchange_once(tls_client& with, std::uint64_t seed) {
    const pattern bytes(seed);
    std::array<std::byte, 64> message, echo;
    bytes.fill(message, 0);
    with.write_all(message);
    with.read_all(echo);
    bytes.check(echo, 0);
}

}  // namespace

void tls_echo(const plan& plan) {
    if (plan.verify)
        verify(plan);
    else
        std::make_unique<tls_echo_load>(plan)->run();
}

void tls_idle(const plan& plan) {
    tls_settings settings;
    // The first connection lets the server allocate what all connections share.
    connection first(settings, plan.port);
    exchange_once(first.tls, plan.seed);
    measure_idle(plan, [&] {
        auto made = std::make_shared<connection>(settings, plan.port);
        return [made](std::uint64_t seed) { exchange_once(made->tls, seed); };
    });
}

}  // namespace compare
