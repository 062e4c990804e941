// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>

#include <liburing.h>
#include <sys/socket.h>

#include "support/failure.hpp"

namespace compare {

/// A ring by liburing and nothing else, set up in the way that measured best: one thread, deferred task work, a large CQ,
/// no SQ array where the kernel can do without, the descriptor registered.
class bare_ring {
public:
    bare_ring() {
        // By hand: io_uring_queue_init_params of liburing 2.3 takes the kernel to have an SQ array, always.
        io_uring_params granted{};
        const auto ask = [&](unsigned flags) {
            granted = {};
            granted.flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN |
                            IORING_SETUP_TASKRUN_FLAG | IORING_SETUP_SUBMIT_ALL | IORING_SETUP_CQSIZE | flags;
            granted.cq_entries = completions;
            return io_uring_setup(entries, &granted);
        };
        int descriptor = ask(no_sqarray);
        if (descriptor == -EINVAL)
            descriptor = ask(0);
        check_answer(descriptor, "io_uring_setup");
        check_answer(io_uring_queue_mmap(descriptor, &granted, &ring_), "io_uring_queue_mmap");
        ring_.features = granted.features;
        if (!(granted.flags & no_sqarray))
            for (unsigned i = 0; i < granted.sq_entries; ++i)
                ring_.sq.array[i] = i;
        check(io_uring_register_ring_fd(&ring_) == 1, "io_uring_register_ring_fd");
    }
    bare_ring(const bare_ring&) = delete;
    bare_ring& operator=(const bare_ring&) = delete;
    ~bare_ring() { io_uring_queue_exit(&ring_); }

    /// The next SQE; if there is none left, the others are submitted first.
    io_uring_sqe* next() {
        io_uring_sqe* sqe = io_uring_get_sqe(&ring_);
        if (sqe == nullptr) {
            check_answer(io_uring_submit(&ring_), "io_uring_submit");
            sqe = io_uring_get_sqe(&ring_);
        }
        return sqe;
    }

    /// Submits, waits for an answer, and hands out all that are there by `on_answer(cqe)`.
    template <class OnAnswer>
    void turn(OnAnswer&& on_answer) {
        const int submitted = io_uring_submit_and_wait(&ring_, 1);
        if (submitted != -EINTR)
            check_answer(submitted, "io_uring_submit_and_wait");
        hand_out(on_answer);
    }

    /// The same without waiting.
    template <class OnAnswer>
    void poll(OnAnswer&& on_answer) {
        check_answer(io_uring_submit_and_get_events(&ring_), "io_uring_submit_and_get_events");
        hand_out(on_answer);
    }

    /// The same, waiting for so long at most.
    template <class OnAnswer>
    void turn_for(long long nanoseconds, OnAnswer&& on_answer) {
        __kernel_timespec timeout{nanoseconds / 1'000'000'000, nanoseconds % 1'000'000'000};
        io_uring_cqe* first = nullptr;
        const int submitted = io_uring_submit_and_wait_timeout(&ring_, &first, 1, &timeout, nullptr);
        if (submitted != -ETIME && submitted != -EINTR)
            check_answer(submitted, "io_uring_submit_and_wait_timeout");
        hand_out(on_answer);
    }

    /// How many answers the turn brought that is being handed out.
    [[nodiscard]] unsigned answers() const noexcept { return answers_; }

    [[nodiscard]] io_uring& native() noexcept { return ring_; }

private:
    static constexpr unsigned entries = 4096;
    static constexpr unsigned completions = 16384;
    static constexpr unsigned no_sqarray = 1u << 16;  // since 6.6, and without a name in liburing 2.3

    template <class OnAnswer>
    void hand_out(OnAnswer& on_answer) {
        answers_ = io_uring_cq_ready(&ring_);
        const unsigned end = *ring_.cq.khead + answers_;
        for (unsigned head = *ring_.cq.khead; head != end; ++head)
            on_answer(static_cast<const io_uring_cqe&>(ring_.cq.cqes[head & *ring_.cq.kring_mask]));
        io_uring_cq_advance(&ring_, answers_);
    }

    io_uring ring_{};
    unsigned answers_ = 0;
};

/// Connections, one answer each, until one comes without IORING_CQE_F_MORE.
inline void prepare_accept(bare_ring& ring, int listener, std::uint64_t tag) {
    io_uring_sqe* sqe = ring.next();
    io_uring_prep_multishot_accept(sqe, listener, nullptr, nullptr, SOCK_CLOEXEC);
    sqe->user_data = tag;
}

/// A send that the kernel finishes: short only if the connection breaks.
inline io_uring_sqe* prepare_send(bare_ring& ring, int socket, const void* data, std::size_t size,
                                  std::uint64_t tag) {
    io_uring_sqe* sqe = ring.next();
    io_uring_prep_send(sqe, socket, data, size, MSG_WAITALL | MSG_NOSIGNAL);
    sqe->user_data = tag;
    return sqe;
}

}  // namespace compare
