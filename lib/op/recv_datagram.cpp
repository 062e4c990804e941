// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#include <coil/op/recv_datagram.hpp>

#include <algorithm>

#include <liburing.h>

#include "op/message.hpp"
#include "op/recvfrom_queue.hpp"

namespace coil::COIL_ABI::op {

std::optional<std::int32_t> recv_datagram_into::before_submit() {
    return fits_one_call() ? buffer_reader::before_submit() : refused_size;
}

// Sets MSG_TRUNC, so that the kernel returns the size of the whole datagram even if the buffers are smaller.
// kernel_flags() removes MSG_WAITALL, because with this flag, io_uring would fill the buffer with several
// messages of a SOCK_SEQPACKET socket.
void recv_datagram_into::prepare(io_uring_sqe& sqe) noexcept {
    const int wanted = kernel_flags() | MSG_TRUNC;
    msghdr* header = message();
    if (!header) {
        const mutable_buffer buffer = space().front();
        io_uring_prep_recv(&sqe, target().number(), buffer.data(), clamp_size(buffer.size()), wanted);
        return;
    }
    *header = message_of(space());
    header->msg_name = sender().address;
    header->msg_namelen = sender().size;
    io_uring_prep_recvmsg(&sqe, target().number(), header, static_cast<unsigned>(wanted));
}

// Copies the first unread datagram. Only IPv4 and IPv6 sockets have a recvfrom_queue, so the space for the
// sender's address is an ip::socket_address.
std::int32_t recv_datagram_into::take_from(detail::descriptor_source& source) noexcept {
    const recvfrom_queue::copied one = static_cast<recvfrom_queue&>(source).copy(space(), flags() & MSG_PEEK);
    is_cut_ = one.truncated;
    if (void* address = sender().address)
        message()->msg_namelen = one.from.to_sockaddr(*static_cast<ip::socket_address*>(address));
    return one.size;
}

// The operation's result is the datagram's size, even if the buffers are smaller. If the datagram was already
// truncated in the recvfrom_queue, the result is the truncated size, and is_cut_ is true.
outcome<received> recv_datagram_into::received_in(std::size_t room) const noexcept {
    if (const auto error = failure())
        return error;
    if (answer().result == 0 && was_interrupted())
        return error::operation_aborted;
    const auto size = static_cast<std::size_t>(answer().result);
    return received{std::min(size, room), is_cut_ || size > room};
}

}  // namespace coil::COIL_ABI::op
