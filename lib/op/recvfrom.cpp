// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#include <coil/op/recvfrom.hpp>

#include <liburing.h>

#include "op/message.hpp"
#include "op/recvfrom_queue.hpp"

namespace coil::COIL_ABI::op {

std::int32_t recvfrom::take_from(recvfrom_queue& queue) noexcept {
    const recvfrom_queue::copied one = queue.copy({&buffer_, 1}, flags_ & MSG_PEEK);
    cut_before_ = one.truncated;
    message_.msg_namelen = one.from.to_sockaddr(from_);
    return one.size;
}

void recvfrom::prepare(io_uring_sqe& sqe) noexcept {
    message_ = message_of(&buffer_, 1);
    message_.msg_name = &from_.any;
    message_.msg_namelen = sizeof from_;
    io_uring_prep_recvmsg(&sqe, target().number(), &message_, static_cast<unsigned>(flags_ | MSG_TRUNC));
}

outcome<received_from> recvfrom::await_outcome() noexcept {
    if (const auto error = failure())
        return error;
    if (answer().result == 0 && was_interrupted())
        return error::operation_aborted;
    return received_in(answer(), message_, from_, buffer_.size(), cut_before_);
}

received_from recvfrom::await_resume() {
    const auto outcome = await_outcome();
    if (!outcome)
        fail(outcome.error());
    return *outcome;
}

}  // namespace coil::COIL_ABI::op
