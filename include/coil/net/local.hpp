// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#pragma once

#include <coil/version.hpp>

#include <span>
#include <sys/socket.h>

#include <coil/base/buffer.hpp>
#include <coil/base/local_endpoint.hpp>
#include <coil/base/message_flags.hpp>
#include <coil/base/unique_descriptor.hpp>
#include <coil/net/datagram_socket.hpp>
#include <coil/net/seq_packet_socket.hpp>
#include <coil/net/stream_socket.hpp>
#include <coil/op/recv_descriptors.hpp>
#include <coil/op/retry_when_writable.hpp>
#include <coil/op/send_descriptors.hpp>

/// UNIX domain sockets (unix(7)) connect processes on one machine. Their addresses are paths or abstract
/// names.
///
///     local::stream_protocol::acceptor acceptor(context, "/run/app/control.sock");
///     local::stream_protocol::socket peer = co_await acceptor.accept();
///
///     socket_base::peer_credentials client;        // process, user and group
///     peer.get_option(client);
///     if (client.value().uid != ::getuid()) ...
///
/// The file of a bound socket remains after the socket has been closed, even if the process dies. The next
/// bind to the same path then fails with address_in_use. To tell a stale file from a running server, try to
/// connect. The error connection_refused means that no socket is listening, so the file may be removed. If it
/// is certain that only one server uses the path, for example because a systemd unit ensures this, the server
/// may simply remove the file before it binds its socket:
///
///     ::unlink("/run/app/control.sock");
///
/// An abstract name (`endpoint::abstract("app")`) leaves no file, but any user of the machine may connect to
/// the name, or bind it first.

namespace coil::COIL_ABI::detail {

void open_pair(descriptor* one, descriptor* other, int type, unique_descriptor (&ends)[2]);

/// The lanes of a protocol's sends and receives. A lane says which operations on a socket may overlap.
template <class Protocol>
[[nodiscard]] constexpr lane send_lane(int flags) noexcept {
    constexpr int type = Protocol().type();
    return type == SOCK_STREAM ? lane::write : type == SOCK_DGRAM ? lane::any : op::packet_lane(flags);
}
template <class Protocol>
inline constexpr lane recv_lane = Protocol().type() == SOCK_STREAM ? lane::read : lane::queue;

// The description of a send of descriptors. Only a datagram send has to poll until the receiver has space;
// see op::retry_when_writable.
template <class Protocol>
using sending_descriptors =
    std::conditional_t<Protocol().type() == SOCK_DGRAM,
                       op::retry_when_writable_description<op::send_descriptors_description>,
                       op::send_descriptors_description>;

}  // namespace coil::COIL_ABI::detail

namespace coil::COIL_ABI::local {

/// Byte streams (SOCK_STREAM). Their sockets have all the operations of a `tcp::socket`, including
/// `recv_stream`.
class stream_protocol {
public:
    using endpoint = basic_endpoint<stream_protocol>;
    using socket = stream_socket<stream_protocol>;
    using acceptor = basic_acceptor<stream_protocol>;

    [[nodiscard]] constexpr int family() const noexcept { return AF_UNIX; }
    [[nodiscard]] constexpr int type() const noexcept { return SOCK_STREAM; }
    [[nodiscard]] constexpr int protocol() const noexcept { return 0; }
};

/// Datagrams (SOCK_DGRAM). Unlike with UDP, no datagram is lost, and datagrams arrive in the order in which
/// they were sent. A send waits while the receiver has too many unread datagrams (sysctl
/// net.unix.max_dgram_qlen). If two sends overlap and the first one waits, the second datagram may arrive
/// first. A send fails with connection_refused if no socket receives at the address. A sender must be bound
/// to get replies.
class datagram_protocol {
public:
    using endpoint = basic_endpoint<datagram_protocol>;
    using socket = datagram_socket<datagram_protocol>;

    [[nodiscard]] constexpr int family() const noexcept { return AF_UNIX; }
    [[nodiscard]] constexpr int type() const noexcept { return SOCK_DGRAM; }
    [[nodiscard]] constexpr int protocol() const noexcept { return 0; }
};

/// Connections that preserve message boundaries (SOCK_SEQPACKET).
class seq_packet_protocol {
public:
    using endpoint = basic_endpoint<seq_packet_protocol>;
    using socket = seq_packet_socket<seq_packet_protocol>;
    using acceptor = basic_acceptor<seq_packet_protocol>;

    [[nodiscard]] constexpr int family() const noexcept { return AF_UNIX; }
    [[nodiscard]] constexpr int type() const noexcept { return SOCK_SEQPACKET; }
    [[nodiscard]] constexpr int protocol() const noexcept { return 0; }
};

/// A UNIX domain socket with any of the three protocols.
template <class Socket>
concept any_socket = requires { typename Socket::endpoint_type::plain_type; } &&
                     std::same_as<typename Socket::endpoint_type::plain_type, endpoint>;

/// socketpair(2): opens two sockets and connects them to each other. The sockets may belong to different
/// contexts.
///
///     local::stream_protocol::socket here(context), there(context);
///     local::connect_pair(here, there);
///
/// Throws std::system_error: error::already_open if one of the sockets is already open, bad_descriptor if one
/// has no context, too_many_files_open ...
template <any_socket Socket>
void connect_pair(Socket& one, Socket& other) {
    using protocol = typename Socket::protocol_type;
    if (one.is_open() || other.is_open())
        detail::throw_failure(error::already_open, "connect_pair");
    unique_descriptor ends[2];
    detail::open_pair(one.use().record, other.use().record, protocol().type(), ends);
    one.assign(protocol(), std::move(ends[0]));
    other.assign(protocol(), std::move(ends[1]));
}

/// Sends bytes together with open descriptors (SCM_RIGHTS in unix(7)). The receiver gets duplicates of the
/// descriptors, as with dup(2). The sender's descriptors stay open, and may be closed after the await has
/// ended.
///
///     co_await local::send_descriptors(peer, "a file", std::array{file.get()});
///
/// Completes: with the number of bytes sent, which on a stream may be fewer than requested. All descriptors
///            are sent with the first byte.
/// Errors:    invalid_argument (more than 253 descriptors, or an empty buffer on a stream), bad_descriptor
///            (the socket or one of the descriptors is not open), ETOOMANYREFS (too many descriptors have
///            been sent but not yet received), and the errors of `send`.
/// Cancel:    operation_aborted, or the number of bytes if bytes and descriptors were sent first.
/// Buffers:   the bytes and the array of descriptors are owned by the caller, and must stay valid until the
///            await ends.
/// Cost:      one SQE or, under low load, a direct sendmsg(2); no allocation in steady state.
template <any_socket Socket>
[[nodiscard("co_await it")]] auto send_descriptors(Socket& socket, const_buffer buffer,
                                                   std::span<const int> descriptors,
                                                   message_flags flags = {}) {
    using protocol = typename Socket::protocol_type;
    const int value = flags.value();
    const op::send_descriptors_request what{{socket.use(value), buffer, detail::send_lane<protocol>(value)},
                                            descriptors};
    return detail::sending_descriptors<protocol>{{what}};
}

/// Receives bytes together with descriptors. The descriptors arrive with close-on-exec set.
///
///     std::array<unique_descriptor, 4> files;
///     auto [size, truncated, count, dropped] = co_await local::recv_descriptors(peer, buffer, files);
///
/// Completes: like recv. Each received descriptor is stored in an element of `descriptors`, and a descriptor
///            that the element already owns is closed. If more descriptors arrive than fit into
///            `descriptors`, or than RLIMIT_NOFILE allows, the excess descriptors are closed and `dropped` is
///            set. A recv on a stream stops where descriptors begin, so descriptors from two sends never
///            arrive together.
/// Errors:    the errors of the socket's `recv`.
/// Cancel:    operation_aborted, or the data if it arrived before the cancel. Descriptors that the caller
///            does not receive are closed.
/// Buffers:   the buffer and the array of descriptors are owned by the caller, and must stay valid until the
///            await ends, even after a cancel.
/// Not with:  a `recv_stream` on the same socket. All receives except recv_descriptors close the descriptors
///            that arrive.
/// Cost:      one SQE, no allocation in steady state.
template <any_socket Socket>
[[nodiscard("co_await it")]] op::recv_descriptors_description recv_descriptors(
    Socket& socket, mutable_buffer buffer, std::span<unique_descriptor> descriptors,
    message_flags flags = {}) {
    return {{{socket.use(flags.value()), buffer},
             detail::recv_lane<typename Socket::protocol_type>,
             descriptors}};
}

}  // namespace coil::COIL_ABI::local
