// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#include "ring/ring.hpp"

#include <cstring>

#include <coil/base/error.hpp>

namespace coil::COIL_ABI::ring {

void ring::open(const parameters& wanted) {
    if (const int failure = kernel_->set_up(memory_, wanted); failure < 0)
        throw_failure(system_error_code(-failure), kernel_->diagnose(-failure));
    tail_ = *memory_.sq.ktail;
    open_ = true;
}

void ring::enable() {
    if (const int failure = kernel_->enable(memory_); failure < 0)
        throw_failure(system_error_code(-failure), "the ring could not be enabled");
    enabled_ = true;
}

bool ring::close(bool operations, time_point deadline) {
    if (!open_)
        return true;
    open_ = enabled_ = false;
    return kernel_->tear_down(memory_, operations, deadline);
}

io_uring_sqe* ring::get_sqe() noexcept {
    if (unsubmitted() == *memory_.sq.kring_entries)
        return nullptr;
    io_uring_sqe* sqe = &memory_.sq.sqes[tail_++ & *memory_.sq.kring_mask];
    std::memset(sqe, 0, sizeof *sqe);
    return sqe;
}

bool ring::withdraw(std::uint64_t user_data, std::uint64_t tag) noexcept {
    if (!open_)
        return false;
    for (unsigned left = unsubmitted(); left > 0; --left) {
        io_uring_sqe& sqe = memory_.sq.sqes[(tail_ - left) & *memory_.sq.kring_mask];
        if (sqe.user_data != user_data)
            continue;
        io_uring_prep_nop(&sqe);
        sqe.user_data = tag;
        return true;
    }
    return false;
}

int ring::enter(unsigned wait, time_point deadline) {
    // Release: pairs with the kernel's acquire of the tail, so that it sees the SQEs we filled.
    __atomic_store_n(memory_.sq.ktail, tail_, __ATOMIC_RELEASE);
    const unsigned to_submit = unsubmitted();
    const int taken = kernel_->enter(memory_, to_submit, wait, deadline);
    ++enters_;
    submissions_ += to_submit - unsubmitted();
    overflows_ += (__atomic_load_n(memory_.sq.kflags, __ATOMIC_RELAXED) & IORING_SQ_CQ_OVERFLOW) != 0;
    return taken < 0 ? taken : 0;
}

}  // namespace coil::COIL_ABI::ring
