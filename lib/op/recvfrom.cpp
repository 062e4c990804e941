// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#include <coil/op/recvfrom.hpp>

#include <algorithm>

#include <liburing.h>

#include "op/message.hpp"
#include "op/recvfrom_queue.hpp"

namespace coil::COIL_ABI::op {

void sender_reader::prepare_recvmsg(io_uring_sqe& sqe, const mutable_buffer* buffers,
                                    std::size_t count) noexcept {
    message_ = message_of(buffers, count);
    message_.msg_name = sender_;
    message_.msg_namelen = room_;
    io_uring_prep_recvmsg(&sqe, target().number(), &message_, static_cast<unsigned>(kernel_flags()));
}

// Only sockets with IPv4 or IPv6 addresses have a queue.
std::int32_t sender_reader::take_into(recvfrom_queue& queue, mutable_buffers buffers) noexcept {
    const recvfrom_queue::copied one = queue.copy(buffers, flags() & MSG_PEEK);
    cut_before_ = one.truncated;
    if (sender_)
        message_.msg_namelen = one.from.to_sockaddr(*static_cast<ip::socket_address*>(sender_));
    return one.size;
}

// The result is the size of the whole datagram, whatever the buffers had room for. A datagram that was
// received ahead may have been even larger.
outcome<received> sender_reader::received_in(std::size_t room) noexcept {
    if (const auto error = failure())
        return error;
    if (answer().result == 0 && was_interrupted())
        return error::operation_aborted;
    const auto size = static_cast<std::size_t>(answer().result);
    return received{std::min(size, room), cut_before_ || size > room};
}

void recvfrom::prepare(io_uring_sqe& sqe) noexcept { prepare_recvmsg(sqe, &buffer_, 1); }

std::int32_t recvfrom::take_from(recvfrom_queue& queue) noexcept { return take_into(queue, {&buffer_, 1}); }

}  // namespace coil::COIL_ABI::op
