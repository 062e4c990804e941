// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#include <coil/op/poll.hpp>

#include <liburing.h>

namespace coil::COIL_ABI::op {

void poll::prepare(io_uring_sqe& sqe) noexcept { io_uring_prep_poll_add(&sqe, target().number(), events_); }

outcome<std::uint32_t> poll::await_outcome() noexcept {
    if (const auto error = failure())
        return error;
    return static_cast<std::uint32_t>(answer().result);
}

std::uint32_t poll::await_resume() {
    const auto outcome = await_outcome();
    if (!outcome)
        fail(outcome.error());
    return *outcome;
}

}  // namespace coil::COIL_ABI::op
