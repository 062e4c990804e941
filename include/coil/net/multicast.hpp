// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#pragma once

#include <coil/version.hpp>

#include <concepts>
#include <cstddef>
#include <cstring>

#include <netinet/in.h>
#include <sys/socket.h>

#include <coil/base/address.hpp>
#include <coil/base/endpoint.hpp>
#include <coil/net/ip_options.hpp>

/// Multicast options. An interface is identified by its index; see if_nametoindex(3). If the index is 0, the
/// scope id of an IPv6 group is used. If there is no scope id either, the kernel chooses the interface.
///
///     socket.set_option(multicast::join_group(make_address("239.1.2.3")));
///     socket.set_option(multicast::join_group(make_address("ff02::fb%eth0")));
namespace coil::COIL_ABI::ip::multicast {

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

// Implementation

/// Copies an address into the sockaddr of a kernel request. Returns the interface index for that request,
/// which is `interface` or, if `interface` is 0 and the address is IPv6, the scope id of the address.
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

}  // namespace coil::COIL_ABI::ip::multicast
