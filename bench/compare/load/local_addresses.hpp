// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <random>

#include <arpa/inet.h>

#include "support/sockets.hpp"

namespace compare {

/// Makes sockets for short connections. Each socket has another local address, because a single local address
/// has only 28,000 ports per server address, and TIME_WAIT blocks each port for a minute.
class local_addresses {
public:
    /// Returns a TCP socket that is bound, but not connected.
    [[nodiscard]] descriptor next_socket() {
        descriptor made(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
        check(made.get() >= 0, "socket");
        const int on = 1;
        check(::setsockopt(made.get(), IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on) == 0,
              "IP_BIND_ADDRESS_NO_PORT");
        sockaddr_in local{};
        local.sin_family = AF_INET;
        local.sin_addr.s_addr = htonl(0x7f000001u + ((network_ + next_address_++ % 64) & 0xffff) * 64);
        check(::bind(made.get(), reinterpret_cast<const sockaddr*>(&local), sizeof local) == 0, "bind");
        set_no_delay(made.get());
        return made;
    }

private:
    std::uint32_t network_ = std::random_device()();
    std::uint32_t next_address_ = 0;
};

}  // namespace compare
