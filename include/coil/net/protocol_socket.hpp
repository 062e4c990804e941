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

/// What the sockets of a protocol have in common that can have a peer: `stream_socket`, `datagram_socket`, `seq_packet_socket`.
template <class Protocol>
class protocol_socket : public basic_socket {
public:
    using protocol_type = Protocol;
    using endpoint_type = typename Protocol::endpoint;

    /// A socket of no context, to be assigned to.
    protocol_socket() noexcept = default;
    explicit protocol_socket(io_context& context) noexcept : basic_socket(context) {}
    protocol_socket(io_context& context, const Protocol& protocol) : basic_socket(context) { open(protocol); }
    /// Opened, and bound to an address of this machine. An IPv6 endpoint is for IPv4 as well.
    protocol_socket(io_context& context, const endpoint_type& local) : basic_socket(context) {
        open(local.protocol());
        bind(local);
    }

    void open(const Protocol& protocol = usual<Protocol>()) {
        basic_socket::open(protocol.family(), protocol.type(), protocol.protocol());
    }
    /// Takes an open descriptor, which is the socket's to close from now on. If it throws, the descriptor is still the caller's; a
    /// unique_descriptor closes it then.
    /// Cost:      a getpeername(2): error texts name the peer.
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
    /// The peer, also after it has reset the connection. IPv4 and IPv6: no system call for a socket that connect() or accept()
    /// connected, or that was connected when assign() took it. Otherwise getpeername(2).
    [[nodiscard]] endpoint_type remote_endpoint() const {
        return basic_socket::remote_endpoint<endpoint_type>();
    }
    [[nodiscard]] endpoint_type remote_endpoint(std::error_code& error) const noexcept {
        return basic_socket::remote_endpoint<endpoint_type>(error);
    }

    /// connect(2). Opens the socket if it is closed.
    /// Completes: when connected, or refused. Errors: connection_refused, timed_out of the kernel, network_unreachable ...
    /// Cancel:    operation_aborted.
    /// After an error a socket of a protocol with connections is closed, its other operations end with operation_aborted, and its
    ///            options are gone; the next connect opens a new one. It stays open after an error that says nothing about
    ///            this attempt: already_connected, connection_already_in_progress, operation_in_progress, wrong_context, and
    ///            operation_aborted in a scope that had been stopped before. A datagram socket stays open after every error.
    /// Cost:      one SQE, no allocation; socket(2) if it was closed.
    [[nodiscard("co_await it")]] op::connect_description<endpoint_type> connect(const endpoint_type& peer) {
        const auto used = handle_.use();
        return {{used.record, used.generation, static_cast<std::uint8_t>(peer.protocol().type()),
                 static_cast<std::uint16_t>(peer.protocol().protocol()), peer}};
    }

    /// Texts and numbers are no endpoint: does not compile, and says what to write.
    template <class Address, class... Port>
        requires(sizeof...(Port) > 0 || !std::convertible_to<const Address&, endpoint_type>)
    op::connect_description<endpoint_type> connect(const Address&, const Port&...) {
        static_assert(
            sizeof(Address) == 0,
            "connect takes an endpoint of its protocol: of a text "
            "tcp::endpoint(coil::ip::make_endpoint(\"127.0.0.1:80\")), of a name a resolver and coil::connect");
        return connect(endpoint_type());
    }

    /// shutdown(2), now: shutdown_send lets the peer of a connection see its end, shutdown_receive ends our pending receives with
    /// operation_aborted. The result may be awaited or dropped.
    completed shutdown(shutdown_type what) noexcept { return basic_socket::shutdown(what); }

protected:
    explicit protocol_socket(descriptor_handle accepted) noexcept : basic_socket(std::move(accepted)) {}
    protocol_socket(protocol_socket&&) noexcept = default;
    protocol_socket& operator=(protocol_socket&&) noexcept = default;
    ~protocol_socket() = default;
};

}  // namespace coil::COIL_ABI
