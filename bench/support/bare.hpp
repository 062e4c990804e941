// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>

#include <liburing.h>

#include "support/counting.hpp"

/// io_uring by hand, with liburing and nothing else: what coil is measured against. A benchmark here has a
/// twin whose name begins with `bare/`, which asks the kernel for the same operations in the same order.

namespace coil::bench::bare {

/// Ends the program where a bare benchmark can't go on.
void check(bool holds, const char* what);

/// A ring with the flags of coil's own, its descriptor registered.
class ring {
public:
    ring();
    ring(const ring&) = delete;
    ring& operator=(const ring&) = delete;
    ~ring();

    // What to ask. The tag comes back with the answer.
    void nop(std::uint64_t tag) {
        io_uring_sqe* sqe = next();
        io_uring_prep_nop(sqe);
        sqe->user_data = tag;
    }
    void recv(int socket, void* data, std::size_t size, int flags, std::uint64_t tag) {
        io_uring_sqe* sqe = next();
        io_uring_prep_recv(sqe, socket, data, size, flags);
        sqe->user_data = tag;
    }
    void send(int socket, const void* data, std::size_t size, int flags, std::uint64_t tag) {
        io_uring_sqe* sqe = next();
        io_uring_prep_send(sqe, socket, data, size, flags | MSG_NOSIGNAL);
        sqe->user_data = tag;
    }
    void sendto(int socket, const void* data, std::size_t size, const sockaddr* to, unsigned to_size,
                std::uint64_t tag) {
        io_uring_sqe* sqe = next();
        io_uring_prep_send(sqe, socket, data, size, MSG_NOSIGNAL);
        sqe->addr2 = reinterpret_cast<std::uintptr_t>(to);
        sqe->addr_len = static_cast<__u16>(to_size);
        sqe->user_data = tag;
    }
    void recvmsg(int socket, msghdr& message, std::uint64_t tag) {
        io_uring_sqe* sqe = next();
        io_uring_prep_recvmsg(sqe, socket, &message, 0);
        sqe->user_data = tag;
    }

    /// One turn: submits, waits for an answer, and calls `on_answer(tag, result)` for each that is there.
    template <class OnAnswer>
    void turn(OnAnswer&& on_answer) {
        const int submitted = io_uring_submit_and_wait(&ring_, 1);
        check(submitted >= 0, "io_uring_submit_and_wait");
        ++counts_.enters;
        counts_.submissions += static_cast<unsigned>(submitted);
        unsigned head;
        unsigned answers = 0;
        io_uring_cqe* cqe;
        io_uring_for_each_cqe(&ring_, head, cqe) {
            ++answers;
            on_answer(cqe->user_data, cqe->res);
        }
        io_uring_cq_advance(&ring_, answers);
    }

    [[nodiscard]] loop_counts counts() const noexcept { return counts_; }

private:
    io_uring_sqe* next() {
        io_uring_sqe* sqe = io_uring_get_sqe(&ring_);
        check(sqe != nullptr, "io_uring_get_sqe");
        return sqe;
    }

    io_uring ring_{};
    loop_counts counts_;
};

/// Two connected sockets; closed at the end.
class socket_pair {
public:
    socket_pair(int ours, int theirs) noexcept : client(ours), server(theirs) {}
    socket_pair(const socket_pair&) = delete;
    socket_pair& operator=(const socket_pair&) = delete;
    ~socket_pair();

    const int client;
    const int server;
};

/// Over loopback, TCP_NODELAY set.
socket_pair tcp_pair();
/// The client is connected to the server, which is not connected.
socket_pair udp_pair();

}  // namespace coil::bench::bare
