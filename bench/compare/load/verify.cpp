// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#include "load/verify.hpp"

#include <algorithm>
#include <array>
#include <cstdio>
#include <string>
#include <vector>

#include "load/pattern.hpp"
#include "load/watchdog.hpp"
#include "support/epoll.hpp"

namespace compare {
namespace {

class verified_echo {
public:
    explicit verified_echo(const plan& plan)
        : total_(messages_of(plan) * plan.size), ahead_(plan.in_flight * plan.size) {
        connections_.reserve(plan.connections);
        for (std::size_t i = 0; i < plan.connections; ++i) {
            connection& made =
                connections_.emplace_back(plan.seed + i, connected_socket(SOCK_STREAM, plan.port));
            epoll_.add(made.socket.get(), EPOLLIN | EPOLLOUT, &made);
        }
        unfinished_ = connections_.size();
    }

    void run() {
        watchdog::expects("all the bytes of " + std::to_string(connections_.size()) +
                          " connections to come back");
        while (unfinished_ > 0)
            for (const epoll_event& each: epoll_.wait()) {
                auto& peer = *static_cast<connection*>(each.data.ptr);
                if (each.events & (EPOLLIN | EPOLLHUP | EPOLLERR))
                    receive(peer);
                if (!peer.finished)
                    send(peer);
            }
        std::printf("{\"verified_bytes\": %zu}\n", total_ * connections_.size());
    }

private:
    struct connection {
        connection(std::uint64_t seed, descriptor&& opened) : bytes(seed), socket(std::move(opened)) {}

        pattern bytes;
        descriptor socket;
        std::size_t sent = 0, received = 0;
        bool watches_output = true;
        bool finished = false;
    };

    // Returns the number of messages per connection. A single connection moves several hundred KiB, and each
    // of many connections moves less.
    static std::size_t messages_of(const plan& plan) {
        const std::size_t bytes = (std::size_t{4} << 20) / (plan.connections + 7);
        return std::clamp<std::size_t>(bytes / plan.size, 2 * plan.in_flight, 1000);
    }

    void send(connection& peer) {
        bool blocked = false;
        for (std::size_t size; !blocked && (size = may_send(peer)) > 0;) {
            const auto piece = std::span(buffer_).first(size);
            peer.bytes.fill(piece, peer.sent);
            const auto sent = ::send(peer.socket.get(), piece.data(), size, MSG_DONTWAIT | MSG_NOSIGNAL);
            check(sent >= 0 || would_block(), "send");
            blocked = sent < 0;
            peer.sent += blocked ? 0 : static_cast<std::size_t>(sent);
        }
        if (peer.watches_output != blocked) {
            peer.watches_output = blocked;
            epoll_.modify(peer.socket.get(), blocked ? EPOLLIN | EPOLLOUT : EPOLLIN, &peer);
        }
    }

    [[nodiscard]] std::size_t may_send(const connection& peer) const {
        return std::min({buffer_.size(), total_ - peer.sent, peer.received + ahead_ - peer.sent});
    }

    void receive(connection& peer) {
        const auto received = ::recv(peer.socket.get(), buffer_.data(), buffer_.size(), MSG_DONTWAIT);
        check(received >= 0 || would_block(), "recv");
        if (received < 0)
            return;
        const auto size = static_cast<std::size_t>(received);
        if (size == 0 && peer.received < total_)
            throw std::runtime_error("the server closed after " + std::to_string(peer.received) + " of " +
                                     std::to_string(total_) + " bytes");
        if (peer.received + size > peer.sent)
            throw std::runtime_error("the server echoed more than was sent");
        peer.bytes.check(std::span(buffer_).first(size), peer.received);
        peer.received += size;
        if (size == 0) {
            peer.finished = true;
            peer.socket = descriptor();
            --unfinished_;
        } else if (peer.received == total_) {
            check(::shutdown(peer.socket.get(), SHUT_WR) == 0, "shutdown");
        }
    }

    const std::size_t total_;
    const std::size_t ahead_;
    epoll epoll_;
    std::vector<connection> connections_;
    std::size_t unfinished_ = 0;
    std::array<std::byte, 65536> buffer_;
};

}  // namespace

void verify_tcp_echo(const plan& plan) { verified_echo(plan).run(); }

}  // namespace compare
