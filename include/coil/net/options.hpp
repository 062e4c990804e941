// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#pragma once

#include <coil/version.hpp>

#include <coil/base/address.hpp>
#include <coil/base/endpoint.hpp>
#include <coil/base/time.hpp>
#include <coil/base/wait_type.hpp>

#include <concepts>
#include <cstddef>
#include <cstring>
#include <string_view>
#include <system_error>
#include <type_traits>

#include <netinet/in.h>
#include <sys/socket.h>

/// Socket options for set_option() and get_option() of any socket or acceptor. Each option object holds the
/// level, the name and the value for setsockopt(2).
///
///     socket.set_option(tcp::no_delay(true));
///
///     socket_base::receive_buffer_size size;
///     socket.get_option(size);
///     use(size.value());
///
/// SO_RCVTIMEO and SO_SNDTIMEO are omitted, because io_uring ignores them. Use `timeout` instead.

namespace coil::COIL_ABI {

namespace detail {
struct a_flag_is_a_bool {};  // this name appears in the compiler's error message
}  // namespace detail

/// An option that set_option() accepts. Its functions return the option's level and name, and the address
/// and size of the value.
template <class Option>
concept settable_option = requires(const Option& option) {
    { option.level() } -> std::same_as<int>;
    { option.name() } -> std::same_as<int>;
    { option.data() } -> std::convertible_to<const void*>;
    { option.size() } -> std::same_as<std::size_t>;
};

/// An option that get_option() accepts. The kernel writes at most size() bytes to data(). get_option() then
/// passes the number of written bytes to resize(), which returns false if the option's value cannot have
/// that size.
template <class Option>
concept gettable_option = settable_option<Option> && requires(Option& option, std::size_t written) {
    { option.data() } -> std::same_as<void*>;
    { option.resize(written) } -> std::same_as<bool>;
};

/// The value of an option as the kernel stores it: an int, a bool (stored as an int), or a structure.
template <class T>
class option_value {
    static_assert(std::is_trivially_copyable_v<T> && !std::is_pointer_v<T>);

public:
    constexpr option_value() noexcept = default;
    constexpr explicit option_value(T value) noexcept : stored_(value) {}
    template <class Other>
        requires(std::same_as<Other, bool> != std::same_as<T, bool>)
    explicit option_value(Other, detail::a_flag_is_a_bool = {}) = delete;

    constexpr T value() const noexcept { return static_cast<T>(stored_); }
    constexpr explicit operator bool() const noexcept
        requires std::same_as<T, bool>
    {
        return value();
    }

    constexpr void* data() noexcept { return &stored_; }
    constexpr const void* data() const noexcept { return &stored_; }
    constexpr std::size_t size() const noexcept { return sizeof stored_; }
    bool resize(std::size_t written) noexcept;

private:
    std::conditional_t<std::same_as<T, bool>, int, T> stored_{};
};

/// An option with a fixed level and name. To use an option that is not in this file, define it with the
/// constants from its manual page:
///
///     using max_segment = coil::option<IPPROTO_TCP, TCP_MAXSEG, int>;
///     socket.set_option(max_segment(1200));
template <int Level, int Name, class T>
class option : public option_value<T> {
public:
    using value_type = T;
    using option_value<T>::option_value;

    static constexpr int level() noexcept { return Level; }
    static constexpr int name() noexcept { return Name; }
};

namespace detail {
/// Returns a duration's count as an int, saturated to the range of int.
template <class Rep, class Period>
constexpr int saturated_count(std::chrono::duration<Rep, Period> duration) noexcept {
    constexpr int most = static_cast<int>(~0u >> 1);
    const Rep count = duration.count();
    return count > most ? most : count < -most ? -most : static_cast<int>(count);
}
}  // namespace detail

/// An option whose value is a duration, counted in `Unit`. The constructors take a number of units, or a
/// duration that is a whole number of units. A duration too long for an int is shortened to the longest
/// possible one, so user_timeout(30 days) becomes 24.8 days.
///
///     socket.set_option(tcp::keep_idle(30s));
template <int Level, int Name, class Unit>
class duration_option : public option<Level, Name, int> {
public:
    using option<Level, Name, int>::option;
    constexpr explicit duration_option(Unit duration) noexcept
        : option<Level, Name, int>(detail::saturated_count(duration)) {}

    constexpr Unit duration() const noexcept { return Unit(this->value()); }
};

/// An option for which the kernel may grant a different value from the requested one. set_option() returns
/// the granted value.
template <int Level, int Name, class T>
class negotiated_option : public option<Level, Name, T> {
public:
    using granted_type = T;
    using option<Level, Name, T>::option;
};

/// An option whose value is a name of at most `Size` bytes, including the NUL. A longer name throws
/// std::system_error (invalid_argument), because a truncated name would be a different name.
template <int Level, int Name, std::size_t Size>
class text_option {
public:
    constexpr text_option() noexcept = default;
    explicit text_option(std::string_view text);

    std::string_view value() const noexcept { return {text_, ::strnlen(text_, Size)}; }

    static constexpr int level() noexcept { return Level; }
    static constexpr int name() noexcept { return Name; }
    constexpr void* data() noexcept { return text_; }
    constexpr const void* data() const noexcept { return text_; }
    constexpr std::size_t size() const noexcept { return Size; }
    bool resize(std::size_t written) noexcept;

private:
    char text_[Size]{};
};

/// The base class of all sockets. It contains the options of socket(7), and the constants for shutdown(2)
/// and listen(2).
class socket_base : public wait_base {
public:
    // Address sharing and routing.
    using reuse_address = option<SOL_SOCKET, SO_REUSEADDR, bool>;
    using reuse_port = option<SOL_SOCKET, SO_REUSEPORT, bool>;  // several listeners share the connections
    using broadcast = option<SOL_SOCKET, SO_BROADCAST, bool>;
    using do_not_route = option<SOL_SOCKET, SO_DONTROUTE, bool>;
    using bind_to_device = text_option<SOL_SOCKET, SO_BINDTODEVICE, 16>;  // interface name, or empty for any
    using mark = option<SOL_SOCKET, SO_MARK, int>;                        // needs CAP_NET_ADMIN
    using priority = option<SOL_SOCKET, SO_PRIORITY, int>;

    // Detection of dead peers. tcp::keep_idle, keep_interval and keep_count set the times and number of the
    // probes.
    using keep_alive = option<SOL_SOCKET, SO_KEEPALIVE, bool>;

    /// SO_LINGER. With the value (true, 0), close() resets the connection. No other value makes coil's
    /// close() wait; see `basic_socket::close`.
    class linger : public option<SOL_SOCKET, SO_LINGER, ::linger> {
    public:
        constexpr linger() noexcept = default;
        constexpr linger(bool enabled, int seconds) noexcept : option(::linger{enabled ? 1 : 0, seconds}) {}
        constexpr linger(bool enabled, std::chrono::seconds duration) noexcept
            : linger(enabled, detail::saturated_count(duration)) {}
        template <class Flag, class Seconds>
            requires(!std::same_as<Flag, bool>)
        linger(Flag, Seconds, detail::a_flag_is_a_bool = {}) = delete;  // rejects linger(30, true)
        constexpr bool enabled() const noexcept { return value().l_onoff != 0; }
        constexpr int timeout() const noexcept { return value().l_linger; }
    };

    // Buffer sizes. The kernel limits the size to net.core.rmem_max or wmem_max, and then doubles it to have
    // space for its own bookkeeping. set_option() returns the doubled size. Setting a size disables TCP's
    // buffer auto-tuning.
    using receive_buffer_size = negotiated_option<SOL_SOCKET, SO_RCVBUF, int>;
    using send_buffer_size = negotiated_option<SOL_SOCKET, SO_SNDBUF, int>;
    using receive_low_watermark = option<SOL_SOCKET, SO_RCVLOWAT, int>;
    using out_of_band_inline = option<SOL_SOCKET, SO_OOBINLINE, bool>;

    // Performance and measurement.
    // Raising busy_poll needs CAP_NET_ADMIN.
    using busy_poll = duration_option<SOL_SOCKET, SO_BUSY_POLL, std::chrono::microseconds>;
    using incoming_cpu = option<SOL_SOCKET, SO_INCOMING_CPU, int>;
    using max_pacing_rate = option<SOL_SOCKET, SO_MAX_PACING_RATE, unsigned>;  // bytes per second
    using timestamping = option<SOL_SOCKET, SO_TIMESTAMPING, int>;             // SOF_TIMESTAMPING_... flags
    using zero_copy = option<SOL_SOCKET, SO_ZEROCOPY, bool>;
    using debug = option<SOL_SOCKET, SO_DEBUG, bool>;  // needs CAP_NET_ADMIN

    // UNIX domain sockets only.
    using pass_credentials = option<SOL_SOCKET, SO_PASSCRED, bool>;

    // Read-only.
    using pending_error = option<SOL_SOCKET, SO_ERROR, int>;            // an errno; reading clears it
    using peer_credentials = option<SOL_SOCKET, SO_PEERCRED, ::ucred>;  // the peer of a UNIX domain socket

    static constexpr int max_listen_connections = SOMAXCONN;

    enum shutdown_type { shutdown_receive = SHUT_RD, shutdown_send = SHUT_WR, shutdown_both = SHUT_RDWR };
};

namespace ip {

/// The options of tcp(7). Class `tcp` inherits them, so write tcp::no_delay.
// The numbers are part of the kernel's ABI. They have names in <netinet/tcp.h>, but that header conflicts
// with <linux/tcp.h>, which users may need.
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

/// The options of udp(7). `udp` inherits them.
struct udp_option {
    using cork = option<IPPROTO_UDP, 1, bool>;           // UDP_CORK: many sends form one datagram
    using segment_size = option<IPPROTO_UDP, 103, int>;  // UDP_SEGMENT: one send, many datagrams of this size
    // UDP_GRO: the kernel delivers several datagrams at a time, as a train. Set this option with
    // set_option(), so that coil receives ahead and splits the trains. If it is set in another way, a plain
    // receive returns a whole train as one datagram.
    using receive_offload = option<IPPROTO_UDP, 104, bool>;
};

/// An option that has one number in ip(7) and another in ipv6(7). The protocol argument selects the number:
///
///     socket.set_option(unicast_hops(udp::v4(), 8));
///
///     unicast_hops hops(udp::v6());
///     socket.get_option(hops);
///
/// A dual-stack socket has both options. The IPv4 option applies to its IPv4 packets.
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

// If false, the socket is dual-stack, and IPv4 peers have IPv4-mapped addresses.
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

/// IP_BIND_ADDRESS_NO_PORT: a bind to port 0 does not choose a port yet. The later connect chooses it, and
/// can share a port with connections to other peers.
using bind_address_no_port = option<IPPROTO_IP, 24, bool>;

/// Multicast options. An interface is given by its index; see if_nametoindex(3). If the index is 0, the
/// scope id of an IPv6 group is used. If there is no scope id either, the kernel chooses the interface.
///
///     socket.set_option(multicast::join_group(make_address("239.1.2.3")));
///     socket.set_option(multicast::join_group(make_address("ff02::fb%eth0")));
namespace multicast {

using hops = family_option<IP_MULTICAST_TTL, IPV6_MULTICAST_HOPS, int>;
using enable_loopback = family_option<IP_MULTICAST_LOOP, IPV6_MULTICAST_LOOP, bool>;

/// The interface for outgoing multicast packets. Write-only.
class outbound_interface {
public:
    template <class Protocol>
        requires requires(const Protocol& protocol) {
            { protocol.family() } -> std::same_as<int>;
        }
    constexpr outbound_interface(const Protocol& protocol, unsigned interface) noexcept
        : v6_(protocol.family() == AF_INET6) {
        index_.imr_ifindex = static_cast<int>(interface);
    }

    constexpr int level() const noexcept { return v6_ ? IPPROTO_IPV6 : IPPROTO_IP; }
    constexpr int name() const noexcept { return v6_ ? IPV6_MULTICAST_IF : IP_MULTICAST_IF; }
    const void* data() const noexcept {
        return v6_ ? static_cast<const void*>(&index_.imr_ifindex) : static_cast<const void*>(&index_);
    }
    constexpr std::size_t size() const noexcept { return v6_ ? sizeof index_.imr_ifindex : sizeof index_; }

private:
    ::ip_mreqn index_{};
    bool v6_;
};

/// A multicast group on an interface. Write-only.
template <int Name>
class group_option {
public:
    explicit group_option(const address& group, unsigned interface = 0) noexcept;

    int level() const noexcept { return request_.gr_group.ss_family == AF_INET6 ? IPPROTO_IPV6 : IPPROTO_IP; }
    static constexpr int name() noexcept { return Name; }
    const void* data() const noexcept { return &request_; }
    std::size_t size() const noexcept { return sizeof request_; }

private:
    ::group_req request_{};
};

/// A multicast group on an interface, and one source address. The group and the source must have the same
/// address family. Write-only.
template <int Name>
class source_group_option {
public:
    source_group_option(const address& group, const address& source, unsigned interface = 0) noexcept;

    int level() const noexcept {
        return request_.gsr_group.ss_family == AF_INET6 ? IPPROTO_IPV6 : IPPROTO_IP;
    }
    static constexpr int name() noexcept { return Name; }
    const void* data() const noexcept { return &request_; }
    std::size_t size() const noexcept { return sizeof request_; }

private:
    ::group_source_req request_{};
};

using join_group = group_option<MCAST_JOIN_GROUP>;
using leave_group = group_option<MCAST_LEAVE_GROUP>;
using join_source_group = source_group_option<MCAST_JOIN_SOURCE_GROUP>;
using leave_source_group = source_group_option<MCAST_LEAVE_SOURCE_GROUP>;
using block_source = source_group_option<MCAST_BLOCK_SOURCE>;
using unblock_source = source_group_option<MCAST_UNBLOCK_SOURCE>;

}  // namespace multicast

}  // namespace ip

// Implementation

template <class T>
bool option_value<T>::resize(std::size_t written) noexcept {
    if constexpr (std::is_class_v<T>) {
        // An older kernel may return a shorter structure.
        if (written > sizeof stored_)
            return false;
        std::memset(reinterpret_cast<unsigned char*>(&stored_) + written, 0, sizeof stored_ - written);
        return true;
    } else {
        return written == sizeof stored_;
    }
}

template <int Level, int Name, std::size_t Size>
text_option<Level, Name, Size>::text_option(std::string_view text) {
    if (text.size() >= Size)
        throw std::system_error(std::make_error_code(std::errc::invalid_argument),
                                "socket option: the name is too long for the kernel");
    text.copy(text_, text.size());
}

template <int Level, int Name, std::size_t Size>
bool text_option<Level, Name, Size>::resize(std::size_t written) noexcept {
    if (written > Size)
        return false;
    std::memset(text_ + written, 0, Size - written);
    return true;
}

namespace ip::multicast {

/// Copies an address into the kernel's larger structure. Returns the interface index, which is `interface`
/// or, if that is 0, the scope id of an IPv6 address.
inline unsigned fill_request(::sockaddr_storage& target, const address& from, unsigned interface) noexcept {
    socket_address bytes;
    const socklen_t size = endpoint(from, 0).to_sockaddr(bytes);
    std::memcpy(&target, &bytes, size);
    return interface == 0 && from.is_v6() ? from.to_v6().scope_id() : interface;
}

template <int Name>
group_option<Name>::group_option(const address& group, unsigned interface) noexcept {
    request_.gr_interface = fill_request(request_.gr_group, group, interface);
}

template <int Name>
source_group_option<Name>::source_group_option(const address& group, const address& source,
                                               unsigned interface) noexcept {
    fill_request(request_.gsr_source, source, 0);
    request_.gsr_interface = fill_request(request_.gsr_group, group, interface);
}

}  // namespace ip::multicast

}  // namespace coil::COIL_ABI
