// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#include <coil/net/multicast.hpp>

#include <cerrno>
#include <cstdint>
#include <net/if.h>

#include <gtest/gtest.h>

#include "net/raw_socket.hpp"

namespace coil::test {
namespace {

static_assert(settable_option<ip::multicast::join_group> && !gettable_option<ip::multicast::join_group>);
static_assert(settable_option<ip::multicast::outbound_interface>);
static_assert(!gettable_option<ip::multicast::outbound_interface>);

TEST(Multicast, GroupIsJoinedOnceAndLeftOnce) {
    const unsigned loopback = if_nametoindex("lo");
    for (const auto& group: {ip::make_address("239.1.2.3"), ip::make_address("ff02::1234")}) {
        const raw_socket socket(group.is_v6() ? v6 : v4, SOCK_DGRAM);
        if (socket.fd() < 0)
            GTEST_SKIP() << "this machine has no IPv6";
        EXPECT_EQ(socket.set(ip::multicast::join_group(group, loopback)), 0) << group;
        EXPECT_EQ(socket.set(ip::multicast::join_group(group, loopback)), EADDRINUSE) << group;
        EXPECT_EQ(socket.set(ip::multicast::leave_group(group, loopback)), 0) << group;
        EXPECT_EQ(socket.set(ip::multicast::leave_group(group, loopback)), EADDRNOTAVAIL) << group;
    }
}

TEST(Multicast, GroupScopeSelectsTheInterface) {
    const raw_socket socket(v6, SOCK_DGRAM);
    if (socket.fd() < 0)
        GTEST_SKIP() << "this machine has no IPv6";
    const auto group = ip::make_address("ff02::1234");
    ASSERT_EQ(socket.set(ip::multicast::join_group(ip::make_address("ff02::1234%lo"))), 0);
    EXPECT_EQ(socket.set(ip::multicast::leave_group(group, if_nametoindex("lo"))), 0);
}

TEST(Multicast, MulticastReachesMembersOnTheInterface) {
    const unsigned loopback = if_nametoindex("lo");
    const auto group = ip::make_address("239.1.2.3");
    const raw_socket receiver(v4, SOCK_DGRAM);
    const raw_socket sender(v4, SOCK_DGRAM);
    ASSERT_EQ(receiver.bind(ip::endpoint(ip::address(), 0)), 0);
    ASSERT_EQ(receiver.set(ip::multicast::join_group(group, loopback)), 0);
    ASSERT_EQ(sender.set(ip::multicast::outbound_interface(v4, loopback)), 0);

    const std::uint16_t port = receiver.name().port();
    ASSERT_EQ(sender.send_to(ip::endpoint(group, port), 'a'), 0);
    ASSERT_EQ(receiver.set(ip::multicast::leave_group(group, loopback)), 0);
    EXPECT_EQ(sender.send_to(ip::endpoint(group, port), 'b'), 0);
    EXPECT_EQ(sender.send_to(ip::endpoint(ip::address_v4::loopback(), port), 'c'), 0);
    ASSERT_EQ(receiver.recv(), 'a');
    EXPECT_EQ(receiver.recv(), 'c');
}

TEST(Multicast, GroupIsJoinedForOneSource) {
    const unsigned loopback = if_nametoindex("lo");
    const raw_socket socket(v4, SOCK_DGRAM);
    const auto group = ip::make_address("232.1.2.3");
    const auto sender = ip::make_address("127.0.0.1");
    EXPECT_EQ(socket.set(ip::multicast::join_source_group(group, sender, loopback)), 0);
    EXPECT_EQ(socket.set(ip::multicast::leave_source_group(group, sender, loopback)), 0);
    EXPECT_NE(socket.set(ip::multicast::leave_source_group(group, sender, loopback)), 0);

    ASSERT_EQ(socket.set(ip::multicast::join_group(group, loopback)), 0);
    EXPECT_EQ(socket.set(ip::multicast::block_source(group, sender, loopback)), 0);
    EXPECT_EQ(socket.set(ip::multicast::unblock_source(group, sender, loopback)), 0);
}

}  // namespace
}  // namespace coil::test
