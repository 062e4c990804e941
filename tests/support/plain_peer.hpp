// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#pragma once

#include <cerrno>
#include <string>
#include <string_view>
#include <utility>

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

namespace coil::test {

/// A peer that uses a plain blocking socket, without a context. Its transfers must fit into the kernel's
/// socket buffers.
class plain_peer {
public:
    plain_peer() noexcept = default;
    explicit plain_peer(int number) noexcept : number_(number) {}
    plain_peer(plain_peer&& other) noexcept : number_(std::exchange(other.number_, -1)) {}
    plain_peer& operator=(plain_peer&& other) noexcept {
        std::swap(number_, other.number_);
        return *this;
    }
    ~plain_peer() { close(); }

    [[nodiscard]] int number() const noexcept { return number_; }

    void send(std::string_view bytes) const {
        EXPECT_EQ(::send(number_, bytes.data(), bytes.size(), MSG_NOSIGNAL),
                  static_cast<ssize_t>(bytes.size()));
    }
    /// Blocks until the first byte or the end of the stream arrives, and returns the available bytes.
    [[nodiscard]] std::string recv() const {
        std::string bytes(65536, '\0');
        const ssize_t n = ::recv(number_, bytes.data(), bytes.size(), 0);
        EXPECT_GE(n, 0) << errno;
        bytes.resize(n < 0 ? 0 : static_cast<std::size_t>(n));
        return bytes;
    }
    void finish_sending() const { ::shutdown(number_, SHUT_WR); }
    void close() noexcept {
        if (number_ >= 0)
            ::close(std::exchange(number_, -1));
    }
    /// Closes the socket with a RST.
    void reset() noexcept {
        const linger immediately{1, 0};
        ::setsockopt(number_, SOL_SOCKET, SO_LINGER, &immediately, sizeof immediately);
        close();
    }

private:
    int number_ = -1;
};

/// A listening socket on the loopback interface. It accepts connections as plain_peer objects.
class plain_listener {
public:
    explicit plain_listener(int backlog = 16) : number_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
        address_.sin_family = AF_INET;
        address_.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        socklen_t size = sizeof address_;
        EXPECT_EQ(::bind(number_, any(), size), 0);
        EXPECT_EQ(::listen(number_, backlog), 0);
        EXPECT_EQ(::getsockname(number_, any(), &size), 0);
    }
    plain_listener(const plain_listener&) = delete;
    plain_listener& operator=(const plain_listener&) = delete;
    ~plain_listener() { ::close(number_); }

    [[nodiscard]] int number() const noexcept { return number_; }
    [[nodiscard]] const sockaddr_in& address() const noexcept { return address_; }

    /// Connects to the listener and returns the new descriptor.
    [[nodiscard]] int connect() {
        const int connected = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        EXPECT_EQ(::connect(connected, any(), sizeof address_), 0) << errno;
        return connected;
    }
    /// Accepts the oldest connection.
    [[nodiscard]] plain_peer accept() {
        return plain_peer(::accept4(number_, nullptr, nullptr, SOCK_CLOEXEC));
    }

private:
    [[nodiscard]] sockaddr* any() noexcept { return reinterpret_cast<sockaddr*>(&address_); }

    int number_;
    sockaddr_in address_{};
};

}  // namespace coil::test
