// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#pragma once

#include <coil/version.hpp>

#include <sys/socket.h>

#include <coil/base/generic_endpoint.hpp>
#include <coil/net/datagram_socket.hpp>
#include <coil/net/seq_packet_socket.hpp>
#include <coil/net/stream_socket.hpp>

/// Sockets for any address family and protocol that the kernel supports, such as netlink(7), vsock(7),
/// packet(7) and CAN. Addresses are raw sockaddr structures. For IPv4, IPv6 and UNIX domain sockets, use
/// `ip::` and `local::`.
///
///     generic::raw_protocol route(AF_NETLINK, NETLINK_ROUTE);
///     generic::raw_protocol::socket socket(context, route);
///     co_await socket.sendto(request, generic::endpoint(&kernel, sizeof kernel));      // a sockaddr_nl

namespace coil::COIL_ABI::generic {

/// An address family and a protocol number. The number 0 means the family's default protocol.
class basic_protocol {
public:
    [[nodiscard]] constexpr int family() const noexcept { return family_; }
    [[nodiscard]] constexpr int protocol() const noexcept { return protocol_; }

    friend constexpr bool operator==(const basic_protocol&, const basic_protocol&) noexcept = default;

protected:
    constexpr basic_protocol(int family, int protocol) noexcept : family_(family), protocol_(protocol) {}

private:
    int family_;
    int protocol_;
};

/// The protocol of SOCK_STREAM sockets. connect() on a closed socket opens the socket with the address's
/// family and that family's default protocol.
class stream_protocol : public basic_protocol {
public:
    using endpoint = basic_endpoint<stream_protocol>;
    using socket = stream_socket<stream_protocol>;
    using acceptor = basic_acceptor<stream_protocol>;

    constexpr stream_protocol(int family, int protocol) noexcept : basic_protocol(family, protocol) {}
    [[nodiscard]] constexpr int type() const noexcept { return SOCK_STREAM; }
};

/// The protocol of SOCK_DGRAM sockets.
class datagram_protocol : public basic_protocol {
public:
    using endpoint = basic_endpoint<datagram_protocol>;
    using socket = datagram_socket<datagram_protocol>;

    constexpr datagram_protocol(int family, int protocol) noexcept : basic_protocol(family, protocol) {}
    [[nodiscard]] constexpr int type() const noexcept { return SOCK_DGRAM; }
};

/// The protocol of SOCK_RAW sockets. Most families require the capability CAP_NET_RAW, but netlink does not.
class raw_protocol : public basic_protocol {
public:
    using endpoint = basic_endpoint<raw_protocol>;
    using socket = datagram_socket<raw_protocol>;

    constexpr raw_protocol(int family, int protocol) noexcept : basic_protocol(family, protocol) {}
    [[nodiscard]] constexpr int type() const noexcept { return SOCK_RAW; }
};

/// The protocol of SOCK_SEQPACKET sockets.
class seq_packet_protocol : public basic_protocol {
public:
    using endpoint = basic_endpoint<seq_packet_protocol>;
    using socket = seq_packet_socket<seq_packet_protocol>;
    using acceptor = basic_acceptor<seq_packet_protocol>;

    constexpr seq_packet_protocol(int family, int protocol) noexcept : basic_protocol(family, protocol) {}
    [[nodiscard]] constexpr int type() const noexcept { return SOCK_SEQPACKET; }
};

}  // namespace coil::COIL_ABI::generic
