// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#pragma once

#include <coil/version.hpp>

#include <netinet/in.h>
#include <sys/socket.h>

#include <coil/base/endpoint.hpp>
#include <coil/net/datagram_socket.hpp>
#include <coil/net/ip_options.hpp>
#include <coil/net/multicast.hpp>

namespace coil::COIL_ABI::ip {

/// Raw sockets for ICMP over IPv4 and IPv6 (raw(7), icmp(7), RFC 792, RFC 4443). They need the capability
/// CAP_NET_RAW. Without this capability, open() throws a std::system_error whose text names the capability.
/// To send echo requests without CAP_NET_RAW, use `ping`.
///
///     icmp::socket socket(context, icmp::v4());
///     co_await socket.sendto(packet, icmp::endpoint(make_address("192.0.2.1"), 0));
///
/// Endpoints have port 0. The socket receives all ICMP packets of its address family that reach this
/// machine, including replies to other programs. With IPv4, a received packet starts with the IP header,
/// whose length in bytes is 4 * (byte 0 & 15), and the sender must compute the ICMP checksum. With IPv6, a
/// packet is received without the IP header, and the kernel computes the checksum. The options `icmp_filter`
/// and `icmp6_filter` select the message types.
class icmp {
public:
    using endpoint = basic_endpoint<icmp>;
    using socket = datagram_socket<icmp>;

    /// ICMP_FILTER of raw(7), for IPv4. Each set bit drops one message type.
    using icmp_filter = option<SOL_RAW, 1, unsigned>;
    /// ICMP6_FILTER of RFC 3542, for IPv6. It has 256 bits, and each set bit drops one message type.
    template <class Filter>
    using icmp6_filter = option<IPPROTO_ICMPV6, 1, Filter>;

    [[nodiscard]] static constexpr icmp v4() noexcept { return icmp(AF_INET); }
    [[nodiscard]] static constexpr icmp v6() noexcept { return icmp(AF_INET6); }

    [[nodiscard]] constexpr int family() const noexcept { return family_; }
    [[nodiscard]] constexpr int type() const noexcept { return SOCK_RAW; }
    [[nodiscard]] constexpr int protocol() const noexcept {
        return family_ == AF_INET6 ? int{IPPROTO_ICMPV6} : int{IPPROTO_ICMP};
    }

    friend constexpr bool operator==(const icmp& a, const icmp& b) noexcept { return a.family_ == b.family_; }

private:
    constexpr explicit icmp(int family) noexcept : family_(family) {}

    int family_;
};

/// Unprivileged sockets for ICMP echo requests and replies, the "ping sockets" of icmp(7). The kernel sets
/// the checksum and the identifier, which is the socket's port (see local_endpoint()). The socket receives
/// only the replies to its own requests, without the IP header.
///
///     ping::socket socket(context, ping::v4());
///     co_await socket.sendto(request, ping::endpoint(make_address("192.0.2.1"), 0));
///
/// The sysctl net.ipv4.ping_group_range says which groups may use ping sockets, for both IPv4 and IPv6. Most
/// distributions allow all groups. If the process belongs to none of the allowed groups, open() throws a
/// std::system_error whose text names this sysctl.
class ping {
public:
    using endpoint = basic_endpoint<ping>;
    using socket = datagram_socket<ping>;

    [[nodiscard]] static constexpr ping v4() noexcept { return ping(AF_INET); }
    [[nodiscard]] static constexpr ping v6() noexcept { return ping(AF_INET6); }

    [[nodiscard]] constexpr int family() const noexcept { return family_; }
    [[nodiscard]] constexpr int type() const noexcept { return SOCK_DGRAM; }
    [[nodiscard]] constexpr int protocol() const noexcept {
        return family_ == AF_INET6 ? int{IPPROTO_ICMPV6} : int{IPPROTO_ICMP};
    }

    friend constexpr bool operator==(const ping& a, const ping& b) noexcept { return a.family_ == b.family_; }

private:
    constexpr explicit ping(int family) noexcept : family_(family) {}

    int family_;
};

}  // namespace coil::COIL_ABI::ip
