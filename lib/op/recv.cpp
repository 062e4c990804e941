// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#include <coil/op/recv.hpp>

#include <algorithm>

#include <liburing.h>

#include "op/message.hpp"
#include "op/recv_queue.hpp"

namespace coil::COIL_ABI::op {

void recv_into::prepare_recv(io_uring_sqe& sqe, mutable_buffer space) noexcept {
    io_uring_prep_recv(&sqe, target().number(), space.data(), clamp_size(space.size()), kernel_flags());
}

void recv_into::prepare_recvmsg(io_uring_sqe& sqe, msghdr& message, mutable_buffers space) noexcept {
    message = message_of(space);
    io_uring_prep_recvmsg(&sqe, target().number(), &message, static_cast<unsigned>(kernel_flags()));
}

std::int32_t recv_into::take_into(mutable_buffers space, detail::descriptor_source& source) noexcept {
    return static_cast<std::int32_t>(static_cast<recv_queue&>(source).copy(space, flags() & MSG_PEEK));
}

bool recv_into::next_step() noexcept {
    return answer().result > 0 ? try_continue(answer().result) : detail::operation::next_step();
}

bool recv_into::try_continue(std::int32_t result) noexcept {
    if (!is_whole() || result <= 0 || should_stop() || !skip(static_cast<std::size_t>(result)))
        return false;
    moved_ += static_cast<std::size_t>(result);
    submit();
    return true;
}

// If bytes arrived before a cancel, returns their number instead of operation_aborted.
outcome<std::size_t> recv_into::await_outcome() noexcept {
    const std::int32_t result = answer().result;
    if (result > 0 || (result == 0 && !was_interrupted())) [[likely]]
        return moved_ + static_cast<std::size_t>(result);
    // If this program has shut down the socket, the result 0 does not mean that the peer has ended the
    // stream.
    const auto error = result == 0 ? make_error_code(error::operation_aborted) : failure();
    if (moved_ > 0 && error == error::operation_aborted)
        return moved_;
    return {error, moved_};
}

std::size_t recv_into::await_resume() {
    const auto outcome = await_outcome();
    if (!outcome)
        fail(outcome.error(), true, outcome.bytes_transferred());
    return *outcome;
}

}  // namespace coil::COIL_ABI::op
