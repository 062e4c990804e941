// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT

#include <cstdio>
#include <cstring>
#include <string>
#include <vector>

#include "load/pattern.hpp"
#include "load/watchdog.hpp"
#include "load/workloads.hpp"
#include "support/buffer_pool.hpp"
#include "support/sockets.hpp"

namespace compare {
namespace {

// If the echo of a datagram has not arrived after this many nanoseconds, the datagram counts as lost and is
// sent again.
constexpr std::int64_t patience = 200'000'000;

std::size_t size_of_datagrams(const plan& plan) {
    if (plan.size < sizeof(std::uint64_t) || plan.size > 16384)
        throw std::invalid_argument("--size must be a number from 8 to 16384 for datagrams");
    return plan.size;
}

// Each socket is a client with one datagram in flight. A datagram starts with its sequence number.
class datagram_load {
public:
    explicit datagram_load(const plan& plan) : plan_(plan), clients_(plan.connections) {
        for (std::size_t i = 0; i < clients_.size(); ++i) {
            clients_[i].socket = connected_socket(SOCK_DGRAM, plan.port);
            clients_[i].datagram.resize(size_of_datagrams(plan));
            receive(i);
        }
    }

    void run() {
        drive(plan_.warm_up);
        latencies_ = {};
        lost_ = 0;
        measurement measured = measure(plan_, [this](std::int64_t duration) { return drive(duration); });
        measured.unit = "datagram";
        measured.latencies = &latencies_;
        measured.lost = lost_;
        print(measured);
    }

private:
    struct client {
        descriptor socket;
        std::vector<std::byte> datagram = {};
        std::uint64_t number = 0;
        std::int64_t sent_at = 0;  // 0 if no datagram is in flight
    };

    static constexpr std::uint64_t is_send = std::uint64_t{1} << 63;

    driven drive(std::int64_t duration) {
        watchdog::expects("echoes for " + std::to_string(clients_.size()) + " clients");
        answered_ = 0;
        keeps_going_ = true;
        const std::int64_t begin = now_ = next_check_ = now();
        for (std::size_t i = 0; i < clients_.size(); ++i)
            send_next(i);
        while (now_ < begin + duration)
            iterate();
        const std::int64_t window = now_ - begin;
        const std::uint64_t in_window = answered_;
        keeps_going_ = false;
        while (in_flight_ > 0)
            iterate();
        return {window, in_window, answered_};
    }

    void iterate() {
        ring_.iterate_for(patience / 2, [this](const io_uring_cqe& cqe) { dispatch(cqe); });
        now_ = now();
        if (now_ > next_check_)
            send_again();
    }

    void send_again() {
        next_check_ = now_ + patience / 2;
        for (std::size_t i = 0; i < clients_.size(); ++i)
            if (clients_[i].sent_at != 0 && clients_[i].sent_at + patience < now_) {
                ++lost_;
                send(i);
            }
    }

    void send_next(std::size_t number) {
        client& from = clients_[number];
        ++from.number;
        std::memcpy(from.datagram.data(), &from.number, sizeof from.number);
        ++in_flight_;
        send(number);
    }

    void send(std::size_t number) {
        client& from = clients_[number];
        from.sent_at = now();
        io_uring_sqe* sqe =
            prepare_send(ring_, from.socket.get(), from.datagram.data(), from.datagram.size(), is_send);
        sqe->flags |= IOSQE_CQE_SKIP_SUCCESS;
    }

    void receive(std::size_t number) { prepare_receive(ring_, clients_[number].socket.get(), number, pool_); }

    void dispatch(const io_uring_cqe& cqe) {
        if (cqe.user_data & is_send) {
            check_result(cqe.res, "send");
            return;
        }
        const auto number = static_cast<std::size_t>(cqe.user_data);
        if (cqe.flags & IORING_CQE_F_BUFFER) {
            const auto chunk = pool_.take(cqe);
            received(number, chunk);
            pool_.give_back(chunk);
        } else if (cqe.res != -ENOBUFS) {
            check_result(cqe.res, "recv");
        }
        if (!(cqe.flags & IORING_CQE_F_MORE))
            receive(number);
    }

    void received(std::size_t number, const buffer_pool::chunk& chunk) {
        client& to = clients_[number];
        if (chunk.size != to.datagram.size())
            throw std::runtime_error("an echo has the wrong size: " + std::to_string(chunk.size));
        std::uint64_t echoed;
        std::memcpy(&echoed, chunk.data, sizeof echoed);
        if (to.sent_at == 0 || echoed != to.number)
            return;  // this is the late echo of a datagram that has been sent again
        latencies_.record(now() - to.sent_at);
        to.sent_at = 0;
        ++answered_;
        --in_flight_;
        if (keeps_going_)
            send_next(number);
    }

    const plan& plan_;
    bare_ring ring_;
    buffer_pool pool_{ring_, buffer_pool::kind::classic};
    std::vector<client> clients_;
    histogram latencies_;
    std::int64_t now_ = 0;
    std::int64_t next_check_ = 0;
    std::uint64_t answered_ = 0;
    std::uint64_t lost_ = 0;
    std::size_t in_flight_ = 0;
    bool keeps_going_ = false;
};

// In each round, all clients send before any client receives, so the server must return each echo to the
// correct client.
class verified_datagrams {
public:
    explicit verified_datagrams(const plan& plan) : plan_(plan), echo_(size_of_datagrams(plan) + 1) {
        const timeval one_second{1, 0};
        for (std::size_t i = 0; i < plan.connections; ++i) {
            sockets_.push_back(connected_socket(SOCK_DGRAM, plan.port));
            check(::setsockopt(sockets_[i].get(), SOL_SOCKET, SO_RCVTIMEO, &one_second, sizeof one_second) ==
                      0,
                  "SO_RCVTIMEO");
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
        datagram_load(plan).run();
}

}  // namespace compare
