// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#include <coil/op/recv.hpp>

#include <algorithm>

#include <liburing.h>
#include <sys/socket.h>

#include "op/clamp.hpp"

namespace coil::op {

void recv::prepare(io_uring_sqe& sqe) noexcept {
    io_uring_prep_recv(&sqe, target().number(), buffer_.data(), clamp_size(buffer_.size()), flags_);
}

outcome<std::size_t> recv::await_outcome() noexcept {
    if (const auto error = failure())
        return error;
    if (answer().result == 0 && was_interrupted())
        return error::operation_aborted;  // an end of our own making is not the peer's
    return static_cast<std::size_t>(answer().result);
}

std::size_t recv::await_resume() {
    const auto outcome = await_outcome();
    if (!outcome)
        fail(outcome.error(), true);
    return *outcome;
}

// MSG_TRUNC has the kernel say how large the datagram was. On a stream it would throw data away.
void recv_datagram::prepare(io_uring_sqe& sqe) noexcept {
    io_uring_prep_recv(&sqe, target().number(), buffer_.data(), clamp_size(buffer_.size()),
                       flags_ | MSG_TRUNC);
}

outcome<received> recv_datagram::await_outcome() noexcept {
    if (const auto error = failure())
        return error;
    const auto size = static_cast<std::size_t>(answer().result);
    if (size == 0 && was_interrupted())
        return error::operation_aborted;
    return received{std::min(size, buffer_.size()), size > buffer_.size()};
}

received recv_datagram::await_resume() {
    const auto outcome = await_outcome();
    if (!outcome)
        fail(outcome.error());
    return *outcome;
}

}  // namespace coil::op
