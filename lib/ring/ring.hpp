// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#pragma once

#include <coil/version.hpp>

#include <algorithm>
#include <cerrno>

#include <coil/base/owned.hpp>

#include "ring/fork.hpp"
#include "ring/kernel.hpp"

namespace coil::COIL_ABI::ring {

/// The submission ring and the completion ring, which are in memory shared with the kernel, and their index
/// arithmetic.
///
///     submission ring                                completion ring
///       sqes   [ . . 3 4 5 . . . ]                     cqes   [ . 1 2 . . . . . ]
///                  ^     ^                                      ^   ^
///               head     tail                                head   tail
///     the kernel moves the head (read),              we move the head (read),
///     we move the tail (published at enter)          the kernel moves the tail
///
/// This class knows nothing about coroutines or sockets. It only submits SQEs and collects CQEs.
class ring {
public:
    explicit ring(detail::owned<kernel> behind);
    ring(const ring&) = delete;
    ring& operator=(const ring&) = delete;
    ~ring() { forks::remove(*this); }

    [[nodiscard]] kernel& behind() const noexcept { return *kernel_; }

    /// Creates the ring. If that fails, throws a std::system_error that says why and how to fix it.
    void open(const parameters& wanted);
    [[nodiscard]] bool is_open() const noexcept { return open_; }

    /// Makes the calling thread the only thread that may enter the ring.
    void enable();
    [[nodiscard]] bool is_enabled() const noexcept { return enabled_; }

    void set_in_run(bool in_run) {
        if (enabled_)
            kernel_->set_in_run(memory_, in_run);
    }

    int register_buffers(const buffer_ring& buffers, std::uint16_t group, bool incremental) {
        return kernel_->register_buffers(memory_, buffers, group, incremental);
    }

    bool close(bool operations, time_point deadline);

    /// Called in a child of fork(2). Closes the child's ring without affecting the parent's ring.
    /// Async-signal-safe.
    void forget() noexcept;
    /// Marks the ring as lost. Called in a child of fork(2) if the parent was closing the ring when it
    /// forked. Async-signal-safe.
    void lose() noexcept { lost_ = true; }
    /// Returns true in a child of fork(2) if the parent had enabled the ring or was closing it when it
    /// forked. The ring's operations in flight then belong to the parent.
    [[nodiscard]] bool is_lost() const noexcept { return lost_; }

    /// Returns the next free slot, filled with zeros. Returns null if no slot is free before the next enter.
    [[nodiscard]] io_uring_sqe* get_sqe() noexcept;

    /// Returns the number of SQEs that the kernel has not consumed yet.
    [[nodiscard]] unsigned unsubmitted() const noexcept {
        return tail_ - __atomic_load_n(memory_.sq.khead, __ATOMIC_ACQUIRE);
    }

    /// Returns true if the kernel has completions that only an enter can deliver, because of deferred work or
    /// an overflow.
    [[nodiscard]] bool has_deferred_work() const noexcept {
        return __atomic_load_n(memory_.sq.kflags, __ATOMIC_RELAXED) &
               (IORING_SQ_TASKRUN | IORING_SQ_CQ_OVERFLOW);
    }

    /// Publishes the filled SQEs and enters the kernel once. Returns 0 or a negative errno. The completions
    /// are then in the CQ.
    int enter(unsigned wait, time_point deadline = time_point::max());

    /// Waits without submitting. Returns 0 if a completion is available or the deadline has passed, and a
    /// negative errno if the wait fails.
    int pause(time_point deadline) {
        const int failure = kernel_->enter(memory_, 0, 1, deadline);
        return failure == -ETIME ? 0 : std::min(failure, 0);
    }

    /// Returns true if there are completions to collect.
    [[nodiscard]] bool has_completions() const noexcept {
        return __atomic_load_n(memory_.cq.ktail, __ATOMIC_ACQUIRE) != *memory_.cq.khead;
    }

    /// Calls `on_cqe` for at most `most` completions, but leaves them in the CQ. Returns their number.
    template <class OnCqe>
    unsigned peek(OnCqe&& on_cqe, unsigned most) const {
        // Only this thread writes the head, so a plain load is enough. The acquire load of the tail makes the
        // CQEs before the tail visible as the kernel wrote them.
        const unsigned head = *memory_.cq.khead;
        const unsigned there = __atomic_load_n(memory_.cq.ktail, __ATOMIC_ACQUIRE) - head;
        const unsigned shown = std::min(there, most);
        const unsigned mask = *memory_.cq.kring_mask;
        for (unsigned i = 0; i < shown; ++i)
            on_cqe(memory_.cq.cqes[(head + i) & mask]);
        return shown;
    }

    /// Calls `on_cqe` for at most `most` completions, then returns their slots to the kernel.
    template <class OnCqe>
    unsigned collect(OnCqe&& on_cqe, unsigned most = static_cast<unsigned>(-1)) {
        const unsigned handed = peek(on_cqe, most);
        // Release, so that the kernel overwrites the slots only after they have been read.
        __atomic_store_n(memory_.cq.khead, *memory_.cq.khead + handed, __ATOMIC_RELEASE);
        completions_ += handed;
        return handed;
    }

    [[nodiscard]] unsigned long long enters() const noexcept { return enters_; }
    /// Returns the number of system calls that the enters have made.
    [[nodiscard]] unsigned long long system_calls() const noexcept {
        return kernel_->is_batched() ? enters_ : kernel_->system_calls();
    }
    [[nodiscard]] unsigned long long submissions() const noexcept { return submissions_; }
    [[nodiscard]] unsigned long long completions() const noexcept { return completions_; }
    /// Returns the number of enters that left completions in the kernel because the CQ was full. The next
    /// enter delivers these completions. (The kernel's own overflow counter counts lost completions, and the
    /// kernel loses completions only if it runs out of memory.)
    [[nodiscard]] unsigned long long overflows() const noexcept { return overflows_; }

private:
    friend class forks;

    void detach() noexcept;

    detail::owned<kernel> kernel_;
    io_uring memory_{};
    unsigned nothing_ = 0;  // target of the pointers in memory_ while there is no ring
    unsigned tail_ = 0;     // our tail; enter() copies it to the shared tail
    bool open_ = false;
    bool enabled_ = false;
    bool lost_ = false;
    ring* next_ = nullptr;  // the next ring in the list of `forks`
    unsigned long long enters_ = 0;
    unsigned long long submissions_ = 0;
    unsigned long long completions_ = 0;
    unsigned long long overflows_ = 0;
};

}  // namespace coil::COIL_ABI::ring
