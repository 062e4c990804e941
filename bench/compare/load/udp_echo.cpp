// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT

#include <cstdio>
#include <cstring>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

#include "load/datagram_load.hpp"
#include "load/pattern.hpp"

namespace compare {
namespace {

std::size_t size_of_datagrams(const plan& plan) {
    if (plan.size < sizeof(std::uint64_t) || plan.size > 16384)
        throw std::invalid_argument("--size must be a number from 8 to 16384 for datagrams");
    return plan.size;
}

// Each socket is a client with one datagram in flight. A datagram starts with its sequence number.
class udp_echo_load final : public datagram_load {
public:
    explicit udp_echo_load(const plan& plan)
        : datagram_load(plan, buffer_pool::kind::classic), clients_(plan.connections) {
        for (client& each: clients_) {
            each.datagram.resize(size_of_datagrams(plan));
            add(connected_socket(SOCK_DGRAM, plan.port));
        }
    }

private:
    struct client {
        std::vector<std::byte> datagram = {};
        std::uint64_t number = 0;
        std::int64_t sent_at = 0;  // 0 if no datagram is in flight
    };

    void send_first() override {
        for (std::size_t i = 0; i < clients_.size(); ++i)
            send_next(i);
    }

    void send_lost(std::int64_t deadline) override {
        for (std::size_t i = 0; i < clients_.size(); ++i)
            if (clients_[i].sent_at != 0 && clients_[i].sent_at < deadline) {
                ++lost_;
                send_datagram(i);
            }
    }

    bool is_in_flight() const override { return in_flight_ > 0; }

    void send_next(std::size_t number) {
        client& from = clients_[number];
        ++from.number;
        std::memcpy(from.datagram.data(), &from.number, sizeof from.number);
        ++in_flight_;
        send_datagram(number);
    }

    void send_datagram(std::size_t number) {
        clients_[number].sent_at = now();
        send(number, clients_[number].datagram);
    }

    void received(std::size_t number, std::span<const std::byte> echo) override {
        client& to = clients_[number];
        if (echo.size() != to.datagram.size())
            throw std::runtime_error("an echo has the wrong size: " + std::to_string(echo.size()));
        if (to.sent_at == 0 || number_of(echo) != to.number)
            return;  // the late echo of a datagram that has been resent
        latencies_.record(now() - to.sent_at);
        to.sent_at = 0;
        ++answered_;
        --in_flight_;
        if (keeps_going_)
            send_next(number);
    }

    std::vector<client> clients_;
    std::size_t in_flight_ = 0;
};

// Checks every byte of the echoes. In each round, all clients send before any client receives, so the server
// must return each echo to the correct client.
class verified_datagrams {
public:
    explicit verified_datagrams(const plan& plan) : plan_(plan), echo_(size_of_datagrams(plan) + 1) {
        for (std::size_t i = 0; i < plan.connections; ++i) {
            sockets_.push_back(connected_socket(SOCK_DGRAM, plan.port));
            set_receive_timeout(sockets_[i]);
        }
    }

    void run() {
        watchdog::expects("echoes for " + std::to_string(sockets_.size()) + " clients");
        for (std::size_t round = 0; round < rounds; ++round) {
            for (std::size_t i = 0; i < sockets_.size(); ++i)
                send(i, round);
            for (std::size_t i = 0; i < sockets_.size(); ++i)
                receive(i, round);
        }
        std::printf("{\"verified_bytes\": %zu}\n", rounds * sockets_.size() * plan_.size);
    }

private:
    static constexpr std::size_t rounds = 16;

    void send(std::size_t client, std::size_t round) {
        std::vector<std::byte> datagram(plan_.size);
        pattern(plan_.seed + client).fill(datagram, round * plan_.size);
        const auto sent = ::send(sockets_[client].get(), datagram.data(), datagram.size(), 0);
        check(sent == static_cast<ssize_t>(datagram.size()), "send");
    }

    void receive(std::size_t client, std::size_t round) {
        constexpr int attempts = 5;
        for (int attempt = 0; attempt < attempts; ++attempt) {
            const auto size = ::recv(sockets_[client].get(), echo_.data(), echo_.size(), 0);
            if (size == static_cast<ssize_t>(plan_.size))
                return pattern(plan_.seed + client)
                    .check(std::span(echo_).first(plan_.size), round * plan_.size);
            if (size >= 0)
                throw std::runtime_error("an echo has the wrong size: " + std::to_string(size));
            check(errno == EAGAIN, "recv");
            send(client, round);  // the datagram may have been lost
        }
        throw std::runtime_error("client " + std::to_string(client) + " gets no echo");
    }

    const plan& plan_;
    std::vector<descriptor> sockets_;
    std::vector<std::byte> echo_;
};

}  // namespace

void udp_echo(const plan& plan) {
    if (plan.verify)
        verified_datagrams(plan).run();
    else
        udp_echo_load(plan).run();
}

}  // namespace compare
