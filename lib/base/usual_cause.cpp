// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#include "base/usual_cause.hpp"

#include <cerrno>
#include <netinet/in.h>
#include <sys/socket.h>

namespace coil::COIL_ABI {
namespace {

bool is_icmp(const call_subject& of) noexcept {
    return of.protocol == IPPROTO_ICMP || of.protocol == IPPROTO_ICMPV6;
}
bool is_raw_icmp(const call_subject& of) noexcept { return of.type == SOCK_RAW && is_icmp(of); }
bool is_raw(const call_subject& of) noexcept { return of.type == SOCK_RAW; }
bool is_ping(const call_subject& of) noexcept { return of.type == SOCK_DGRAM && is_icmp(of); }
bool is_local(const call_subject& of) noexcept { return of.family == AF_UNIX; }
bool is_low_port(const call_subject& of) noexcept { return of.port >= 0 && of.port < 1024; }

struct row {
    std::string_view call;  // matches any call if empty
    int error;
    bool (*holds)(const call_subject&);  // an additional condition, or null
    const char* text;
};

// The first matching row is used.
constexpr row rows[] = {
    {"socket", EPERM, is_raw_icmp,
     " (raw ICMP: needs the capability CAP_NET_RAW; for echo requests ip::ping does without)"},
    {"socket", EPERM, is_raw, " (SOCK_RAW: needs the capability CAP_NET_RAW)"},
    {"socket", EACCES, is_ping,
     " (ping: the sysctl net.ipv4.ping_group_range does not include the user's group; raw ICMP needs the capability "
     "CAP_NET_RAW)"},
    {"socket", EPROTONOSUPPORT, is_icmp,
     " (ICMP: the kernel has no such socket; ip::ping is a datagram socket, ip::icmp a raw one)"},
    {"socket", EPROTONOSUPPORT, nullptr,
     " (the kernel does not have this protocol, or not with this socket type)"},
    {"socket", EAFNOSUPPORT, nullptr, " (the kernel does not have this address family: is IPv6 disabled?)"},

    {"bind", EADDRINUSE, is_local, " (the socket file exists; remove it if no server uses it)"},
    {"bind", EADDRINUSE, nullptr,
     " (another socket has this port: stop its program, choose another port, or share it with reuse_port)"},
    {"bind", EADDRNOTAVAIL, nullptr, " (no interface of this machine has this address)"},
    {"bind", EACCES, is_low_port, " (ports below 1024 need the capability CAP_NET_BIND_SERVICE)"},
    {"bind", EINVAL, nullptr, " (the socket is bound already, or the address is not of its family)"},
    {"bind", EAFNOSUPPORT, nullptr,
     " (the socket is of another address family: open() it with the endpoint's protocol)"},
    {"listen", EADDRINUSE, nullptr,
     " (another socket listens on this port: stop its program, choose another port, or share it with reuse_port)"},
    {"listen", EOPNOTSUPP, nullptr, " (only stream and seq_packet sockets listen)"},

    {"accept", EINVAL, nullptr, " (the acceptor does not listen: call listen() before accept())"},

    {"connect", EADDRNOTAVAIL, nullptr,
     " (no local port is free for this peer, or the address cannot be a peer)"},
    {"connect", EAFNOSUPPORT, nullptr,
     " (the socket is of another address family: open() it with the endpoint's protocol)"},
    {"connect", EISCONN, nullptr, " (the socket is connected already: close() it, or use another)"},
    {"connect", EACCES, nullptr,
     " (a broadcast address needs the option broadcast; else a firewall, or a file's permissions, forbid it)"},
    {"connect", ENOENT, nullptr, " (no such socket file: the server is not running)"},

    {"sendto", EAFNOSUPPORT, nullptr,
     " (the socket is of another address family: open() it with the endpoint's protocol)"},
    {"sendto", EACCES, nullptr,
     " (a broadcast address needs the option broadcast; else a firewall forbids it)"},
    {"sendto", EINVAL, nullptr, " (the endpoint is not one that datagrams can be sent to: is its port 0?)"},

    {"setsockopt", ENOPROTOOPT, nullptr, " (a socket of this kind does not have this option)"},
    {"getsockopt", ENOPROTOOPT, nullptr, " (a socket of this kind does not have this option)"},

    {{}, EBADF, nullptr, " (it is not open: closed, moved from or never opened, or without an io_context)"},
    {{}, ENOTCONN, nullptr, " (the socket is not connected: connect() or accept() first)"},
    {{}, EDESTADDRREQ, nullptr, " (the datagram has no receiver: use sendto(), or connect() first)"},
    {{},
     EMSGSIZE,
     nullptr,
     " (the datagram is larger than the protocol or the path takes; UDP over IPv4: 65507 bytes at most)"},
    {{},
     EMFILE,
     nullptr,
     " (the process has as many open descriptors as RLIMIT_NOFILE allows: see ulimit -n)"},
    {{}, ENFILE, nullptr, " (the machine has as many open files as the sysctl fs.file-max allows)"},
    {{}, ENETUNREACH, nullptr, " (no route: this machine has no network for that address; is IPv6 on?)"},
    {{}, EHOSTUNREACH, nullptr, " (no route, or the peer's network does not find the host)"},
    {{}, ENOTSOCK, nullptr, " (the descriptor is not a socket: use a posix::stream_descriptor)"},
};

}  // namespace

const char* usual_cause(std::string_view call, int error, const call_subject& of) noexcept {
    for (const row& each: rows)
        if (each.error == error && (each.call.empty() || each.call == call) &&
            (!each.holds || each.holds(of)))
            return each.text;
    return "";
}

}  // namespace coil::COIL_ABI
