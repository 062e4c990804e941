// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT

// Raw ICMP sockets, and unprivileged ICMP echo sockets.

#include <array>
#include <cerrno>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <netinet/icmp6.h>
#include <netinet/ip_icmp.h>

#include <coil/algo/timeout.hpp>
#include <coil/net/icmp.hpp>

#include "support/own_network.hpp"
#include "support/real_context.hpp"
#include "support/scripted_context.hpp"

namespace coil::test {
namespace {

using namespace std::chrono_literals;
using ip::icmp;
using ip::ping;
using packet = std::vector<unsigned char>;
using reply_buffer = std::array<unsigned char, 200>;

constexpr std::uint8_t echo_request_v4 = ICMP_ECHO, echo_reply_v4 = ICMP_ECHOREPLY;
constexpr std::uint8_t echo_request_v6 = ICMP6_ECHO_REQUEST, echo_reply_v6 = ICMP6_ECHO_REPLY;

/// The Internet checksum of RFC 1071.
std::uint16_t checksum_of(std::span<const unsigned char> bytes) {
    std::uint32_t sum = 0;
    for (std::size_t i = 0; i + 1 < bytes.size(); i += 2)
        sum += static_cast<std::uint32_t>(bytes[i] << 8 | bytes[i + 1]);
    while (sum >> 16)
        sum = (sum & 0xffff) + (sum >> 16);
    return static_cast<std::uint16_t>(~sum);
}

/// An echo request: type, code, checksum, identifier 0x1234, sequence 1, eight bytes.
packet request(std::uint8_t type) {
    packet made = {type, 0, 0, 0, 0x12, 0x34, 0, 1, 'c', 'o', 'i', 'l', ' ', '1', '2', '3'};
    const std::uint16_t sum = checksum_of(made);
    made[2] = static_cast<unsigned char>(sum >> 8);
    made[3] = static_cast<unsigned char>(sum);
    return made;
}

std::string payload_of(std::span<const unsigned char> message) {
    return {reinterpret_cast<const char*>(message.data()) + 8, message.size() - 8};
}

/// Runs a story in a network namespace of its own. Skips the test without the privilege to make one.
#define RUN_IN_OWN_NETWORK(...)                       \
    if (!own_network::run([&] {                       \
            real_context context;                     \
            context.run([&]() -> task<> __VA_ARGS__); \
        }))                                           \
    GTEST_SKIP() << "no privilege to make a network namespace"

TEST(Icmp, ReceivesTheHeaderOverIpv4) {
    RUN_IN_OWN_NETWORK({
        icmp::socket socket(context, icmp::v4());
        const ip::endpoint loopback(ip::address_v4::loopback(), 0);
        co_await socket.sendto(request(echo_request_v4), loopback);
        reply_buffer bytes;
        for (int i = 0; i < 2; ++i) {  // over the loopback it receives its own request first
            auto [size, truncated, from] = co_await timeout(socket.recvfrom(bytes), 5s);
            const std::size_t header = 4u * (bytes[0] & 15u);
            CO_ASSERT_EQ(size, header + 16);
            EXPECT_EQ(from, loopback);
            const auto message = std::span(bytes).first(size).subspan(header);
            EXPECT_EQ(payload_of(message), "coil 123");
            EXPECT_EQ(message[0], i == 0 ? echo_request_v4 : echo_reply_v4);
        }
    });
}

TEST(Icmp, ReceivesNoHeaderOverIpv6) {
    RUN_IN_OWN_NETWORK({
        icmp::socket socket(context, icmp::v6());
        ::icmp6_filter wanted;
        ICMP6_FILTER_SETBLOCKALL(&wanted);
        ICMP6_FILTER_SETPASS(echo_reply_v6, &wanted);
        socket.set_option(icmp::icmp6_filter<::icmp6_filter>(wanted));
        const ip::endpoint loopback(ip::address_v6::loopback(), 0);
        co_await socket.sendto(request(echo_request_v6), loopback);
        reply_buffer bytes;
        auto [size, truncated, from] = co_await timeout(socket.recvfrom(bytes), 5s);
        CO_ASSERT_EQ(size, 16u);
        EXPECT_EQ(from, loopback);
        EXPECT_EQ(bytes[0], echo_reply_v6);
        EXPECT_EQ(payload_of(std::span(bytes).first(size)), "coil 123");
    });
}

TEST(Icmp, FilterDropsOtherTypes) {
    RUN_IN_OWN_NETWORK({
        icmp::socket socket(context, icmp::v4());
        socket.set_option(icmp::icmp_filter(~(1u << echo_reply_v4)));
        icmp::icmp_filter set;
        socket.get_option(set);
        EXPECT_EQ(set.value(), ~1u);
        co_await socket.sendto(request(echo_request_v4), ip::endpoint(ip::address_v4::loopback(), 0));
        reply_buffer bytes;
        co_await timeout(socket.recvfrom(bytes), 5s);
        EXPECT_EQ(bytes[4u * (bytes[0] & 15u)], echo_reply_v4);
    });
}

TEST(Icmp, WorksWithARecvfromStream) {
    RUN_IN_OWN_NETWORK({
        icmp::socket socket(context, icmp::v4());
        auto incoming = socket.recvfrom_stream();
        co_await socket.sendto(request(echo_request_v4), ip::endpoint(ip::address_v4::loopback(), 0));
        auto first = co_await timeout(incoming.next(), 5s);
        CO_ASSERT_TRUE(first.has_value());
        EXPECT_EQ(first->from.address(), ip::address(ip::address_v4::loopback()));
    });
}

TEST(Ping, NeedsNoPrivilegeInBothFamilies) {
    RUN_IN_OWN_NETWORK({
        own_network::set("net/ipv4/ping_group_range", "0 2147483647");
        for (const bool v6: {false, true}) {
            ping::socket socket(context, v6 ? ping::v6() : ping::v4());
            const ip::endpoint loopback(
                v6 ? ip::address(ip::address_v6::loopback()) : ip::address_v4::loopback(), 0);
            co_await socket.sendto(request(v6 ? echo_request_v6 : echo_request_v4), loopback);
            reply_buffer bytes;
            auto [size, truncated, from] = co_await timeout(socket.recvfrom(bytes), 5s);
            CO_ASSERT_EQ(size, 16u);
            EXPECT_EQ(bytes[0], v6 ? echo_reply_v6 : echo_reply_v4);
            EXPECT_EQ(bytes[4] << 8 | bytes[5], socket.local_endpoint().port()) << "the kernel's identifier";
            EXPECT_EQ(bytes[7], 1) << "our own sequence number";
            EXPECT_EQ(from.address(), loopback.address());
        }
    });
}

TEST(Ping, NamesTheSysctlIfDenied) {
    const bool ran = own_network::run([] {
        own_network::set("net/ipv4/ping_group_range", "1 0");
        io_context context;
        ping::socket socket(context);
        try {
            socket.open(ping::v4());
            ADD_FAILURE() << "opened";
        } catch (const std::system_error& error) {
            EXPECT_EQ(error.code(), error::access_denied);
            EXPECT_NE(std::string(error.what()).find("net.ipv4.ping_group_range"), std::string::npos)
                << error.what();
        }
    });
    if (!ran)
        GTEST_SKIP() << "no privilege to make a network namespace";
}

TEST(Icmp, NamesTheMissingCapability) {
    scripted_context context;
    icmp::socket socket(context.io());
    context.script().fail_next_call(EPERM);
    try {
        socket.open(icmp::v4());
        ADD_FAILURE() << "opened";
    } catch (const std::system_error& error) {
        EXPECT_EQ(error.code(), std::errc::operation_not_permitted);
        EXPECT_NE(std::string(error.what()).find("CAP_NET_RAW"), std::string::npos) << error.what();
    }
    EXPECT_FALSE(socket.is_open());
}

// open() makes an IPv6 socket dual-stack, but not a raw one, for which the kernel refuses the option.
TEST(Icmp, DoesNotSetDualStackOverIpv6) {
    scripted_context context;
    icmp::socket socket(context.io(), icmp::v6());
    const auto& fake = context.script().descriptor(socket.native_handle());
    EXPECT_EQ(fake.family, AF_INET6);
    EXPECT_EQ(fake.type, SOCK_RAW);
    EXPECT_EQ(fake.protocol, IPPROTO_ICMPV6);
    EXPECT_TRUE(fake.options.empty());
}

}  // namespace
}  // namespace coil::test
