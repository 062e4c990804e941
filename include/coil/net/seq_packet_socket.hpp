// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#pragma once

#include <coil/version.hpp>

#include <cstddef>
#include <sys/socket.h>
#include <system_error>

#include <coil/net/socket.hpp>
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
/// Sends may overlap. Receives may too: they are served in order.
template <class Protocol>
class seq_packet_socket : public basic_socket {
public:
    using protocol_type = Protocol;
    using endpoint_type = typename Protocol::endpoint;

    /// A socket of no context, to be assigned to.
    seq_packet_socket() noexcept = default;
    explicit seq_packet_socket(io_context& context) noexcept : basic_socket(context) {}
    seq_packet_socket(io_context& context, const Protocol& protocol) : basic_socket(context) {
        open(protocol);
    }
    /// Opened, and bound to an address of this machine.
    seq_packet_socket(io_context& context, const endpoint_type& local) : basic_socket(context) {
        open(local.protocol());
        bind(local);
    }

    void open(const Protocol& protocol = usual<Protocol>()) {
        basic_socket::open(protocol.family(), protocol.type(), protocol.protocol());
    }
    /// Takes an open descriptor, which is the socket's to close from now on.
    void assign(const Protocol&, int descriptor) { basic_socket::assign(descriptor); }
    void bind(const endpoint_type& local) { basic_socket::bind(local); }

    [[nodiscard]] endpoint_type local_endpoint() const {
        return basic_socket::local_endpoint<endpoint_type>();
    }
    [[nodiscard]] endpoint_type local_endpoint(std::error_code& error) const noexcept {
        return basic_socket::local_endpoint<endpoint_type>(error);
    }
    [[nodiscard]] endpoint_type remote_endpoint() const {
        return basic_socket::remote_endpoint<endpoint_type>();
    }
    [[nodiscard]] endpoint_type remote_endpoint(std::error_code& error) const noexcept {
        return basic_socket::remote_endpoint<endpoint_type>(error);
    }

    /// connect(2). Opens the socket if it is closed. As of a `stream_socket`.
    [[nodiscard]] op::connect_description<endpoint_type> connect(const endpoint_type& peer) {
        return connect_to(peer);
    }

    /// recv(2): takes the next message.
    /// Completes: with its size and whether it was cut to the buffer's; the rest of it is lost. With 0 bytes when the peer has
    ///            closed, or has sent an empty message, which nobody can tell apart: peers should send none.
    /// Errors:    connection_reset (the peer has closed, and messages of ours were unread), not_connected ...
    /// Cancel:    operation_aborted, or the message if it came first.
    /// Flags:     recv(2)'s: MSG_PEEK, MSG_DONTWAIT.
    /// Buffer:    the caller's; must live until the await is over, also when cancelled.
    /// Cost:      one SQE, no allocation.
    [[nodiscard]] op::recv_datagram_description recv(mutable_buffer buffer, int flags = 0) {
        return {{handle_.use(flags), buffer}};
    }
    /// The same into several buffers, one after the other; more than IOV_MAX (1024) are refused with message_size.
    [[nodiscard]] op::recvmsg_datagram_description recv(mutable_buffers buffers, int flags = 0) {
        return {{handle_.use(flags), buffers}};
    }
    template <class... Buffers>
        requires detail::several<mutable_buffer, Buffers...>
    [[nodiscard]] auto recv(Buffers&&... buffers) {
        return op::holding_description<op::recvmsg_datagram_description, mutable_buffer, sizeof...(Buffers)>{
            {{handle_.use(), {}}}, {mutable_buffer(std::forward<Buffers>(buffers))...}};
    }

    /// send(2): one message, whole. It waits while the peer has too many unread.
    /// Completes: with its size. Errors: message_size (larger than send_buffer_size allows), broken_pipe (never the signal) ...
    /// Cancel:    operation_aborted, or all of it.
    /// Buffer:    the caller's; must live until the await is over, also when cancelled.
    /// Cost:      one SQE, no allocation.
    [[nodiscard]] op::send_datagram_description send(const_buffer buffer, int flags = 0) {
        return {{handle_.use(flags), buffer}};
    }
    /// The same, gathered from several buffers; more than IOV_MAX (1024) are refused with message_size.
    [[nodiscard]] op::sendmsg_datagram_description send(const_buffers buffers, int flags = 0) {
        return {{handle_.use(flags), buffers}};
    }
    template <class... Buffers>
        requires detail::several<const_buffer, Buffers...>
    [[nodiscard]] auto send(Buffers&&... buffers) {
        return op::holding_description<op::sendmsg_datagram_description, const_buffer, sizeof...(Buffers)>{
            {{handle_.use(), {}}}, {const_buffer(std::forward<Buffers>(buffers))...}};
    }

    /// shutdown(2), now. The result may be awaited or dropped.
    completed shutdown(shutdown_type what) noexcept { return basic_socket::shutdown(what); }

private:
    template <class>
    friend class accept_operation;

    seq_packet_socket(int accepted, const descriptor& acceptor) : basic_socket(acceptor.context()) {
        handle_.adopt_accepted(accepted, acceptor);
    }
};

}  // namespace coil::COIL_ABI
