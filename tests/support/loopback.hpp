// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#pragma once

#include <cstring>

#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

namespace coil::test {

/// Brings up the loopback interface, which is down in a new network namespace. On failure, returns false and
/// sets errno.
inline bool bring_up_loopback() noexcept {
    const int any = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    ifreq loopback{};
    std::strcpy(loopback.ifr_name, "lo");
    loopback.ifr_flags = IFF_UP;
    const bool up = ::ioctl(any, SIOCSIFFLAGS, &loopback) == 0;
    ::close(any);
    return up;
}

}  // namespace coil::test
