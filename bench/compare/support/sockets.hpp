// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <cstdio>
#include <utility>

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include "support/failure.hpp"

namespace compare {

/// An owning file descriptor (RAII).
class descriptor {
public:
    descriptor() noexcept = default;
    explicit descriptor(int fd) noexcept : fd_(fd) {}
    descriptor(descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
    descriptor& operator=(descriptor&& other) noexcept {
        std::swap(fd_, other.fd_);
        return *this;
    }
    ~descriptor() {
        if (fd_ >= 0)
            ::close(fd_);
    }

    [[nodiscard]] int get() const noexcept { return fd_; }

private:
    int fd_ = -1;
};

inline sockaddr_in loopback(std::uint16_t port) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return address;
}

/// Returns a socket bound to 127.0.0.1. `type` is SOCK_STREAM or SOCK_DGRAM, optionally with SOCK_NONBLOCK.
inline descriptor bound_socket(int type, std::uint16_t port) {
    descriptor made(::socket(AF_INET, type | SOCK_CLOEXEC, 0));
    check(made.get() >= 0, "socket");
    const sockaddr_in local = loopback(port);
    check(::bind(made.get(), reinterpret_cast<const sockaddr*>(&local), sizeof local) == 0, "bind");
    return made;
}

inline void set_no_delay(int socket) {
    const int on = 1;
    check(::setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) == 0, "TCP_NODELAY");
}

/// Returns a listening TCP socket. Its connections inherit TCP_NODELAY.
inline descriptor listener(std::uint16_t port, int type_flags = 0) {
    descriptor made = bound_socket(SOCK_STREAM | type_flags, port);
    set_no_delay(made.get());
    check(::listen(made.get(), SOMAXCONN) == 0, "listen");
    return made;
}

inline descriptor connected_socket(int type, std::uint16_t port) {
    descriptor made(::socket(AF_INET, type | SOCK_CLOEXEC, 0));
    check(made.get() >= 0, "socket");
    const sockaddr_in server = loopback(port);
    check(::connect(made.get(), reinterpret_cast<const sockaddr*>(&server), sizeof server) == 0, "connect");
    if (type == SOCK_STREAM)
        set_no_delay(made.get());
    return made;
}

/// Prints the server's address, which is the first line of its output.
inline void announce(int socket) {
    sockaddr_in local{};
    socklen_t size = sizeof local;
    check(::getsockname(socket, reinterpret_cast<sockaddr*>(&local), &size) == 0, "getsockname");
    std::printf("listening on 127.0.0.1:%u\n", ntohs(local.sin_port));
    std::fflush(stdout);
}

}  // namespace compare
