// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#pragma once

#include <cerrno>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <gtest/gtest.h>

#include <coil/base/endpoint.hpp>
#include <coil/net/option.hpp>

namespace coil::test {

/// The minimum that family_option requires of a protocol.
struct some_protocol {
    int number;
    constexpr int family() const { return number; }
};
inline constexpr some_protocol v4{AF_INET};
inline constexpr some_protocol v6{AF_INET6};

/// A plain socket descriptor. The destructor closes it.
class raw_socket {
public:
    explicit raw_socket(const some_protocol& of, int type = SOCK_STREAM)
        : fd_(::socket(of.number, type | SOCK_CLOEXEC, 0)) {}
    explicit raw_socket(int fd) : fd_(fd) {}
    raw_socket(const raw_socket&) = delete;
    raw_socket& operator=(const raw_socket&) = delete;
    ~raw_socket() {
        if (fd_ >= 0)
            ::close(fd_);
    }
    int fd() const { return fd_; }

    /// Returns 0 or errno, like get(), bind() and send_to().
    template <settable_option Option>
    int set(const Option& option) const {
        const auto size = static_cast<socklen_t>(option.size());
        return ::setsockopt(fd_, option.level(), option.name(), option.data(), size) == 0 ? 0 : errno;
    }

    template <gettable_option Option>
    int get(Option& option) const {
        auto size = static_cast<socklen_t>(option.size());
        if (::getsockopt(fd_, option.level(), option.name(), option.data(), &size) != 0)
            return errno;
        return option.resize(size) ? 0 : EPROTO;
    }

    int bind(const ip::endpoint& where) const {
        ip::socket_address target;
        const socklen_t size = where.to_sockaddr(target);
        return ::bind(fd_, &target.any, size) == 0 ? 0 : errno;
    }

    ip::endpoint name() const {
        ip::socket_address source;
        socklen_t size = sizeof source;
        EXPECT_EQ(::getsockname(fd_, &source.any, &size), 0);
        return ip::endpoint::from_sockaddr(source, size);
    }

    int send_to(const ip::endpoint& where, char byte) const {
        ip::socket_address target;
        const socklen_t size = where.to_sockaddr(target);
        return ::sendto(fd_, &byte, 1, 0, &target.any, size) == 1 ? 0 : errno;
    }

    /// Returns the byte of the next datagram, or 0 if none arrives within 5 s.
    char recv() const {
        pollfd entry{fd_, POLLIN, 0};
        char byte = 0;
        return ::poll(&entry, 1, 5000) == 1 && ::recv(fd_, &byte, 1, 0) == 1 ? byte : '\0';
    }

private:
    int fd_;
};

/// Sets both values, and expects to read back each of them.
template <class Option>
void expect_kept(const raw_socket& socket, const Option& first, const Option& second) {
    Option found = second;
    for (const Option& wanted: {first, second, first}) {
        ASSERT_EQ(socket.set(wanted), 0) << wanted.level() << '/' << wanted.name();
        ASSERT_EQ(socket.get(found), 0) << wanted.level() << '/' << wanted.name();
        EXPECT_EQ(found.value(), wanted.value()) << wanted.level() << '/' << wanted.name();
    }
}

}  // namespace coil::test
