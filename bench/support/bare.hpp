// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>

#include <liburing.h>

#include "support/counting.hpp"

/// Hand-written io_uring code that uses only liburing, as a baseline for coil. The benchmark `bare/NAME`
/// submits the same operations as coil's benchmark NAME, in the same order.

namespace coil::bench::bare {

/// If `holds` is false, prints `what` with the text for errno, and ends the program.
void check(bool holds, const char* what);

/// A ring with a registered descriptor and the flags that coil uses.
class ring {
public:
    ring();
    ring(const ring&) = delete;
    ring& operator=(const ring&) = delete;
    ~ring();

    // Each of the following functions prepares one operation, which iterate() submits. The completion of the
    // operation carries the tag.
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

    /// Submits, waits for a completion, and calls `on_completion(tag, result)` for each available completion.
    template <class OnCompletion>
    void iterate(OnCompletion&& on_completion) {
        const int submitted = io_uring_submit_and_wait(&ring_, 1);
        check(submitted >= 0, "io_uring_submit_and_wait");
        ++counts_.enters;
        counts_.submissions += static_cast<unsigned>(submitted);
        unsigned head;
        unsigned completions = 0;
        io_uring_cqe* cqe;
        io_uring_for_each_cqe(&ring_, head, cqe) {
            ++completions;
            on_completion(cqe->user_data, cqe->res);
        }
        io_uring_cq_advance(&ring_, completions);
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

/// Two sockets that the destructor closes.
class socket_pair {
public:
    socket_pair(int ours, int theirs) noexcept : client(ours), server(theirs) {}
    socket_pair(const socket_pair&) = delete;
    socket_pair& operator=(const socket_pair&) = delete;
    ~socket_pair();

    const int client;
    const int server;
};

/// Returns the two ends of a TCP connection over loopback, with TCP_NODELAY.
socket_pair tcp_pair();
/// Returns two UDP sockets. The client is connected to the server, but the server is not connected.
socket_pair udp_pair();

}  // namespace coil::bench::bare
