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

/// The two rings that we share with the kernel, and the arithmetic on them.
///
///     submission ring                                completion ring
///       sqes   [ . . 3 4 5 . . . ]                     cqes   [ . 1 2 . . . . . ]
///                  ^     ^                                      ^   ^
///               head     tail                                head   tail
///     the kernel moves the head (read),              we move the head (read),
///     we move the tail (published at enter)          the kernel moves the tail
///
/// Knows neither coroutines nor sockets: SQEs go out, CQEs come in.
class ring {
public:
    explicit ring(owned<kernel> behind);
    ring(const ring&) = delete;
    ring& operator=(const ring&) = delete;
    ~ring() { forks::remove(*this); }

    [[nodiscard]] kernel& behind() const noexcept { return *kernel_; }

    /// Makes the memory. Throws a std::system_error that says why it was refused and what to do about it.
    void open(const parameters& wanted);
    [[nodiscard]] bool is_open() const noexcept { return open_; }

    /// Makes the calling thread the only one that may enter.
    void enable();
    [[nodiscard]] bool is_enabled() const noexcept { return enabled_; }

    void attend(bool attending) {
        if (enabled_)
            kernel_->attend(memory_, attending);
    }

    int register_buffers(const buffer_ring& buffers, std::uint16_t group, bool incremental) {
        return kernel_->register_buffers(memory_, buffers, group, incremental);
    }

    bool close(bool operations, time_point deadline);

    /// In a child of fork(2): closes the ring without a trace in the parent's. Async-signal-safe.
    void forget() noexcept;
    /// In a child of fork(2): the parent was closing the ring at the fork. Async-signal-safe.
    void lose() noexcept { lost_ = true; }
    /// Whether the ring was enabled, or was being closed, when it was forgotten: what is in flight in it belongs to the parent.
    [[nodiscard]] bool is_lost() const noexcept { return lost_; }

    /// The next free slot, cleared; null where there is none until the next enter.
    [[nodiscard]] io_uring_sqe* get_sqe() noexcept;

    /// SQEs that the kernel has not taken yet.
    [[nodiscard]] unsigned unsubmitted() const noexcept {
        return tail_ - __atomic_load_n(memory_.sq.khead, __ATOMIC_ACQUIRE);
    }

    /// Whether the kernel has completions for us that only an enter brings: deferred work, or an overflow.
    [[nodiscard]] bool has_deferred_work() const noexcept {
        return __atomic_load_n(memory_.sq.kflags, __ATOMIC_RELAXED) &
               (IORING_SQ_TASKRUN | IORING_SQ_CQ_OVERFLOW);
    }

    /// Publishes what was filled in, and enters once. 0, or a negative errno; the CQ is where to look for news.
    int enter(unsigned wait, time_point deadline = time_point::max());

    /// Waits, and submits nothing. 0 when there is a completion or the deadline has passed, or a negative errno.
    int pause(time_point deadline) {
        const int failure = kernel_->enter(memory_, 0, 1, deadline);
        return failure == -ETIME ? 0 : std::min(failure, 0);
    }

    /// Whether there are completions to be collected.
    [[nodiscard]] bool has_completions() const noexcept {
        return __atomic_load_n(memory_.cq.ktail, __ATOMIC_ACQUIRE) != *memory_.cq.khead;
    }

    /// Shows the next completions, as many as there are up to `most`, to `on_cqe`, and leaves them where they are.
    template <class OnCqe>
    unsigned peek(OnCqe&& on_cqe, unsigned most) const {
        // Only we write the head. Acquire: the CQEs below the tail are seen as the kernel wrote them.
        const unsigned head = *memory_.cq.khead;
        const unsigned there = __atomic_load_n(memory_.cq.ktail, __ATOMIC_ACQUIRE) - head;
        const unsigned shown = std::min(there, most);
        const unsigned mask = *memory_.cq.kring_mask;
        for (unsigned i = 0; i < shown; ++i)
            on_cqe(memory_.cq.cqes[(head + i) & mask]);
        return shown;
    }

    /// Hands them to `on_cqe`, then gives their places back to the kernel.
    template <class OnCqe>
    unsigned collect(OnCqe&& on_cqe, unsigned most = static_cast<unsigned>(-1)) {
        const unsigned handed = peek(on_cqe, most);
        // Release: the kernel may overwrite them only after we have read them.
        __atomic_store_n(memory_.cq.khead, *memory_.cq.khead + handed, __ATOMIC_RELEASE);
        completions_ += handed;
        return handed;
    }

    [[nodiscard]] unsigned long long enters() const noexcept { return enters_; }
    [[nodiscard]] unsigned long long submissions() const noexcept { return submissions_; }
    [[nodiscard]] unsigned long long completions() const noexcept { return completions_; }
    /// Enters that left completions behind because the CQ was full: they come with the next. The kernel's own count is of
    /// completions that are lost, which are none as long as it has memory.
    [[nodiscard]] unsigned long long overflows() const noexcept { return overflows_; }

private:
    friend class forks;

    void detach() noexcept;

    owned<kernel> kernel_;
    io_uring memory_{};
    unsigned nothing_ = 0;  // what the memory's pointers lead to while there is no ring
    unsigned tail_ = 0;     // of what we have filled in; the shared one follows at enter
    bool open_ = false;
    bool enabled_ = false;
    bool lost_ = false;
    ring* next_ = nullptr;  // in the list of `forks`
    unsigned long long enters_ = 0;
    unsigned long long submissions_ = 0;
    unsigned long long completions_ = 0;
    unsigned long long overflows_ = 0;
};

}  // namespace coil::COIL_ABI::ring
