// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#pragma once

#include <coil/version.hpp>

#include <sys/socket.h>

#include <coil/base/generic_endpoint.hpp>
#include <coil/net/datagram_socket.hpp>
#include <coil/net/seq_packet_socket.hpp>
#include <coil/net/stream_socket.hpp>

/// Sockets of any family and protocol that the kernel knows, with addresses as it has them: netlink(7), vsock(7), packet(7), can.
/// For those of IPv4, IPv6 and UNIX there are `ip::` and `local::`.
///
///     generic::raw_protocol route(AF_NETLINK, NETLINK_ROUTE);
///     generic::raw_protocol::socket socket(context, route);
///     co_await socket.sendto(request, generic::endpoint(&kernel, sizeof kernel));      // a sockaddr_nl

namespace coil::COIL_ABI::generic {

/// A family and a number of a protocol in it, 0 for the usual one.
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

/// SOCK_STREAM. connect() of a socket that is closed opens one of the address's family and its usual protocol.
class stream_protocol : public basic_protocol {
public:
    using endpoint = basic_endpoint<stream_protocol>;
    using socket = stream_socket<stream_protocol>;
    using acceptor = basic_acceptor<stream_protocol>;

    constexpr stream_protocol(int family, int protocol) noexcept : basic_protocol(family, protocol) {}
    [[nodiscard]] constexpr int type() const noexcept { return SOCK_STREAM; }
};

/// SOCK_DGRAM.
class datagram_protocol : public basic_protocol {
public:
    using endpoint = basic_endpoint<datagram_protocol>;
    using socket = datagram_socket<datagram_protocol>;

    constexpr datagram_protocol(int family, int protocol) noexcept : basic_protocol(family, protocol) {}
    [[nodiscard]] constexpr int type() const noexcept { return SOCK_DGRAM; }
};

/// SOCK_RAW. Most families want the capability CAP_NET_RAW for it, netlink doesn't.
class raw_protocol : public basic_protocol {
public:
    using endpoint = basic_endpoint<raw_protocol>;
    using socket = datagram_socket<raw_protocol>;

    constexpr raw_protocol(int family, int protocol) noexcept : basic_protocol(family, protocol) {}
    [[nodiscard]] constexpr int type() const noexcept { return SOCK_RAW; }
};

/// SOCK_SEQPACKET.
class seq_packet_protocol : public basic_protocol {
public:
    using endpoint = basic_endpoint<seq_packet_protocol>;
    using socket = seq_packet_socket<seq_packet_protocol>;
    using acceptor = basic_acceptor<seq_packet_protocol>;

    constexpr seq_packet_protocol(int family, int protocol) noexcept : basic_protocol(family, protocol) {}
    [[nodiscard]] constexpr int type() const noexcept { return SOCK_SEQPACKET; }
};

}  // namespace coil::COIL_ABI::generic
