// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#pragma once

#include <cerrno>
#include <chrono>
#include <memory>
#include <source_location>
#include <string>
#include <string_view>
#include <utility>

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <coil/coro/as_tuple.hpp>
#include <coil/coro/task.hpp>
#include <coil/loop/co_spawn.hpp>
#include <coil/loop/io_context.hpp>
#include <coil/net/tcp.hpp>
#include <coil/net/udp.hpp>

#include "support/co_assert.hpp"
#include "support/story.hpp"

namespace coil::test {

using ip::tcp;
using ip::udp;

/// A peer on plain blocking sockets, outside of any context. What it does is small enough for the kernel's buffers.
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
    /// The bytes that are there now; waits for the first, or the end.
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
    /// The other side finds its connection reset.
    void reset() noexcept {
        const linger at_once{1, 0};
        ::setsockopt(number_, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
        close();
    }

private:
    int number_ = -1;
};

/// An io_context on the real kernel, for stories that must end within ten seconds.
class real_context {
public:
    explicit real_context(const io_context::options& chosen = io_context::options())
        : context_(std::make_unique<io_context>(chosen)) {}

    [[nodiscard]] io_context& io() noexcept { return *context_; }
    operator io_context&() noexcept { return *context_; }

    /// Starts a function that gives a task.
    template <class F>
    auto spawn(F&& function, std::source_location where = std::source_location::current()) {
        return co_spawn(spawn_place(*context_, where), std::forward<F>(function));
    }

    template <class F>
    void run(F&& story, std::source_location where = std::source_location::current()) {
        story::run(*context_, story, std::chrono::seconds(10), where);
    }
    void poll() {
        context_->restart();
        context_->poll();
    }
    void destroy() { context_.reset(); }

    /// A socket, connected to a peer that is the test's own.
    [[nodiscard]] std::pair<tcp::socket, plain_peer> connection() {
        const int listening = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        socklen_t size = sizeof address;
        auto* const any = reinterpret_cast<sockaddr*>(&address);
        EXPECT_EQ(::bind(listening, any, size), 0);
        EXPECT_EQ(::listen(listening, 1), 0);
        EXPECT_EQ(::getsockname(listening, any, &size), 0);
        const int ours = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        EXPECT_EQ(::connect(ours, any, size), 0);
        plain_peer peer(::accept4(listening, nullptr, nullptr, SOCK_CLOEXEC));
        ::close(listening);
        tcp::socket socket(*context_);
        socket.assign(tcp::v4(), ours);
        return {std::move(socket), std::move(peer)};
    }

private:
    std::unique_ptr<io_context> context_;
};

}  // namespace coil::test
