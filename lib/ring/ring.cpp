// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#include "ring/ring.hpp"

#include <cstring>

#include <coil/base/error.hpp>

namespace coil::COIL_ABI::ring {

ring::ring(detail::owned<kernel> behind) : kernel_(std::move(behind)) {
    detach();
    forks::add(*this);
}

void ring::open(const parameters& wanted) {
    const std::lock_guard held(forks::lock());
    if (const int failure = kernel_->set_up(memory_, wanted); failure < 0)
        detail::throw_failure(detail::system_error_code(-failure), kernel_->diagnose(-failure));
    tail_ = *memory_.sq.ktail;
    open_ = true;
}

void ring::enable() {
    if (const int failure = kernel_->enable(memory_); failure < 0)
        detail::throw_failure(detail::system_error_code(-failure), kernel_->diagnose(-failure));
    enabled_ = true;
}

bool ring::close(bool operations, time_point deadline) {
    if (!open_)
        return true;
    open_ = enabled_ = false;
    const bool released = kernel_->tear_down(memory_, operations, deadline);
    detach();
    return released;
}

void ring::forget() noexcept {
    kernel_->forget();
    lost_ = lost_ || enabled_;
    open_ = enabled_ = false;
    detach();
}

// Turns this object into a ring with no slots and no completions, so that callers need not check whether the
// ring is open.
void ring::detach() noexcept {
    memory_ = {};
    memory_.ring_fd = -1;
    memory_.sq.khead = memory_.sq.ktail = memory_.sq.kring_mask = memory_.sq.kring_entries = &nothing_;
    memory_.sq.kflags = &nothing_;
    memory_.cq.khead = memory_.cq.ktail = memory_.cq.kring_mask = &nothing_;
    tail_ = 0;
}

io_uring_sqe* ring::get_sqe() noexcept {
    if (unsubmitted() == *memory_.sq.kring_entries)
        return nullptr;
    io_uring_sqe* sqe = &memory_.sq.sqes[tail_++ & *memory_.sq.kring_mask];
    std::memset(sqe, 0, sizeof *sqe);
    return sqe;
}

int ring::enter(unsigned wait, time_point deadline) {
    // The release pairs with the kernel's acquire load of the tail, so that the kernel sees the complete
    // SQEs.
    __atomic_store_n(memory_.sq.ktail, tail_, __ATOMIC_RELEASE);
    const unsigned to_submit = unsubmitted();
    const int taken = kernel_->enter(memory_, to_submit, wait, deadline);
    ++enters_;
    submissions_ += to_submit - unsubmitted();
    overflows_ += (__atomic_load_n(memory_.sq.kflags, __ATOMIC_RELAXED) & IORING_SQ_CQ_OVERFLOW) != 0;
    return taken < 0 ? taken : 0;
}

}  // namespace coil::COIL_ABI::ring
