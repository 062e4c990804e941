// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#include <coil/net/option.hpp>

#include <cerrno>
#include <chrono>
#include <climits>
#include <cstring>
#include <netinet/tcp.h>
#include <string_view>
#include <system_error>
#include <type_traits>

#include <gtest/gtest.h>

#include <coil/loop/io_context.hpp>
#include <coil/net/tcp.hpp>
#include <coil/net/udp.hpp>

namespace coil::test {
namespace {

using ip::tcp;
using ip::tcp_option;
using ip::udp;

static_assert(gettable_option<tcp_option::no_delay> && gettable_option<socket_base::linger>);
static_assert(gettable_option<tcp_option::congestion> && gettable_option<ip::unicast_hops>);
static_assert(!settable_option<int>);
static_assert(std::is_trivially_copyable_v<tcp_option::no_delay> &&
              sizeof(tcp_option::no_delay) == sizeof(int));
static_assert(!std::is_convertible_v<bool, tcp_option::no_delay>, "set_option(true) would mean nothing");

// Regression: a duration that does not fit into an int was truncated. 30 days of user_timeout became
// negative, and a linger of 2^32 s became a reset.
TEST(Option, DurationsSaturateOnOverflow) {
    using namespace std::chrono_literals;
    using std::chrono::microseconds;
    using std::chrono::milliseconds;
    using std::chrono::seconds;
    constexpr int most = INT_MAX;
    EXPECT_EQ(tcp_option::user_timeout(720h).value(), most);
    EXPECT_EQ(tcp_option::user_timeout(24h).value(), 24 * 3600 * 1000);
    EXPECT_EQ(tcp_option::user_timeout(milliseconds::max()).value(), most);
    EXPECT_EQ(tcp_option::user_timeout(milliseconds::min()).value(), -most);
    EXPECT_EQ(tcp_option::keep_idle(seconds(1ll << 32)).value(), most);
    EXPECT_EQ(tcp_option::keep_interval(seconds::max()).value(), most);
    EXPECT_EQ(tcp_option::defer_accept(seconds(-1)).value(), -1);
    EXPECT_EQ(socket_base::busy_poll(microseconds(1ll << 33)).value(), most);
    EXPECT_EQ(socket_base::linger(true, seconds(1ll << 32)).timeout(), most);
    EXPECT_EQ(socket_base::linger(true, 3s).timeout(), 3);
}

TEST(Option, FlagsArePassedAsInt) {
    constexpr tcp_option::no_delay on(true);
    static_assert(on.value() && on && on.size() == sizeof(int));
    EXPECT_EQ(*static_cast<const int*>(on.data()), 1);

    tcp_option::no_delay found;
    EXPECT_FALSE(found);
    *static_cast<int*>(found.data()) = 256;  // anything but 0 is true
    EXPECT_TRUE(found.resize(sizeof(int)));
    EXPECT_TRUE(found.value());
    EXPECT_FALSE(found.resize(1));
    EXPECT_FALSE(found.resize(8));
}

TEST(Option, NamesArePaddedAndNeverTruncated) {
    const socket_base::bind_to_device device("eth0");
    EXPECT_EQ(device.value(), "eth0");
    EXPECT_EQ(std::memcmp(device.data(), "eth0\0\0\0\0\0\0\0\0\0\0\0\0", device.size()), 0);
    EXPECT_EQ(socket_base::bind_to_device("123456789012345").value(), "123456789012345");
    EXPECT_THROW(socket_base::bind_to_device("1234567890123456"), std::system_error);
    EXPECT_EQ(socket_base::bind_to_device().value(), "");

    socket_base::bind_to_device found("from before");
    std::memcpy(found.data(), "lo", 2);  // the kernel wrote no NUL
    EXPECT_TRUE(found.resize(2));
    EXPECT_EQ(found.value(), "lo");
    EXPECT_TRUE(found.resize(0));
    EXPECT_EQ(found.value(), "");
    EXPECT_FALSE(found.resize(17));
}

TEST(Option, StructuresMayBeShorterOnOldKernels) {
    struct three {
        int numbers[3];
    };
    option<SOL_SOCKET, 0, three> found(three{{1, 2, 3}});
    EXPECT_TRUE(found.resize(2 * sizeof(int)));
    EXPECT_EQ(found.value().numbers[1], 2);
    EXPECT_EQ(found.value().numbers[2], 0);
    EXPECT_FALSE(found.resize(4 * sizeof(int)));
}

TEST(Option, AcceptDurations) {
    using namespace std::chrono_literals;
    io_context context;
    tcp::socket socket(context, tcp::v4());
    socket.set_option(tcp::keep_idle(2min));
    tcp::keep_idle idle;
    socket.get_option(idle);
    EXPECT_EQ(idle.value(), 120);
    EXPECT_EQ(idle.duration(), 2min);
    socket.set_option(tcp::user_timeout(5s));
    tcp::user_timeout user_timeout;
    socket.get_option(user_timeout);
    EXPECT_EQ(user_timeout.value(), 5000);
    EXPECT_EQ(tcp::keep_interval(7s).value(), 7);
    EXPECT_EQ(socket_base::busy_poll(1ms).value(), 1000);
    EXPECT_EQ(socket_base::linger(true, 1min).timeout(), 60);
    static_assert(!std::is_constructible_v<tcp::keep_idle, std::chrono::milliseconds>,
                  "the kernel counts seconds");
}

TEST(Option, FailureNamesTheOption) {
    io_context context;
    udp::socket socket(context, udp::v4());
    try {
        socket.set_option(tcp::no_delay(true));
        FAIL() << "no error";
    } catch (const std::system_error& failure) {
        EXPECT_TRUE(failure.code() == std::errc::operation_not_supported ||
                    failure.code() == std::errc::no_protocol_option)
            << failure.what();
        EXPECT_NE(std::string_view(failure.what()).find("setsockopt(6, 1)"), std::string_view::npos)
            << failure.what();
    }
}

TEST(Option, ZeroWhatTheKernelDoesNotFill) {
    io_context context;
    tcp::acceptor acceptor(context, {tcp::v4(), 0});
    tcp::info<tcp_info> info;
    acceptor.get_option(info);
    EXPECT_EQ(info.value().tcpi_state, TCP_LISTEN);
    struct future_info {
        tcp_info known;
        char unknown[4096];
    };
    tcp::info<future_info> larger;
    acceptor.get_option(larger);
    EXPECT_EQ(larger.value().known.tcpi_state, TCP_LISTEN);
    EXPECT_EQ(larger.value().unknown[4095], 0);
}

}  // namespace
}  // namespace coil::test
