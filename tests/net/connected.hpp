// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#pragma once

#include <string>
#include <utility>

#include <gtest/gtest.h>

#include <coil/coro/as_tuple.hpp>
#include <coil/coro/yield.hpp>
#include <coil/loop/co_spawn.hpp>
#include <coil/net/tcp.hpp>

#include "support/real_context.hpp"

namespace coil::test {

inline constexpr auto wait_read = socket_base::wait_read;
inline constexpr auto wait_write = socket_base::wait_write;
inline constexpr auto wait_error = socket_base::wait_error;

/// Both ends of a TCP connection over the loopback interface.
struct connection {
    tcp::socket near;
    tcp::socket far;
};

inline task<connection> connect_ends(io_context& on, ip::address address = ip::address_v4::loopback()) {
    tcp::acceptor acceptor(on, {address, 0});
    tcp::socket near(on);
    co_await near.connect(acceptor.local_endpoint());
    auto far = co_await acceptor.accept();
    co_return connection{std::move(near), std::move(far)};
}

/// Yields `times` times, so that other tasks run.
inline task<> let_others_run(int times = 3) {
    while (times-- > 0)
        co_await yield();
}

/// More bytes than a connection buffers while its peer does not read.
inline const std::string& too_much() {
    static const std::string bytes(16 << 20, 'x');
    return bytes;
}

/// Runs each story over IPv4 and over IPv6.
class on_both_families : public testing::TestWithParam<bool> {
protected:
    [[nodiscard]] static bool is_v6() { return GetParam(); }
    [[nodiscard]] static ip::address loopback() {
        if (is_v6())
            return ip::address_v6::loopback();
        return ip::address_v4::loopback();
    }
    [[nodiscard]] static tcp tcp_version() { return is_v6() ? tcp::v6() : tcp::v4(); }
    [[nodiscard]] static udp udp_version() { return is_v6() ? udp::v6() : udp::v4(); }

    template <class F>
    void run(F&& story) {
        context_.run(story);
    }
    io_context& context() { return context_; }

private:
    real_context context_;
};

#define COIL_ON_BOTH_FAMILIES(suite)                       \
    INSTANTIATE_TEST_SUITE_P(Over, suite, testing::Bool(), \
                             [](const auto& each) { return each.param ? "V6" : "V4"; })

}  // namespace coil::test
