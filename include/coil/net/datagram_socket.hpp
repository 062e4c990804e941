// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#pragma once

#include <coil/version.hpp>

#include <cstddef>
#include <sys/socket.h>

#include <coil/net/socket.hpp>
#include <coil/op/connect.hpp>
#include <coil/op/message.hpp>
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
class datagram_socket : public basic_socket {
public:
    using protocol_type = Protocol;
    using endpoint_type = typename Protocol::endpoint;

    /// A socket of no context, to be assigned to.
    datagram_socket() noexcept = default;
    explicit datagram_socket(io_context& context) noexcept : basic_socket(context) {}
    datagram_socket(io_context& context, const Protocol& protocol) : basic_socket(context) { open(protocol); }
    /// Opened, and bound to an address of this machine. An IPv6 endpoint takes IPv4 datagrams as well.
    datagram_socket(io_context& context, const endpoint_type& local) : basic_socket(context) {
        open(local.protocol());
        bind(local);
    }

    void open(const Protocol& protocol = Protocol::v4()) {
        basic_socket::open(protocol.family(), protocol.type(), protocol.protocol());
    }
    void assign(const Protocol&, int descriptor) { basic_socket::assign(descriptor); }
    void bind(const endpoint_type& local) { basic_socket::bind(local); }

    [[nodiscard]] endpoint_type local_endpoint() const {
        return endpoint_type(basic_socket::local_endpoint());
    }
    [[nodiscard]] endpoint_type local_endpoint(std::error_code& error) const noexcept {
        return endpoint_type(basic_socket::local_endpoint(error));
    }
    [[nodiscard]] endpoint_type remote_endpoint() const {
        return endpoint_type(basic_socket::remote_endpoint());
    }
    [[nodiscard]] endpoint_type remote_endpoint(std::error_code& error) const noexcept {
        return endpoint_type(basic_socket::remote_endpoint(error));
    }

    /// connect(2): from now on only this peer's datagrams are received, and its port being closed is reported as
    /// connection_refused by a later operation. Opens the socket if it is closed.
    [[nodiscard]] op::connect_description connect(const endpoint_type& peer) {
        const auto used = handle_.use();
        return {{used.record, used.generation, static_cast<std::uint8_t>(peer.protocol().type()),
                 static_cast<std::uint8_t>(peer.protocol().protocol()), peer}};
    }

    /// recv(2): takes the next datagram of the connected peer.
    /// Completes: with its size and whether it was cut to the buffer's. 0 bytes are a datagram, too.
    /// Errors:    connection_refused (a datagram of ours found nobody) ...
    /// Cancel:    operation_aborted, or the datagram if it came first.
    /// Buffer:    the caller's; must live until the await is over, also when cancelled.
    /// Cost:      one SQE, no allocation.
    [[nodiscard]] op::recv_datagram_description recv(mutable_buffer buffer, int flags = 0) {
        return {{handle_.use(flags), buffer}};
    }

    /// recvfrom(2): takes the next datagram, and says whose it is. As `recv` otherwise.
    [[nodiscard]] op::recvfrom_description recvfrom(mutable_buffer buffer, int flags = 0) {
        return {{handle_.use(flags), buffer}};
    }
    /// The same into several buffers, one after the other; more than IOV_MAX (1024) are refused with message_size.
    [[nodiscard]] op::recvmsg_from_description recvfrom(mutable_buffers buffers, int flags = 0) {
        return {{handle_.use(flags), buffers}};
    }
    template <class... Buffers>
        requires detail::several<mutable_buffer, Buffers...>
    [[nodiscard]] auto recvfrom(Buffers&&... buffers) {
        return op::holding_description<op::recvmsg_from_description, mutable_buffer, sizeof...(Buffers)>{
            {{handle_.use(), {}}}, {mutable_buffer(std::forward<Buffers>(buffers))...}};
    }

    /// What arrives, datagram by datagram, received ahead: see there. For trains set `udp::receive_offload` before.
    [[nodiscard]] coil::recvfrom_stream recvfrom_stream() { return coil::recvfrom_stream(handle_.use()); }

    /// send(2): one datagram to the connected peer. An empty buffer is a datagram, too.
    /// Completes: with its size. Errors: message_size (too large for a datagram), connection_refused ...
    [[nodiscard]] op::send_datagram_description send(const_buffer buffer, int flags = 0) {
        return {{handle_.use(flags), buffer}};
    }
    /// The same, gathered from several buffers; more than IOV_MAX (1024) are refused with message_size.
    [[nodiscard]] op::sendmsg_datagram_description send(const_buffers buffers, int flags = 0) {
        return {{handle_.use(flags), buffers, nullptr}};
    }
    template <class... Buffers>
        requires detail::several<const_buffer, Buffers...>
    [[nodiscard]] auto send(Buffers&&... buffers) {
        return op::holding_description<op::sendmsg_datagram_description, const_buffer, sizeof...(Buffers)>{
            {{handle_.use(), {}, nullptr}}, {const_buffer(std::forward<Buffers>(buffers))...}};
    }

    /// Many datagrams with one call, cut from bytes that lie one after the other (UDP_SEGMENT): `send(segments(bytes, 1200))`.
    /// Completes: with the bytes of all of them.
    /// Errors:    message_size (more than 64 datagrams or 65507 bytes, or one too large for the path),
    ///            invalid_argument (a size of 0) ...
    /// Cancel:    operation_aborted, or all of them.
    /// Cost:      as one datagram.
    [[nodiscard]] op::send_segments_description send(const segments& many, int flags = 0) {
        return {handle_.use(flags), many, nullptr};
    }

    /// sendto(2): one datagram to `to`, which is read when the await begins.
    [[nodiscard]] op::sendto_description sendto(const_buffer buffer, const ip::endpoint& to, int flags = 0) {
        return {{{handle_.use(flags), buffer}, &to}};
    }
    /// The same, gathered from several buffers.
    [[nodiscard]] op::sendmsg_datagram_description sendto(const_buffers buffers, const ip::endpoint& to,
                                                          int flags = 0) {
        return {{handle_.use(flags), buffers, &to}};
    }
    /// Many datagrams with one call: see `send`.
    [[nodiscard]] op::send_segments_description sendto(const segments& many, const ip::endpoint& to,
                                                       int flags = 0) {
        return {handle_.use(flags), many, &to};
    }

    completed shutdown(shutdown_type what) noexcept { return basic_socket::shutdown(what); }
};

}  // namespace coil::COIL_ABI
