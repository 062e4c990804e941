// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#pragma once

#include <coil/version.hpp>

#include <netinet/in.h>
#include <sys/socket.h>

#include <coil/base/endpoint.hpp>
#include <coil/net/datagram_socket.hpp>
#include <coil/net/options.hpp>

namespace coil::COIL_ABI::ip {

/// ICMP of IPv4 and of IPv6 by raw sockets: raw(7), icmp(7), RFC 792, RFC 4443. It needs the capability CAP_NET_RAW: without it,
/// open() throws a std::system_error that says so. To send echo requests, `ping` does without.
///
///     icmp::socket socket(context, icmp::v4());
///     co_await socket.sendto(packet, icmp::endpoint(make_address("192.0.2.1"), 0));
///
/// Endpoints have the port 0. Such a socket receives all ICMP packets of its family that come to this machine, replies to others,
/// too. Of IPv4 they begin with the IP header (its length: 4 * (byte 0 & 15)), and the checksum is the sender's to compute; of
/// IPv6 neither (its checksum is the kernel's). Which kinds are received: the options `icmp_filter`, `icmp6_filter`.
class icmp {
public:
    using endpoint = basic_endpoint<icmp>;
    using socket = datagram_socket<icmp>;

    /// ICMP_FILTER, raw(7): a bit for each type of message that is not to be received. IPv4.
    using icmp_filter = option<SOL_RAW, 1, unsigned>;
    /// ICMP6_FILTER, RFC 3542: the same for IPv6, 256 bits.
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

/// Echo requests and their replies alone, without privileges: icmp(7), "ping sockets". The kernel sets the identifier (the socket's
/// port, see local_endpoint()), computes the checksum, and gives the socket the replies to its own requests, without IP header.
///
///     ping::socket socket(context, ping::v4());
///     co_await socket.sendto(request, ping::endpoint(make_address("192.0.2.1"), 0));
///
/// For users whose group is in the sysctl net.ipv4.ping_group_range, which is for both families, and everybody's in most
/// distributions. Of others, open() throws a std::system_error that says so.
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
