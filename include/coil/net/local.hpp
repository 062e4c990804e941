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
#include <coil/op/patient.hpp>
#include <coil/op/recv_descriptors.hpp>
#include <coil/op/send_descriptors.hpp>

/// UNIX domain sockets, unix(7): between processes of one machine, by a path or an abstract name.
///
///     local::stream_protocol::acceptor acceptor(context, "/run/app/control.sock");
///     local::stream_protocol::socket peer = co_await acceptor.accept();
///
///     socket_base::peer_credentials who;        // who connected: process, user, group
///     peer.get_option(who);
///     if (who.value().uid != ::getuid()) ...
///
/// A socket's file stays when the socket is closed, also when its process dies; the next bind to it is refused with
/// address_in_use. To tell a stale one from a server that runs, connect: connection_refused means that nobody listens, and it
/// may be removed. A server that is the only one of its path by other means, such as a unit of systemd, removes it at once:
///
///     ::unlink("/run/app/control.sock");
///
/// An abstract name (`endpoint::abstract("app")`) leaves nothing behind; but any user of the machine may connect to it, or have
/// taken it before.

namespace coil::COIL_ABI::local {

/// Streams of bytes, SOCK_STREAM: everything that a `tcp::socket` does, `recv_stream` too.
class stream_protocol {
public:
    using endpoint = basic_endpoint<stream_protocol>;
    using socket = stream_socket<stream_protocol>;
    using acceptor = basic_acceptor<stream_protocol>;

    [[nodiscard]] constexpr int family() const noexcept { return AF_UNIX; }
    [[nodiscard]] constexpr int type() const noexcept { return SOCK_STREAM; }
    [[nodiscard]] constexpr int protocol() const noexcept { return 0; }
};

/// Datagrams, SOCK_DGRAM: as UDP's, but none is lost, and those that a receiver has are in the order in which they were sent. Of two
/// sends that overlap the later one may be sent first, if the earlier one waits for room. A send waits while the receiver has too many unread (the sysctl
/// net.unix.max_dgram_qlen), and fails with connection_refused where nobody is. To be answered, a sender must be bound.
class datagram_protocol {
public:
    using endpoint = basic_endpoint<datagram_protocol>;
    using socket = datagram_socket<datagram_protocol>;

    [[nodiscard]] constexpr int family() const noexcept { return AF_UNIX; }
    [[nodiscard]] constexpr int type() const noexcept { return SOCK_DGRAM; }
    [[nodiscard]] constexpr int protocol() const noexcept { return 0; }
};

/// Connections that keep the bounds of messages, SOCK_SEQPACKET.
class seq_packet_protocol {
public:
    using endpoint = basic_endpoint<seq_packet_protocol>;
    using socket = seq_packet_socket<seq_packet_protocol>;
    using acceptor = basic_acceptor<seq_packet_protocol>;

    [[nodiscard]] constexpr int family() const noexcept { return AF_UNIX; }
    [[nodiscard]] constexpr int type() const noexcept { return SOCK_SEQPACKET; }
    [[nodiscard]] constexpr int protocol() const noexcept { return 0; }
};

/// A UNIX domain socket of any of these protocols.
template <class Socket>
concept any_socket = requires { typename Socket::endpoint_type::plain_type; } &&
                     std::same_as<typename Socket::endpoint_type::plain_type, endpoint>;

namespace detail {

void open_pair(descriptor* one, descriptor* other, int type, unique_descriptor (&ends)[2]);

template <class Protocol>
using receiving_descriptors =
    op::recv_descriptors_description<Protocol().type() == SOCK_STREAM ? lane::read : lane::queue>;

// Of these three only datagrams need patience.
template <class Protocol>
struct sending_descriptors {
    using type =
        op::send_descriptors_description<Protocol().type() == SOCK_STREAM ? lane::write : lane::send_queue>;
};
template <>
struct sending_descriptors<datagram_protocol> {
    using type = op::patient_description<op::send_descriptors_description<lane::any>, lane::any>;
};

}  // namespace detail

/// socketpair(2): two sockets that are connected to each other, unnamed. They may be of two contexts.
///
///     local::stream_protocol::socket here(context), there(context);
///     local::connect_pair(here, there);
///
/// Throws std::system_error: error::already_open if one of them is open, bad_descriptor if one has no context, too_many_files_open ...
template <any_socket Socket>
void connect_pair(Socket& one, Socket& other) {
    using protocol = typename Socket::protocol_type;
    if (one.is_open() || other.is_open())
        throw_failure(error::already_open, "connect_pair");
    unique_descriptor ends[2];
    detail::open_pair(one.use().record, other.use().record, protocol().type(), ends);
    one.assign(protocol(), std::move(ends[0]));
    other.assign(protocol(), std::move(ends[1]));
}

/// A send(2) with open descriptors, which the receiver gets copies of, as by dup(2) (SCM_RIGHTS, unix(7)). The sender's own stay
/// open, and may be closed when this has completed.
///
///     co_await local::send_descriptors(peer, "a file", std::array{file.get()});
///
/// Completes: with the bytes that were sent: on a stream maybe not all of them. All descriptors go with the first one.
/// Errors:    invalid_argument (more than 253 descriptors, or no byte on a stream), bad_descriptor (one of them, too),
///            ETOOMANYREFS (too many were sent that nobody has received); those of `send`.
/// Cancel:    operation_aborted, or the bytes, and all descriptors, if they were sent.
/// Buffers:   both are the caller's, and must live until the await is over.
/// Cost:      one SQE, no allocation in steady state.
template <any_socket Socket>
[[nodiscard("co_await it")]] auto send_descriptors(Socket& socket, const_buffer buffer,
                                                   std::span<const int> descriptors,
                                                   message_flags flags = {}) {
    using description = typename detail::sending_descriptors<typename Socket::protocol_type>::type;
    const op::send_descriptors_request what{{socket.use(flags.value()), buffer}, descriptors};
    return description{{what}};
}

/// A recv(2) that takes descriptors as well: those that come with the bytes, with close-on-exec set as they arrive.
///
///     std::array<unique_descriptor, 4> files;
///     auto [size, truncated, count, dropped] = co_await local::recv_descriptors(peer, buffer, files);
///
/// Completes: as recv. What lay in the places that are filled in is closed. Of more descriptors than there are places, those that
///            are left over are closed, and `dropped` says so; so do those that there was no number for (the limit NOFILE).
///            A stream's recv ends where descriptors begin, so those of two sends never come together.
/// Errors:    those of `recv`, and of the socket's kind.
/// Cancel:    operation_aborted, or what came first. What nobody takes is closed.
/// Buffers:   both are the caller's, and must live until the await is over, also when cancelled.
/// Not with:  a `recv_stream` of the same socket: that, as any other receive, closes the descriptors that come.
/// Cost:      one SQE, no allocation in steady state.
template <any_socket Socket>
[[nodiscard("co_await it")]] detail::receiving_descriptors<typename Socket::protocol_type> recv_descriptors(
    Socket& socket, mutable_buffer buffer, std::span<unique_descriptor> descriptors,
    message_flags flags = {}) {
    return {{{socket.use(flags.value()), buffer}, descriptors}};
}

}  // namespace coil::COIL_ABI::local
