// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT

#include <cstdio>
#include <string>
#include <vector>

#include "load/watchdog.hpp"
#include "load/workloads.hpp"
#include "support/bare_ring.hpp"
#include "support/chargen.hpp"
#include "support/sockets.hpp"

namespace compare {
namespace {

constexpr std::size_t piece_size = 256 * 1024;

std::vector<descriptor> connected_sockets(const plan& plan) {
    std::vector<descriptor> sockets(plan.connections);
    for (descriptor& each: sockets)
        each = connected_socket(SOCK_STREAM, plan.port);
    return sockets;
}

// Moves bytes in one direction on all connections. Whenever a transfer completes, the next one starts.
class stream_load {
public:
    enum class direction { down, up };

    stream_load(const plan& plan, direction way)
        : plan_(plan), way_(way), piece_(piece_size), sockets_(connected_sockets(plan)) {}

    // The server is idle before and after the measurement. A server that sends becomes idle when all socket
    // buffers are full, and a server that receives becomes idle when they are empty.
    void run() {
        drive(plan_.warm_up);
        measurement measured = measure(plan_, [this](std::int64_t duration) { return drive(duration); });
        measured.unit = "KiB";
        print(measured);
    }

private:
    driven drive(std::int64_t duration) {
        watchdog::expects("bytes to move on " + std::to_string(sockets_.size()) + " connections");
        bytes_ = 0;
        keeps_going_ = true;
        for (std::size_t i = 0; i < sockets_.size(); ++i)
            next_piece(i);
        const std::int64_t begin = now();
        std::int64_t time = begin;
        while (time < begin + duration) {
            iterate();
            time = now();
        }
        const std::uint64_t in_window = bytes_;
        keeps_going_ = false;
        while (moving_ > 0)
            iterate();
        return {time - begin, in_window / 1024, bytes_ / 1024};
    }

    void iterate() {
        ring_.iterate([this](const io_uring_cqe& cqe) {
            --moving_;
            const int moved = check_result(cqe.res, way_ == direction::down ? "recv" : "send");
            if (moved == 0)
                throw std::runtime_error("the server closed connection " + std::to_string(cqe.user_data));
            bytes_ += static_cast<std::size_t>(moved);
            if (keeps_going_)
                next_piece(static_cast<std::size_t>(cqe.user_data));
        });
    }

    void next_piece(std::size_t number) {
        ++moving_;
        const int socket = sockets_[number].get();
        if (way_ == direction::up) {
            prepare_send(ring_, socket, piece_.data(), piece_.size(), number);
            return;
        }
        // With MSG_TRUNC, TCP discards the bytes without copying them to user space.
        io_uring_sqe* sqe = ring_.next();
        io_uring_prep_recv(sqe, socket, piece_.data(), piece_.size(), MSG_TRUNC);
        sqe->user_data = number;
    }

    const plan& plan_;
    const direction way_;
    std::vector<std::byte> piece_;
    const std::vector<descriptor> sockets_;
    bare_ring ring_;
    std::uint64_t bytes_ = 0;
    std::size_t moving_ = 0;
    bool keeps_going_ = false;
};

constexpr std::size_t verified_size = std::size_t{2} << 20;

// Checks that the first bytes on each connection match the character generator protocol.
void verify_download(const plan& plan) {
    const std::vector<descriptor> sockets = connected_sockets(plan);
    const std::size_t each = verified_size / plan.connections;
    std::vector<std::byte> piece(each);
    for (std::size_t i = 0; i < sockets.size(); ++i) {
        watchdog::expects(std::to_string(each) + " bytes on connection " + std::to_string(i));
        check(::recv(sockets[i].get(), piece.data(), each, MSG_WAITALL) == static_cast<ssize_t>(each),
              "recv");
        check_chargen(piece);
    }
    std::printf("{\"verified_bytes\": %zu}\n", each * sockets.size());
}

// Checks that a discard server accepts all bytes, sends nothing, and closes the connection after the load has
// shut down its own side. The load cannot check what the server does with the bytes.
void verify_upload(const plan& plan) {
    const std::vector<descriptor> sockets = connected_sockets(plan);
    const std::vector<std::byte> piece(verified_size / plan.connections);
    for (std::size_t i = 0; i < sockets.size(); ++i) {
        watchdog::expects("connection " + std::to_string(i) + " to accept bytes");
        const auto sent = ::send(sockets[i].get(), piece.data(), piece.size(), MSG_NOSIGNAL);
        check(sent == static_cast<ssize_t>(piece.size()), "send");
        check(::shutdown(sockets[i].get(), SHUT_WR) == 0, "shutdown");
    }
    for (std::size_t i = 0; i < sockets.size(); ++i) {
        watchdog::expects("connection " + std::to_string(i) + " to end");
        std::byte unexpected;
        const auto received = ::recv(sockets[i].get(), &unexpected, 1, 0);
        check(received >= 0, "recv");
        if (received > 0)
            throw std::runtime_error("the discard server sent data");
    }
    std::printf("{\"verified_bytes\": %zu}\n", piece.size() * sockets.size());
}

}  // namespace

void download(const plan& plan) {
    if (plan.verify)
        verify_download(plan);
    else
        stream_load(plan, stream_load::direction::down).run();
}

void upload(const plan& plan) {
    if (plan.verify)
        verify_upload(plan);
    else
        stream_load(plan, stream_load::direction::up).run();
}

}  // namespace compare
