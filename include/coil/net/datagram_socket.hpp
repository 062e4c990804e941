// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#pragma once

#include <coil/version.hpp>

#include <concepts>
#include <cstddef>
#include <sys/socket.h>
#include <type_traits>

#include <coil/base/message_flags.hpp>
#include <coil/net/protocol_socket.hpp>
#include <coil/op/message.hpp>
#include <coil/op/patient.hpp>
#include <coil/op/recv.hpp>
#include <coil/op/recvfrom.hpp>
#include <coil/op/recvfrom_stream.hpp>
#include <coil/op/send.hpp>
#include <coil/op/send_segments.hpp>
#include <coil/op/sendto.hpp>

namespace coil::COIL_ABI {

/// A socket for datagrams, such as a `udp::socket`: each is sent and received whole, or not at all.
///
///     udp::socket socket(context, {udp::v4(), 7777});
///     std::array<std::byte, 65536> buffer;
///     auto [size, truncated, from] = co_await socket.recvfrom(buffer);
///     co_await socket.sendto(std::span(buffer).first(size), from);
///
/// Sends may overlap. Receives may too: they are served in order.
template <class Protocol>
class datagram_socket : public protocol_socket<Protocol> {
    using protocol_socket<Protocol>::handle_;
    static constexpr bool is_ip = std::same_as<typename Protocol::endpoint::plain_type, ip::endpoint>;
    template <class Description, lane... Lane>
    using sending = std::conditional_t<is_ip, Description, op::patient_description<Description, Lane...>>;
    template <lane... Lane, class Description>
    static sending<Description, Lane...> to_send(const Description& what) noexcept {
        return {what};
    }

public:
    using endpoint_type = typename Protocol::endpoint;
    using plain_endpoint = typename endpoint_type::plain_type;

    /// A socket of no context, to be assigned to.
    datagram_socket() noexcept = default;
    using protocol_socket<Protocol>::protocol_socket;

    /// connect(2): from now on only this peer's datagrams are received, and its port being closed is reported as
    /// connection_refused by a later operation. Opens the socket if it is closed.
    using protocol_socket<Protocol>::connect;

    /// recv(2): takes the next datagram of the connected peer.
    /// Completes: with its size and whether it was cut to the buffer's. 0 bytes are a datagram, too.
    /// Errors:    connection_refused (a datagram of ours found nobody) ...
    /// Cancel:    operation_aborted, or the datagram if it came first.
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

    /// recvfrom(2): takes the next datagram, and says whose it is. As `recv` otherwise.
    [[nodiscard("co_await it")]] op::recvfrom_description<plain_endpoint> recvfrom(mutable_buffer buffer,
                                                                                   message_flags flags = {}) {
        return {{handle_.use(flags.value()), buffer}};
    }
    /// The same into several buffers, one after the other; more than IOV_MAX (1024) are refused with message_size.
    [[nodiscard("co_await it")]] op::recvmsg_from_description<plain_endpoint> recvfrom(
        mutable_buffers buffers, message_flags flags = {}) {
        return {{handle_.use(flags.value()), buffers}};
    }
    template <class... Buffers>
        requires detail::several<mutable_buffer, Buffers...>
    [[nodiscard("co_await it")]] auto recvfrom(Buffers&&... buffers) {
        return op::holding_description<op::recvmsg_from_description<plain_endpoint>, mutable_buffer,
                                       sizeof...(Buffers)>{
            {{handle_.use(), {}}}, {mutable_buffer(std::forward<Buffers>(buffers))...}};
    }
    /// The arguments of the C function do not compile: says what to write.
    template <class... Arguments>
        requires detail::c_call<Arguments...>
    op::recvfrom_description<plain_endpoint> recvfrom(const Arguments&...) {
        detail::refuse_c_call<Arguments...>();
        return recvfrom(mutable_buffer());
    }

    /// What arrives, datagram by datagram, received ahead: see there. For trains set `udp::receive_offload` before.
    [[nodiscard]] coil::recvfrom_stream recvfrom_stream()
        requires is_ip
    {
        return coil::recvfrom_stream(handle_.use());
    }

    /// send(2): one datagram to the connected peer. An empty buffer is a datagram, too.
    /// Completes: with its size. Errors: message_size (too large for a datagram), connection_refused ...
    [[nodiscard("co_await it")]] sending<op::send_datagram_description, lane::any> send(
        const_buffer buffer, message_flags flags = {}) {
        return to_send<lane::any>(op::send_datagram_description{{handle_.use(flags.value()), buffer}});
    }
    /// The same, gathered from several buffers; more than IOV_MAX (1024) are refused with message_size.
    [[nodiscard("co_await it")]] sending<op::sendmsg_datagram_description, lane::any> send(
        const_buffers buffers, message_flags flags = {}) {
        return to_send<lane::any>(op::sendmsg_datagram_description{{handle_.use(flags.value()), buffers}});
    }
    template <class... Buffers>
        requires detail::several<const_buffer, Buffers...>
    [[nodiscard("co_await it")]] auto send(Buffers&&... buffers) {
        return op::holding_description<sending<op::sendmsg_datagram_description, lane::any>, const_buffer,
                                       sizeof...(Buffers)>{{{handle_.use(), {}}},
                                                           {const_buffer(std::forward<Buffers>(buffers))...}};
    }
    /// The arguments of the C function do not compile: says what to write.
    template <class... Arguments>
        requires detail::c_call<Arguments...>
    sending<op::send_datagram_description, lane::any> send(const Arguments&...) {
        detail::refuse_c_call<Arguments...>();
        return send(const_buffer());
    }

    /// Many datagrams with one call, cut from bytes that lie one after the other (UDP_SEGMENT): `send(segments(bytes, 1200))`.
    /// Completes: with the bytes of all of them.
    /// Errors:    message_size (more than 64 datagrams or 65507 bytes, or one too large for the path),
    ///            invalid_argument (a size of 0) ...
    /// Cancel:    operation_aborted, or all of them.
    /// Cost:      as one datagram.
    [[nodiscard("co_await it")]] op::send_segments_description send(const segments& many,
                                                                    message_flags flags = {})
        requires is_ip
    {
        return {handle_.use(flags.value()), many, nullptr};
    }

    /// sendto(2): one datagram to `to`, which is read when the await begins.
    [[nodiscard("co_await it")]] sending<op::sendto_description<plain_endpoint>> sendto(
        const_buffer buffer, const plain_endpoint& to, message_flags flags = {}) {
        return to_send(op::sendto_description<plain_endpoint>{{{handle_.use(flags.value()), buffer}, &to}});
    }
    /// The same, gathered from several buffers.
    [[nodiscard("co_await it")]] sending<op::sendmsg_to_description<plain_endpoint>> sendto(
        const_buffers buffers, const plain_endpoint& to, message_flags flags = {}) {
        return to_send(
            op::sendmsg_to_description<plain_endpoint>{{{handle_.use(flags.value()), buffers}, &to}});
    }
    /// The arguments of the C function do not compile: says what to write.
    template <class... Arguments>
        requires detail::c_call<Arguments...>
    sending<op::sendto_description<plain_endpoint>> sendto(const Arguments&...) {
        detail::refuse_c_call<Arguments...>();
        return sendto(const_buffer(), plain_endpoint());
    }
    /// Many datagrams with one call: see `send`.
    [[nodiscard("co_await it")]] op::send_segments_description sendto(const segments& many,
                                                                      const plain_endpoint& to,
                                                                      message_flags flags = {})
        requires is_ip
    {
        return {handle_.use(flags.value()), many, &to};
    }
};

}  // namespace coil::COIL_ABI
