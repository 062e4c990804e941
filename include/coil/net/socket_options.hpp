// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#pragma once

#include <coil/version.hpp>

#include <concepts>

#include <sys/socket.h>

#include <coil/base/time.hpp>
#include <coil/base/wait_type.hpp>
#include <coil/net/option.hpp>

namespace coil::COIL_ABI {

/// The base class of `basic_socket`. It contains the options of socket(7), and the constants for shutdown(2)
/// and listen(2). SO_RCVTIMEO and SO_SNDTIMEO are omitted, because io_uring ignores them. Use `timeout`
/// instead of these options.
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

    /// SO_LINGER. With the value (true, 0), close() resets the connection. coil's close() never waits, even
    /// if the number of seconds is not 0; see `basic_socket::close`.
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

    // Buffer sizes. The kernel limits a size to net.core.rmem_max or wmem_max, and then doubles it to have
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

}  // namespace coil::COIL_ABI
