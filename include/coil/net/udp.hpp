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

template <class Protocol>
class basic_resolver;

/// UDP over IPv4 or IPv6 (udp(7)). The UDP options, such as `udp::cork`, are members of this class.
class udp : public udp_option {
public:
    using endpoint = basic_endpoint<udp>;
    using socket = datagram_socket<udp>;
    using resolver = basic_resolver<udp>;  ///< defined in <coil/resolver/resolver.hpp>

    [[nodiscard]] static constexpr udp v4() noexcept { return udp(AF_INET); }
    [[nodiscard]] static constexpr udp v6() noexcept { return udp(AF_INET6); }

    [[nodiscard]] constexpr int family() const noexcept { return family_; }
    [[nodiscard]] constexpr int type() const noexcept { return SOCK_DGRAM; }
    [[nodiscard]] constexpr int protocol() const noexcept { return IPPROTO_UDP; }

    friend constexpr bool operator==(const udp& a, const udp& b) noexcept { return a.family_ == b.family_; }

private:
    constexpr explicit udp(int family) noexcept : family_(family) {}

    int family_;
};

}  // namespace coil::COIL_ABI::ip
