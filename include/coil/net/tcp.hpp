// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#pragma once

#include <coil/version.hpp>

#include <netinet/in.h>
#include <sys/socket.h>

#include <coil/base/endpoint.hpp>
#include <coil/net/ip_options.hpp>
#include <coil/net/stream_socket.hpp>

namespace coil::COIL_ABI::ip {

template <class Protocol>
class basic_resolver;

/// TCP over IPv4 or IPv6 (tcp(7)). The TCP options, such as `tcp::no_delay`, are members of this class.
class tcp : public tcp_option {
public:
    using endpoint = basic_endpoint<tcp>;
    using socket = stream_socket<tcp>;
    using acceptor = basic_acceptor<tcp>;
    using resolver = basic_resolver<tcp>;  ///< defined in <coil/resolver/resolver.hpp>

    [[nodiscard]] static constexpr tcp v4() noexcept { return tcp(AF_INET); }
    [[nodiscard]] static constexpr tcp v6() noexcept { return tcp(AF_INET6); }

    [[nodiscard]] constexpr int family() const noexcept { return family_; }
    [[nodiscard]] constexpr int type() const noexcept { return SOCK_STREAM; }
    [[nodiscard]] constexpr int protocol() const noexcept { return IPPROTO_TCP; }

    friend constexpr bool operator==(const tcp& a, const tcp& b) noexcept { return a.family_ == b.family_; }

private:
    constexpr explicit tcp(int family) noexcept : family_(family) {}

    int family_;
};

}  // namespace coil::COIL_ABI::ip
