// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#pragma once

#include <coil/version.hpp>

#include <concepts>
#include <cstddef>
#include <sys/socket.h>
#include <type_traits>

#include <coil/base/message_flags.hpp>
#include <coil/coro/gather.hpp>
#include <coil/net/protocol_socket.hpp>
#include <coil/op/recv_datagram.hpp>
#include <coil/op/recvfrom_stream.hpp>
#include <coil/op/retry_when_writable.hpp>
#include <coil/op/send.hpp>
#include <coil/op/send_segments.hpp>

namespace coil::COIL_ABI {

/// A datagram socket, such as a `udp::socket`. Each send sends one datagram, and each receive returns one.
///
///     udp::socket socket(context, {udp::v4(), 7777});
///     std::array<std::byte, 65536> buffer;
///     auto [size, truncated, from] = co_await socket.recvfrom(buffer);
///     co_await socket.sendto(std::span(buffer).first(size), from);
///
/// Several sends and several receives may be pending at the same time. Receives are served in FIFO order.
template <class Protocol>
class datagram_socket : public protocol_socket<Protocol> {
    using protocol_socket<Protocol>::handle_;
    static constexpr bool is_ip = std::same_as<typename Protocol::endpoint::plain_type, ip::endpoint>;
    // The description of a send. If the protocol is not IP, the send has to poll until the receiver has
    // space.
    template <class Description>
    using sending = std::conditional_t<is_ip, Description, op::retry_when_writable_description<Description>>;
    template <class Description>
    static sending<Description> to_send(const Description& what) noexcept {
        return {what};
    }

public:
    using endpoint_type = typename Protocol::endpoint;
    using plain_endpoint = typename endpoint_type::plain_type;

    /// Creates a socket without a context, as a target for move assignment.
    datagram_socket() noexcept = default;
    using protocol_socket<Protocol>::protocol_socket;

    /// connect(2): sets the socket's peer. From then on, the socket receives datagrams only from this peer.
    /// If the peer's port is closed, a later operation fails with connection_refused. Opens the socket if it
    /// is closed.
    using protocol_socket<Protocol>::connect;

    /// recv(2): receives the next datagram from the connected peer.
    /// Completes: with the number of bytes stored in the buffer, and whether the datagram was truncated to
    ///            fit. A datagram may have 0 bytes.
    /// Errors:    connection_refused (a previously sent datagram reached a closed port) ...
    /// Cancel:    operation_aborted, or the datagram if it arrived first.
    /// Buffer:    owned by the caller; must stay valid until the await ends, even after a cancel.
    /// Cost:      one SQE, no allocation. Completes inline if coil already holds an unread datagram.
    [[nodiscard("co_await it")]] op::recv_datagram_description<mutable_buffer> recv(
        mutable_buffer buffer, message_flags flags = {}) {
        return {{handle_.use(flags.value()), buffer}};
    }
    /// Scatters the datagram over several buffers, in order. With more than IOV_MAX (1024) buffers, the
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

    /// recvfrom(2): receives the next datagram and the sender's address. In all other respects, recvfrom()
    /// works like `recv`.
    [[nodiscard("co_await it")]] op::recv_datagram_description<mutable_buffer, endpoint_type> recvfrom(
        mutable_buffer buffer, message_flags flags = {}) {
        return {{handle_.use(flags.value()), buffer}};
    }
    /// Scatters the datagram over several buffers, in order. With more than IOV_MAX (1024) buffers, the
    /// receive fails with message_size.
    [[nodiscard("co_await it")]] op::recv_datagram_description<mutable_buffers, endpoint_type> recvfrom(
        mutable_buffers buffers, message_flags flags = {}) {
        return {{handle_.use(flags.value()), buffers}};
    }
    template <class... Buffers>
        requires detail::several<mutable_buffer, Buffers...>
    [[nodiscard("co_await it")]] auto recvfrom(Buffers&&... buffers) {
        return detail::gather<mutable_buffer>(recvfrom(mutable_buffers()), std::forward<Buffers>(buffers)...);
    }
    /// At compile time, rejects a call that passes the arguments of recvfrom(2). The error message shows what
    /// to write.
    template <class... Arguments>
        requires detail::c_call<Arguments...>
    op::recv_datagram_description<mutable_buffer, endpoint_type> recvfrom(const Arguments&...) {
        detail::refuse_c_call<Arguments...>();
        return recvfrom(mutable_buffer());
    }

    /// Returns a `recvfrom_stream`, which receives datagrams before the program asks for them. To receive
    /// trains of datagrams, set `udp::receive_offload` first.
    [[nodiscard]] basic_recvfrom_stream<endpoint_type> recvfrom_stream()
        requires is_ip
    {
        return basic_recvfrom_stream<endpoint_type>(handle_.use());
    }

    /// send(2): sends one datagram to the connected peer. An empty buffer sends an empty datagram.
    /// Completes: with the datagram's size.
    /// Errors:    message_size (too large for a datagram), connection_refused ...
    /// Cost:      one SQE or, under low load, a direct send(2); no allocation.
    [[nodiscard("co_await it")]] sending<op::send_description<const_buffer>> send(const_buffer buffer,
                                                                                  message_flags flags = {}) {
        return to_send(
            op::send_description<const_buffer>{{handle_.use(flags.value()), buffer, detail::lane::any}});
    }
    /// Gathers the datagram from several buffers. With more than IOV_MAX (1024) buffers, the send fails with
    /// message_size.
    [[nodiscard("co_await it")]] sending<op::send_description<const_buffers>> send(const_buffers buffers,
                                                                                   message_flags flags = {}) {
        return to_send(
            op::send_description<const_buffers>{{handle_.use(flags.value()), buffers, detail::lane::any}});
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
    sending<op::send_description<const_buffer>> send(const Arguments&...) {
        detail::refuse_c_call<Arguments...>();
        return send(const_buffer());
    }

    /// Sends several datagrams with one call, for example `send(segments(bytes, 1200))`. The kernel splits
    /// the contiguous bytes into datagrams (UDP_SEGMENT).
    /// Completes: with the total number of bytes.
    /// Errors:    message_size (more than 64 datagrams or 65507 bytes, or a datagram too large for the path),
    ///            invalid_argument (a size of 0) ...
    /// Cancel:    operation_aborted, or the number of bytes if the datagrams were sent first.
    /// Cost:      as for the send of one datagram.
    [[nodiscard("co_await it")]] op::send_segments_description send(const segments& many,
                                                                    message_flags flags = {})
        requires is_ip
    {
        return {{handle_.use(flags.value()), many, nullptr}};
    }

    /// sendto(2): sends one datagram to the address `to`, which is read when the await begins.
    [[nodiscard("co_await it")]] sending<op::sendto_description<const_buffer, plain_endpoint>> sendto(
        const_buffer buffer, const plain_endpoint& to, message_flags flags = {}) {
        return to_send(
            op::sendto_description<const_buffer, plain_endpoint>{{handle_.use(flags.value()), buffer, &to}});
    }
    /// Gathers the datagram from several buffers. With more than IOV_MAX (1024) buffers, the send fails with
    /// message_size.
    [[nodiscard("co_await it")]] sending<op::sendto_description<const_buffers, plain_endpoint>> sendto(
        const_buffers buffers, const plain_endpoint& to, message_flags flags = {}) {
        return to_send(op::sendto_description<const_buffers, plain_endpoint>{
            {handle_.use(flags.value()), buffers, &to}});
    }
    /// At compile time, rejects a call that passes the arguments of sendto(2). The error message shows what
    /// to write.
    template <class... Arguments>
        requires detail::c_call<Arguments...>
    sending<op::sendto_description<const_buffer, plain_endpoint>> sendto(const Arguments&...) {
        detail::refuse_c_call<Arguments...>();
        return sendto(const_buffer(), plain_endpoint());
    }
    /// At compile time, rejects a text in place of an endpoint. The error message says what to write.
    template <class Bytes, class Address, class... More>
        requires(!std::convertible_to<const Address&, plain_endpoint> &&
                 !detail::c_call<Bytes, Address, More...>)
    sending<op::sendto_description<const_buffer, plain_endpoint>> sendto(const Bytes&, const Address&,
                                                                         const More&...) {
        static_assert(sizeof(Address) == 0,
                      "sendto takes an endpoint: for an address use "
                      "udp::endpoint(coil::ip::make_endpoint(\"127.0.0.1:80\")), for a name a resolver");
        return sendto(const_buffer(), plain_endpoint());
    }
    /// Sends several datagrams to `to` with one call, like `send(segments)`.
    [[nodiscard("co_await it")]] op::send_segments_description sendto(const segments& many,
                                                                      const plain_endpoint& to,
                                                                      message_flags flags = {})
        requires is_ip
    {
        return {{handle_.use(flags.value()), many, &to}};
    }
};

}  // namespace coil::COIL_ABI
