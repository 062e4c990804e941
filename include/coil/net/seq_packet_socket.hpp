// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#pragma once

#include <coil/version.hpp>

#include <cstddef>
#include <sys/socket.h>

#include <coil/base/message_flags.hpp>
#include <coil/net/protocol_socket.hpp>
#include <coil/op/accept.hpp>
#include <coil/op/message.hpp>
#include <coil/op/recv.hpp>
#include <coil/op/send.hpp>

namespace coil::COIL_ABI {

template <class Protocol>
class accept_operation;

/// A connection that keeps the bounds of messages (SOCK_SEQPACKET), such as a `local::seq_packet_protocol::socket`: each is sent
/// and received whole, in order, and none is lost.
///
///     co_await peer.send("hello");
///     auto [size, truncated] = co_await peer.recv(buffer);
///
/// Sends may overlap, and so may receives: both are served in order. A send with MSG_DONTWAIT does not wait in line.
template <class Protocol>
class seq_packet_socket : public protocol_socket<Protocol> {
public:
    /// A socket of no context, to be assigned to.
    seq_packet_socket() noexcept = default;
    using protocol_socket<Protocol>::protocol_socket;

    /// recv(2): takes the next message.
    /// Completes: with its size and whether it was cut to the buffer's; the rest of it is lost. With 0 bytes when the peer has
    ///            closed, or has sent an empty message, which nobody can tell apart: peers should send none.
    /// Errors:    connection_reset (the peer has closed, and messages of ours were unread), not_connected ...
    /// Cancel:    operation_aborted, or the message if it came first.
    /// Flags:     `message_flags::peek`, `dont_wait`.
    /// Buffer:    the caller's; must live until the await is over, also when cancelled.
    /// Cost:      one SQE, no allocation.
    [[nodiscard("co_await it")]] op::recv_datagram_description recv(mutable_buffer buffer,
                                                                    message_flags flags = {}) {
        return {{handle_.use(flags.value()), buffer}};
    }
    /// The same into several buffers, one after the other; more than IOV_MAX (1024) are refused with message_size.
    [[nodiscard("co_await it")]] op::recvmsg_datagram_description recv(mutable_buffers buffers,
                                                                       message_flags flags = {}) {
        return {{handle_.use(flags.value()), buffers}};
    }
    template <class... Buffers>
        requires detail::several<mutable_buffer, Buffers...>
    [[nodiscard("co_await it")]] auto recv(Buffers&&... buffers) {
        return op::holding_description<op::recvmsg_datagram_description, mutable_buffer, sizeof...(Buffers)>{
            {{handle_.use(), {}}}, {mutable_buffer(std::forward<Buffers>(buffers))...}};
    }
    /// The arguments of the C function do not compile: says what to write.
    template <class... Arguments>
        requires detail::c_call<Arguments...>
    op::recv_datagram_description recv(const Arguments&...) {
        detail::refuse_c_call<Arguments...>();
        return recv(mutable_buffer());
    }

    /// send(2): one message, whole. It waits while the peer has too many unread.
    /// Completes: with its size. Errors: message_size (larger than send_buffer_size allows), broken_pipe (never the signal) ...
    /// Cancel:    operation_aborted, or all of it.
    /// Buffer:    the caller's; must live until the await is over, also when cancelled.
    /// Cost:      one SQE, no allocation.
    [[nodiscard("co_await it")]] op::send_packet_description send(const_buffer buffer,
                                                                  message_flags flags = {}) {
        return {{handle_.use(flags.value()), buffer}};
    }
    /// The same, gathered from several buffers; more than IOV_MAX (1024) are refused with message_size.
    [[nodiscard("co_await it")]] op::sendmsg_packet_description send(const_buffers buffers,
                                                                     message_flags flags = {}) {
        return {{handle_.use(flags.value()), buffers}};
    }
    template <class... Buffers>
        requires detail::several<const_buffer, Buffers...>
    [[nodiscard("co_await it")]] auto send(Buffers&&... buffers) {
        return op::holding_description<op::sendmsg_packet_description, const_buffer, sizeof...(Buffers)>{
            {{handle_.use(), {}}}, {const_buffer(std::forward<Buffers>(buffers))...}};
    }
    /// The arguments of the C function do not compile: says what to write.
    template <class... Arguments>
        requires detail::c_call<Arguments...>
    op::send_packet_description send(const Arguments&...) {
        detail::refuse_c_call<Arguments...>();
        return send(const_buffer());
    }

private:
    template <class>
    friend class accept_operation;

    using protocol_socket<Protocol>::handle_;

    explicit seq_packet_socket(descriptor_handle accepted) : protocol_socket<Protocol>(std::move(accepted)) {}
};

}  // namespace coil::COIL_ABI
