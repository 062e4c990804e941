// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#include <coil/op/send.hpp>

#include <liburing.h>
#include <sys/socket.h>

#include "op/clamp.hpp"

namespace coil::op {

void send::prepare(io_uring_sqe& sqe) noexcept {
    io_uring_prep_send(&sqe, target().number(), buffer_.data(), clamp_size(buffer_.size()),
                       flags_ | MSG_NOSIGNAL);
}

outcome<std::size_t> send::await_outcome() noexcept {
    if (const auto error = failure())
        return error;
    return static_cast<std::size_t>(answer().result);
}

std::size_t send::await_resume() {
    const auto outcome = await_outcome();
    if (!outcome)
        fail(outcome.error(), true);
    return *outcome;
}

}  // namespace coil::op
