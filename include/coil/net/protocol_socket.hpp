// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#pragma once

#include <coil/version.hpp>

#include <concepts>
#include <cstdint>
#include <system_error>

#include <coil/net/socket.hpp>
#include <coil/op/connect.hpp>

namespace coil::COIL_ABI {

/// The base class of sockets that can have a peer: `stream_socket`, `datagram_socket`, `seq_packet_socket`.
template <class Protocol>
class protocol_socket : public basic_socket {
public:
    using protocol_type = Protocol;
    using endpoint_type = typename Protocol::endpoint;

    /// Creates a socket without a context, as a target for move assignment.
    protocol_socket() noexcept = default;
    explicit protocol_socket(io_context& context) noexcept : basic_socket(context) {}
    protocol_socket(io_context& context, const Protocol& protocol) : basic_socket(context) { open(protocol); }
    /// Opens the socket and binds it to a local address. An IPv6 socket for TCP or UDP also serves IPv4
    /// (dual-stack).
    protocol_socket(io_context& context, const endpoint_type& local) : basic_socket(context) {
        open(local.protocol());
        bind(local);
    }

    void open(const Protocol& protocol = usual<Protocol>()) {
        basic_socket::open(protocol.family(), protocol.type(), protocol.protocol());
    }
    /// Takes ownership of an open descriptor. If assign() throws, an int descriptor still belongs to the
    /// caller, and a unique_descriptor is closed.
    /// Cost:      one getpeername(2), so that error texts can name the peer.
    void assign(const Protocol&, int descriptor) { basic_socket::assign(descriptor); }
    void assign(const Protocol&, unique_descriptor descriptor) {
        basic_socket::assign(std::move(descriptor));
    }
    void bind(const endpoint_type& local) { basic_socket::bind(local); }

    [[nodiscard]] endpoint_type local_endpoint() const {
        return basic_socket::local_endpoint<endpoint_type>();
    }
    [[nodiscard]] endpoint_type local_endpoint(std::error_code& error) const noexcept {
        return basic_socket::local_endpoint<endpoint_type>(error);
    }
    /// Returns the peer's address. An IPv4 or IPv6 socket stores this address if the socket was connected by
    /// connect() or accept(), or before it was passed to assign(). In this case, remote_endpoint() needs no
    /// system call, and works even after the peer has reset the connection. Otherwise, it calls
    /// getpeername(2).
    [[nodiscard]] endpoint_type remote_endpoint() const {
        return basic_socket::remote_endpoint<endpoint_type>();
    }
    [[nodiscard]] endpoint_type remote_endpoint(std::error_code& error) const noexcept {
        return basic_socket::remote_endpoint<endpoint_type>(error);
    }

    /// connect(2): connects the socket to `peer`. Opens the socket first if it is closed.
    /// Completes: when the socket is connected.
    /// Errors:    connection_refused, timed_out (the kernel's timeout), network_unreachable ...
    ///            After an error, a connection-oriented socket is closed. Its other operations end with
    ///            operation_aborted, its options are lost, and the next connect opens a new socket. The
    ///            socket stays open only after errors that do not concern this attempt: already_connected,
    ///            connection_already_in_progress, operation_in_progress, wrong_context, and operation_aborted
    ///            in a scope that was already stopped. A datagram socket stays open after every error.
    /// Cancel:    operation_aborted.
    /// Cost:      one SQE, no allocation. If the socket was closed, also socket(2) and, for IPv6,
    ///            setsockopt(2).
    [[nodiscard("co_await it")]] op::connect_description<endpoint_type> connect(const endpoint_type& peer) {
        const auto used = handle_.use();
        return {{used.record, used.generation, static_cast<std::uint8_t>(peer.protocol().type()),
                 static_cast<std::uint16_t>(peer.protocol().protocol()), peer}};
    }

    /// At compile time, rejects a string or a number in place of an endpoint. The error message says what to
    /// write.
    template <class Address, class... Port>
        requires(sizeof...(Port) > 0 || !std::convertible_to<const Address&, endpoint_type>)
    op::connect_description<endpoint_type> connect(const Address&, const Port&...) {
        static_assert(sizeof(Address) == 0,
                      "connect takes an endpoint of its protocol: for an address use "
                      "tcp::endpoint(coil::ip::make_endpoint(\"127.0.0.1:80\")), for a name a resolver and "
                      "coil::connect");
        return connect(endpoint_type());
    }

    /// Calls shutdown(2) immediately. shutdown_send closes the sending direction of a connection
    /// (half-close), so that the peer reads the end of the stream. shutdown_receive ends pending receives
    /// with operation_aborted. The result may be awaited or ignored.
    detail::completed shutdown(shutdown_type what) noexcept { return basic_socket::shutdown(what); }

protected:
    explicit protocol_socket(detail::descriptor_handle accepted) noexcept
        : basic_socket(std::move(accepted)) {}
    protocol_socket(protocol_socket&&) noexcept = default;
    protocol_socket& operator=(protocol_socket&&) noexcept = default;
    ~protocol_socket() = default;
};

}  // namespace coil::COIL_ABI
