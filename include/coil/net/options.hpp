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

/// Socket options, for set_option() and get_option() of any socket or acceptor. Each is the level, the name
/// and the value of setsockopt(2) in one small object.
///
///     socket.set_option(tcp::no_delay(true));
///
///     socket_base::receive_buffer_size size;
///     socket.get_option(size);
///     use(size.value());
///
/// Not here: SO_RCVTIMEO and SO_SNDTIMEO, for the ring does not look at them: a deadline is `timeout`.

namespace coil::COIL_ABI {

namespace detail {
struct a_flag_is_a_bool {};  // the compiler prints this name in its error
}  // namespace detail

/// What set_option() takes: anything that can say which option it is and where its value lies.
template <class Option>
concept settable_option = requires(const Option& option) {
    { option.level() } -> std::same_as<int>;
    { option.name() } -> std::same_as<int>;
    { option.data() } -> std::convertible_to<const void*>;
    { option.size() } -> std::same_as<std::size_t>;
};

/// What get_option() takes: the kernel writes at most size() bytes to data(), then resize() hears how many it
/// wrote, and is false if that can't be this option's value.
template <class Option>
concept gettable_option = settable_option<Option> && requires(Option& option, std::size_t written) {
    { option.data() } -> std::same_as<void*>;
    { option.resize(written) } -> std::same_as<bool>;
};

/// The value of an option as it lies in memory: an int, a bool (for the kernel an int too), or a structure.
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

/// An option that is always at the same level. One that isn't in this file is made as its manual page has it:
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
/// A duration's count as the int that the kernel takes; the nearest int if it does not fit.
template <class Rep, class Period>
constexpr int saturated_count(std::chrono::duration<Rep, Period> duration) noexcept {
    constexpr int most = static_cast<int>(~0u >> 1);
    const Rep count = duration.count();
    return count > most ? most : count < -most ? -most : static_cast<int>(count);
}
}  // namespace detail

/// An option that is a time, which the kernel counts in `Unit`: made of a number of these, or of any duration that is a whole number
/// of them. A duration that an int can't count becomes the longest one that it can: user_timeout(30 days) is 24.8 days.
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

/// An option of which the kernel may grant another value than was asked for: set_option() gives what it has granted.
template <int Level, int Name, class T>
class negotiated_option : public option<Level, Name, T> {
public:
    using granted_type = T;
    using option<Level, Name, T>::option;
};

/// An option whose value is a name of less than `Size` bytes, NUL included.
/// A longer one throws std::system_error (invalid_argument): cut short it would be another name.
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

/// What every socket has: the options of socket(7), and words for shutdown(2) and listen(2).
class socket_base : public wait_base {
public:
    // Who may use the port, and where packets go.
    using reuse_address = option<SOL_SOCKET, SO_REUSEADDR, bool>;
    using reuse_port = option<SOL_SOCKET, SO_REUSEPORT, bool>;  // several listeners share the connections
    using broadcast = option<SOL_SOCKET, SO_BROADCAST, bool>;
    using do_not_route = option<SOL_SOCKET, SO_DONTROUTE, bool>;
    using bind_to_device = text_option<SOL_SOCKET, SO_BINDTODEVICE, 16>;  // the interface; empty: any
    using mark = option<SOL_SOCKET, SO_MARK, int>;                        // needs CAP_NET_ADMIN
    using priority = option<SOL_SOCKET, SO_PRIORITY, int>;

    // How long a connection lasts. tcp::keep_idle and its neighbours say when probes are sent.
    using keep_alive = option<SOL_SOCKET, SO_KEEPALIVE, bool>;

    /// Whether close(2) waits for unsent data, and how many seconds. (true, 0) resets the connection.
    class linger : public option<SOL_SOCKET, SO_LINGER, ::linger> {
    public:
        constexpr linger() noexcept = default;
        constexpr linger(bool enabled, int seconds) noexcept : option(::linger{enabled ? 1 : 0, seconds}) {}
        constexpr linger(bool enabled, std::chrono::seconds duration) noexcept
            : linger(enabled, detail::saturated_count(duration)) {}
        template <class Flag, class Seconds>
            requires(!std::same_as<Flag, bool>)
        linger(Flag, Seconds, detail::a_flag_is_a_bool = {}) = delete;  // not linger(30, true)
        constexpr bool enabled() const noexcept { return value().l_onoff != 0; }
        constexpr int timeout() const noexcept { return value().l_linger; }
    };

    // Memory. The kernel doubles the size that is set, to have room for its own records, and reports the
    // doubled one, which is what set_option() gives; above net.core.rmem_max or wmem_max it takes the
    // maximum. On TCP it then stops adapting the size to the path.
    using receive_buffer_size = negotiated_option<SOL_SOCKET, SO_RCVBUF, int>;
    using send_buffer_size = negotiated_option<SOL_SOCKET, SO_SNDBUF, int>;
    using receive_low_watermark = option<SOL_SOCKET, SO_RCVLOWAT, int>;
    using out_of_band_inline = option<SOL_SOCKET, SO_OOBINLINE, bool>;

    // Speed and measurement.
    using busy_poll =
        duration_option<SOL_SOCKET, SO_BUSY_POLL,
                        std::chrono::microseconds>;  // microseconds; to raise it needs CAP_NET_ADMIN
    using incoming_cpu = option<SOL_SOCKET, SO_INCOMING_CPU, int>;
    using max_pacing_rate = option<SOL_SOCKET, SO_MAX_PACING_RATE, unsigned>;  // bytes per second
    using timestamping = option<SOL_SOCKET, SO_TIMESTAMPING, int>;             // SOF_TIMESTAMPING_... flags
    using zero_copy = option<SOL_SOCKET, SO_ZEROCOPY, bool>;
    using debug = option<SOL_SOCKET, SO_DEBUG, bool>;  // needs CAP_NET_ADMIN

    // Of local sockets.
    using pass_credentials = option<SOL_SOCKET, SO_PASSCRED, bool>;

    // To read only.
    using pending_error = option<SOL_SOCKET, SO_ERROR, int>;            // an errno; reading clears it
    using peer_credentials = option<SOL_SOCKET, SO_PEERCRED, ::ucred>;  // of local sockets: who connected

    static constexpr int max_listen_connections = SOMAXCONN;

    enum shutdown_type { shutdown_receive = SHUT_RD, shutdown_send = SHUT_WR, shutdown_both = SHUT_RDWR };
};

namespace ip {

/// The options of tcp(7); `tcp` inherits them: tcp::no_delay.
// Numbers, which the kernel never changes, for <netinet/tcp.h> would keep users from <linux/tcp.h>.
struct tcp_option {
    // When bytes leave.
    using no_delay = option<IPPROTO_TCP, 1, bool>;      // TCP_NODELAY: small writes at once
    using cork = option<IPPROTO_TCP, 3, bool>;          // TCP_CORK: only full segments, until it is off again
    using quick_ack = option<IPPROTO_TCP, 12, bool>;    // TCP_QUICKACK: the kernel may leave it by itself
    using max_segment = option<IPPROTO_TCP, 2, int>;    // TCP_MAXSEG, bytes
    using window_clamp = option<IPPROTO_TCP, 10, int>;  // TCP_WINDOW_CLAMP, bytes
    using not_sent_low_watermark = option<IPPROTO_TCP, 25, int>;  // TCP_NOTSENT_LOWAT, bytes
    using congestion = text_option<IPPROTO_TCP, 13, 16>;          // TCP_CONGESTION, such as "cubic"

    // When the peer is given up.
    using keep_idle =
        duration_option<IPPROTO_TCP, 4,
                        std::chrono::seconds>;  // TCP_KEEPIDLE, seconds of silence before a probe
    using keep_interval =
        duration_option<IPPROTO_TCP, 5, std::chrono::seconds>;  // TCP_KEEPINTVL, seconds between probes
    using keep_count = option<IPPROTO_TCP, 6, int>;             // TCP_KEEPCNT, probes without an answer
    using user_timeout =
        duration_option<IPPROTO_TCP, 18,
                        std::chrono::milliseconds>;  // TCP_USER_TIMEOUT, milliseconds without an answer
    using syn_count = option<IPPROTO_TCP, 7, int>;   // TCP_SYNCNT, tries of a connect

    // How a connection begins.
    using defer_accept =
        duration_option<IPPROTO_TCP, 9, std::chrono::seconds>;  // TCP_DEFER_ACCEPT, seconds to wait for data
    using fast_open = option<IPPROTO_TCP, 23, int>;             // TCP_FASTOPEN, of an acceptor: its queue
    using fast_open_connect = option<IPPROTO_TCP, 30, bool>;    // TCP_FASTOPEN_CONNECT

    /// TCP_INFO, to read only: with the `tcp_info` of <netinet/tcp.h> or of <linux/tcp.h>, as you like.
    /// What an older kernel doesn't know is 0.
    template <class TcpInfo>
    using info = option<IPPROTO_TCP, 11, TcpInfo>;
};

/// The options of udp(7); `udp` inherits them.
struct udp_option {
    using cork = option<IPPROTO_UDP, 1, bool>;           // UDP_CORK: many sends, one datagram
    using segment_size = option<IPPROTO_UDP, 103, int>;  // UDP_SEGMENT: one send, many datagrams
    // UDP_GRO: many datagrams, one receive. Set it through set_option(): coil then receives ahead, and splits what comes. If it
    // was set in another way, a plain receive delivers the datagrams of a train as one.
    using receive_offload = option<IPPROTO_UDP, 104, bool>;
};

/// An option that ip(7) and ipv6(7) have under a number each, so it must be told which one is meant:
///
///     socket.set_option(unicast_hops(udp::v4(), 8));
///
///     unicast_hops hops(udp::v6());
///     socket.get_option(hops);
///
/// A dual-stack socket has both: the one of IPv4 is for its IPv4 packets.
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

using v6_only =
    option<IPPROTO_IPV6, IPV6_V6ONLY, bool>;  // false: dual-stack, IPv4 peers are mapped addresses

using unicast_hops = family_option<IP_TTL, IPV6_UNICAST_HOPS, int>;
using traffic_class = family_option<IP_TOS, IPV6_TCLASS, int>;                // DSCP and ECN bits
using mtu_discover = family_option<IP_MTU_DISCOVER, IPV6_MTU_DISCOVER, int>;  // IP_PMTUDISC_...
using mtu = family_option<IP_MTU, IPV6_MTU, int>;                             // of a connected socket
using receive_packet_info = family_option<IP_PKTINFO, IPV6_RECVPKTINFO, bool>;
using receive_traffic_class = family_option<IP_RECVTOS, IPV6_RECVTCLASS, bool>;
using receive_hops = family_option<IP_RECVTTL, IPV6_RECVHOPLIMIT, bool>;
using receive_errors = family_option<IP_RECVERR, IPV6_RECVERR, bool>;
using free_bind = family_option<IP_FREEBIND, IPV6_FREEBIND, bool>;  // to an address that isn't here yet
using transparent = family_option<IP_TRANSPARENT, IPV6_TRANSPARENT, bool>;  // needs CAP_NET_ADMIN

/// IP_BIND_ADDRESS_NO_PORT: bind to port 0 leaves the choice to connect, which can then share ports.
using bind_address_no_port = option<IPPROTO_IP, 24, bool>;

/// Multicast. The interface is a number, see if_nametoindex(3). 0 is the scope of an IPv6 group, and without
/// one the kernel's choice.
///
///     socket.set_option(multicast::join_group(make_address("239.1.2.3")));
///     socket.set_option(multicast::join_group(make_address("ff02::fb%eth0")));
namespace multicast {

using hops = family_option<IP_MULTICAST_TTL, IPV6_MULTICAST_HOPS, int>;
using enable_loopback = family_option<IP_MULTICAST_LOOP, IPV6_MULTICAST_LOOP, bool>;

/// Where packets to groups leave. To set only.
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

/// A group, on an interface. To set only.
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

/// A group, on an interface, from one sender. Both addresses are of one family. To set only.
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
        // An older kernel knows a shorter structure.
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

/// Puts an address into the kernel's larger structure, and gives the interface that it asks for.
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
