// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#pragma once

#include <coil/version.hpp>

#include <cstddef>
#include <sys/socket.h>

#include <coil/base/message_flags.hpp>
#include <coil/coro/gather.hpp>
#include <coil/net/protocol_socket.hpp>
#include <coil/op/accept.hpp>
#include <coil/op/recv_datagram.hpp>
#include <coil/op/send.hpp>

namespace coil::COIL_ABI {

namespace detail {

template <class Protocol>
class accept_operation;

}  // namespace detail

/// A connection that preserves message boundaries (SOCK_SEQPACKET), such as a
/// `local::seq_packet_protocol::socket`. Messages are sent and received whole and in order, and no message is
/// lost.
///
///     co_await peer.send("hello");
///     auto [size, truncated] = co_await peer.recv(buffer);
///
/// Several sends and several receives may be pending at the same time. Sends are served in FIFO order, and so
/// are receives. However, a send with `message_flags::dont_wait` does not queue behind other sends.
template <class Protocol>
class seq_packet_socket : public protocol_socket<Protocol> {
public:
    /// Creates a socket without a context, as a target for move assignment.
    seq_packet_socket() noexcept = default;
    using protocol_socket<Protocol>::protocol_socket;

    /// recv(2): receives the next message.
    /// Completes: with the number of bytes stored in the buffer, and whether the message was truncated to
    ///            fit. The remainder of a truncated message is lost. Completes with 0 bytes if the peer has
    ///            closed the connection or has sent an empty message. A receiver cannot tell these cases
    ///            apart, so peers should not send empty messages.
    /// Errors:    connection_reset (the peer closed before it had read all messages), not_connected ...
    /// Cancel:    operation_aborted, or the message if it arrived first.
    /// Flags:     `message_flags::peek`, `dont_wait`.
    /// Buffer:    owned by the caller; must stay valid until the await ends, even after a cancel.
    /// Cost:      one SQE, no allocation.
    [[nodiscard("co_await it")]] op::recv_datagram_description<mutable_buffer> recv(
        mutable_buffer buffer, message_flags flags = {}) {
        return {{handle_.use(flags.value()), buffer}};
    }
    /// Scatters the message over several buffers, in order. With more than IOV_MAX (1024) buffers, the
    /// receive fails with message_size.
    [[nodiscard("co_await it")]] op::recv_datagram_description<mutable_buffers> recv(
        mutable_buffers buffers, message_flags flags = {}) {
        return {{handle_.use(flags.value()), buffers}};
    }
    template <class... Buffers>
        requires detail::several<mutable_buffer, Buffers...>
    [[nodiscard("co_await it")]] auto recv(Buffers&&... buffers) {
        return detail::gather<mutable_buffer>(recv(mutable_buffers()), std::forward<Buffers>(buffers)...);
    }
    /// At compile time, rejects a call that passes the arguments of recv(2). The error message shows what to
    /// write.
    template <class... Arguments>
        requires detail::c_call<Arguments...>
    op::recv_datagram_description<mutable_buffer> recv(const Arguments&...) {
        detail::refuse_c_call<Arguments...>();
        return recv(mutable_buffer());
    }

    /// send(2): sends one whole message. Waits while the peer has too many unread messages.
    /// Completes: with the message's size.
    /// Errors:    message_size (larger than send_buffer_size allows), broken_pipe (SIGPIPE is never raised)
    ///            ...
    /// Cancel:    operation_aborted, or the size if the message was sent first.
    /// Buffer:    owned by the caller; must stay valid until the await ends, even after a cancel.
    /// Cost:      one SQE or, under low load, a direct send(2); no allocation.
    [[nodiscard("co_await it")]] op::send_description<const_buffer> send(const_buffer buffer,
                                                                         message_flags flags = {}) {
        return {{handle_.use(flags.value()), buffer, op::packet_lane(flags.value())}};
    }
    /// Gathers the message from several buffers. With more than IOV_MAX (1024) buffers, the send fails with
    /// message_size.
    [[nodiscard("co_await it")]] op::send_description<const_buffers> send(const_buffers buffers,
                                                                          message_flags flags = {}) {
        return {{handle_.use(flags.value()), buffers, op::packet_lane(flags.value())}};
    }
    template <class... Buffers>
        requires detail::several<const_buffer, Buffers...>
    [[nodiscard("co_await it")]] auto send(Buffers&&... buffers) {
        return detail::gather<const_buffer>(send(const_buffers()), std::forward<Buffers>(buffers)...);
    }
    /// At compile time, rejects a call that passes the arguments of send(2). The error message shows what to
    /// write.
    template <class... Arguments>
        requires detail::c_call<Arguments...>
    op::send_description<const_buffer> send(const Arguments&...) {
        detail::refuse_c_call<Arguments...>();
        return send(const_buffer());
    }

private:
    template <class>
    friend class detail::accept_operation;

    using protocol_socket<Protocol>::handle_;

    explicit seq_packet_socket(detail::descriptor_handle accepted)
        : protocol_socket<Protocol>(std::move(accepted)) {}
};

}  // namespace coil::COIL_ABI
