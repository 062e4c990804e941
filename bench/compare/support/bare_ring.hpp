// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>

#include <liburing.h>
#include <sys/socket.h>

#include "support/failure.hpp"

namespace compare {

/// A ring that uses only liburing, in the configuration that performed best in measurements. One thread uses
/// the ring, with deferred task work, a large CQ and a registered ring descriptor. If the kernel supports it,
/// the ring has no SQ array.
class bare_ring {
public:
    bare_ring() {
        // The ring is set up manually, because io_uring_queue_init_params in liburing 2.3 assumes an SQ
        // array.
        io_uring_params granted{};
        const auto set_up = [&](unsigned flags) {
            granted = {};
            granted.flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN |
                            IORING_SETUP_TASKRUN_FLAG | IORING_SETUP_SUBMIT_ALL | IORING_SETUP_CQSIZE | flags;
            granted.cq_entries = completions;
            return io_uring_setup(entries, &granted);
        };
        int descriptor = set_up(no_sqarray);
        if (descriptor == -EINVAL)
            descriptor = set_up(0);
        check_result(descriptor, "io_uring_setup");
        check_result(io_uring_queue_mmap(descriptor, &granted, &ring_), "io_uring_queue_mmap");
        ring_.features = granted.features;
        if (!(granted.flags & no_sqarray))
            for (unsigned i = 0; i < granted.sq_entries; ++i)
                ring_.sq.array[i] = i;
        check(io_uring_register_ring_fd(&ring_) == 1, "io_uring_register_ring_fd");
    }
    bare_ring(const bare_ring&) = delete;
    bare_ring& operator=(const bare_ring&) = delete;
    ~bare_ring() { io_uring_queue_exit(&ring_); }

    /// Returns the next free SQE. If the SQ is full, submits its entries first.
    io_uring_sqe* next() {
        io_uring_sqe* sqe = io_uring_get_sqe(&ring_);
        if (sqe == nullptr) {
            check_result(io_uring_submit(&ring_), "io_uring_submit");
            sqe = io_uring_get_sqe(&ring_);
        }
        return sqe;
    }

    /// Submits, waits for a completion, and calls `on_completion(cqe)` for each available completion.
    template <class OnCompletion>
    void iterate(OnCompletion&& on_completion) {
        const int submitted = io_uring_submit_and_wait(&ring_, 1);
        if (submitted != -EINTR)
            check_result(submitted, "io_uring_submit_and_wait");
        hand_out(on_completion);
    }

    /// Like iterate(), but does not wait.
    template <class OnCompletion>
    void poll(OnCompletion&& on_completion) {
        check_result(io_uring_submit_and_get_events(&ring_), "io_uring_submit_and_get_events");
        hand_out(on_completion);
    }

    /// Like iterate(), but waits at most `nanoseconds`.
    template <class OnCompletion>
    void iterate_for(long long nanoseconds, OnCompletion&& on_completion) {
        __kernel_timespec timeout{nanoseconds / 1'000'000'000, nanoseconds % 1'000'000'000};
        io_uring_cqe* first = nullptr;
        const int submitted = io_uring_submit_and_wait_timeout(&ring_, &first, 1, &timeout, nullptr);
        if (submitted != -ETIME && submitted != -EINTR)
            check_result(submitted, "io_uring_submit_and_wait_timeout");
        hand_out(on_completion);
    }

    /// Returns the number of completions in the current iteration.
    [[nodiscard]] unsigned batch_size() const noexcept { return batch_size_; }

    [[nodiscard]] io_uring& native() noexcept { return ring_; }

private:
    static constexpr unsigned entries = 4096;
    static constexpr unsigned completions = 16384;
    static constexpr unsigned no_sqarray = 1u << 16;  // since 6.6; not in liburing 2.3

    template <class OnCompletion>
    void hand_out(OnCompletion& on_completion) {
        batch_size_ = io_uring_cq_ready(&ring_);
        const unsigned end = *ring_.cq.khead + batch_size_;
        for (unsigned head = *ring_.cq.khead; head != end; ++head)
            on_completion(static_cast<const io_uring_cqe&>(ring_.cq.cqes[head & *ring_.cq.kring_mask]));
        io_uring_cq_advance(&ring_, batch_size_);
    }

    io_uring ring_{};
    unsigned batch_size_ = 0;
};

/// Prepares a multishot accept. It posts one completion per connection and ends with a completion that lacks
/// IORING_CQE_F_MORE.
inline void prepare_accept(bare_ring& ring, int listener, std::uint64_t tag) {
    io_uring_sqe* sqe = ring.next();
    io_uring_prep_multishot_accept(sqe, listener, nullptr, nullptr, SOCK_CLOEXEC);
    sqe->user_data = tag;
}

/// Prepares a send with MSG_WAITALL, which is short only if the connection breaks.
inline io_uring_sqe* prepare_send(bare_ring& ring, int socket, const void* data, std::size_t size,
                                  std::uint64_t tag) {
    io_uring_sqe* sqe = ring.next();
    io_uring_prep_send(sqe, socket, data, size, MSG_WAITALL | MSG_NOSIGNAL);
    sqe->user_data = tag;
    return sqe;
}

}  // namespace compare
