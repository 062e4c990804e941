// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#pragma once

#include <coil/version.hpp>

#include <concepts>

#include <netinet/in.h>
#include <sys/socket.h>

#include <coil/base/time.hpp>
#include <coil/net/option.hpp>

namespace coil::COIL_ABI::ip {

/// The options of tcp(7). Class `tcp` inherits them, so write tcp::no_delay.
// This header uses the numbers of the options, which are part of the kernel's ABI. The header that defines
// their names, <netinet/tcp.h>, conflicts with <linux/tcp.h>, which users may need.
struct tcp_option {
    // Segmentation and acknowledgements.
    using no_delay = option<IPPROTO_TCP, 1, bool>;      // TCP_NODELAY: sends small writes immediately
    using cork = option<IPPROTO_TCP, 3, bool>;          // TCP_CORK: sends only full segments until cleared
    using quick_ack = option<IPPROTO_TCP, 12, bool>;    // TCP_QUICKACK: the kernel may clear this option
    using max_segment = option<IPPROTO_TCP, 2, int>;    // TCP_MAXSEG, bytes
    using window_clamp = option<IPPROTO_TCP, 10, int>;  // TCP_WINDOW_CLAMP, bytes
    using not_sent_low_watermark = option<IPPROTO_TCP, 25, int>;  // TCP_NOTSENT_LOWAT, bytes
    using congestion = text_option<IPPROTO_TCP, 13, 16>;          // TCP_CONGESTION, such as "cubic"

    // Detection of dead peers.
    // TCP_KEEPIDLE: idle seconds before the first probe.
    using keep_idle = duration_option<IPPROTO_TCP, 4, std::chrono::seconds>;
    // TCP_KEEPINTVL: seconds between probes.
    using keep_interval = duration_option<IPPROTO_TCP, 5, std::chrono::seconds>;
    using keep_count = option<IPPROTO_TCP, 6, int>;  // TCP_KEEPCNT: unanswered probes before a reset
    // TCP_USER_TIMEOUT: milliseconds that sent data may stay unacknowledged.
    using user_timeout = duration_option<IPPROTO_TCP, 18, std::chrono::milliseconds>;
    using syn_count = option<IPPROTO_TCP, 7, int>;  // TCP_SYNCNT: SYN retransmissions by a connect

    // Connection setup.
    // TCP_DEFER_ACCEPT: seconds to wait for the first data before a connection can be accepted.
    using defer_accept = duration_option<IPPROTO_TCP, 9, std::chrono::seconds>;
    using fast_open = option<IPPROTO_TCP, 23, int>;           // TCP_FASTOPEN: an acceptor's queue length
    using fast_open_connect = option<IPPROTO_TCP, 30, bool>;  // TCP_FASTOPEN_CONNECT

    /// TCP_INFO, read-only. `TcpInfo` is the `tcp_info` from <netinet/tcp.h> or from <linux/tcp.h>. Fields
    /// that an older kernel does not know are 0.
    template <class TcpInfo>
    using info = option<IPPROTO_TCP, 11, TcpInfo>;
};

/// The options of udp(7). Class `udp` inherits them, so write udp::cork.
struct udp_option {
    // UDP_CORK: joins several sends into one datagram.
    using cork = option<IPPROTO_UDP, 1, bool>;
    // UDP_SEGMENT: splits each send into datagrams of this size.
    using segment_size = option<IPPROTO_UDP, 103, int>;
    // UDP_GRO: the kernel delivers several datagrams at a time, as a train. Set this option with
    // set_option(), so that coil splits the trains. If the option is set in another way, recv and recvfrom
    // return a whole train as one datagram.
    using receive_offload = option<IPPROTO_UDP, 104, bool>;
};

/// An option whose number in ip(7) differs from its number in ipv6(7). The protocol argument selects the
/// number:
///
///     socket.set_option(unicast_hops(udp::v4(), 8));
///
///     unicast_hops hops(udp::v6());
///     socket.get_option(hops);
///
/// A dual-stack socket has the IPv4 option and the IPv6 option. The IPv4 option applies to IPv4 packets.
template <int V4Name, int V6Name, class T>
class family_option : public option_value<T> {
public:
    template <class Protocol>
        requires requires(const Protocol& protocol) {
            { protocol.family() } -> std::same_as<int>;
        }
    constexpr explicit family_option(const Protocol& protocol, T value = T()) noexcept
        : option_value<T>(value), v6_(protocol.family() == AF_INET6) {}

    constexpr int level() const noexcept { return v6_ ? IPPROTO_IPV6 : IPPROTO_IP; }
    constexpr int name() const noexcept { return v6_ ? V6Name : V4Name; }

private:
    bool v6_;
};

// IPV6_V6ONLY. If the option is false, an IPv6 socket is dual-stack. IPv4 peers then have IPv4-mapped
// addresses.
using v6_only = option<IPPROTO_IPV6, IPV6_V6ONLY, bool>;

using unicast_hops = family_option<IP_TTL, IPV6_UNICAST_HOPS, int>;
using traffic_class = family_option<IP_TOS, IPV6_TCLASS, int>;                // DSCP and ECN bits
using mtu_discover = family_option<IP_MTU_DISCOVER, IPV6_MTU_DISCOVER, int>;  // IP_PMTUDISC_...
using mtu = family_option<IP_MTU, IPV6_MTU, int>;                             // connected sockets only
using receive_packet_info = family_option<IP_PKTINFO, IPV6_RECVPKTINFO, bool>;
using receive_traffic_class = family_option<IP_RECVTOS, IPV6_RECVTCLASS, bool>;
using receive_hops = family_option<IP_RECVTTL, IPV6_RECVHOPLIMIT, bool>;
using receive_errors = family_option<IP_RECVERR, IPV6_RECVERR, bool>;
using free_bind = family_option<IP_FREEBIND, IPV6_FREEBIND, bool>;          // bind to an unconfigured address
using transparent = family_option<IP_TRANSPARENT, IPV6_TRANSPARENT, bool>;  // needs CAP_NET_ADMIN

/// IP_BIND_ADDRESS_NO_PORT: a bind to port 0 does not choose a port yet. A later connect chooses the port,
/// which connections to other peers may share.
using bind_address_no_port = option<IPPROTO_IP, 24, bool>;

}  // namespace coil::COIL_ABI::ip
