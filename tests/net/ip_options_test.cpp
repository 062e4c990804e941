// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#include <coil/net/ip_options.hpp>

#include <cerrno>
#include <netinet/tcp.h>
#include <netinet/udp.h>

#include <gtest/gtest.h>

#include <coil/loop/io_context.hpp>
#include <coil/net/multicast.hpp>
#include <coil/net/tcp.hpp>

#include "net/raw_socket.hpp"

namespace coil::test {
namespace {

using ip::tcp;
using ip::tcp_option;
using ip::udp_option;

// The header contains these numbers as literals, to avoid the system headers.
static_assert(tcp_option::no_delay::name() == TCP_NODELAY && tcp_option::no_delay::level() == IPPROTO_TCP);
static_assert(tcp_option::max_segment::name() == TCP_MAXSEG);
static_assert(tcp_option::cork::name() == TCP_CORK);
static_assert(tcp_option::keep_idle::name() == TCP_KEEPIDLE);
static_assert(tcp_option::keep_interval::name() == TCP_KEEPINTVL);
static_assert(tcp_option::keep_count::name() == TCP_KEEPCNT);
static_assert(tcp_option::syn_count::name() == TCP_SYNCNT);
static_assert(tcp_option::defer_accept::name() == TCP_DEFER_ACCEPT);
static_assert(tcp_option::window_clamp::name() == TCP_WINDOW_CLAMP);
static_assert(tcp_option::info<tcp_info>::name() == TCP_INFO);
static_assert(tcp_option::quick_ack::name() == TCP_QUICKACK);
static_assert(tcp_option::congestion::name() == TCP_CONGESTION);
static_assert(tcp_option::user_timeout::name() == TCP_USER_TIMEOUT);
static_assert(tcp_option::fast_open::name() == TCP_FASTOPEN);
static_assert(tcp_option::not_sent_low_watermark::name() == TCP_NOTSENT_LOWAT);
static_assert(tcp_option::fast_open_connect::name() == TCP_FASTOPEN_CONNECT);
static_assert(udp_option::cork::name() == UDP_CORK && udp_option::cork::level() == SOL_UDP);
static_assert(udp_option::segment_size::name() == UDP_SEGMENT);
static_assert(udp_option::receive_offload::name() == UDP_GRO);
#ifdef IP_BIND_ADDRESS_NO_PORT
static_assert(ip::bind_address_no_port::name() == IP_BIND_ADDRESS_NO_PORT);
#endif

TEST(IpOptions, KernelKeepsTcpOptions) {
    const raw_socket socket(v4);
    expect_kept(socket, tcp_option::no_delay(true), tcp_option::no_delay(false));
    expect_kept(socket, tcp_option::cork(true), tcp_option::cork(false));
    expect_kept(socket, tcp_option::quick_ack(true), tcp_option::quick_ack(false));
    expect_kept(socket, tcp_option::keep_idle(30), tcp_option::keep_idle(60));
    expect_kept(socket, tcp_option::keep_interval(5), tcp_option::keep_interval(10));
    expect_kept(socket, tcp_option::keep_count(3), tcp_option::keep_count(4));
    expect_kept(socket, tcp_option::syn_count(2), tcp_option::syn_count(3));
    expect_kept(socket, tcp_option::user_timeout(5000), tcp_option::user_timeout(0));
    expect_kept(socket, tcp_option::not_sent_low_watermark(16384), tcp_option::not_sent_low_watermark(65536));
    expect_kept(socket, tcp_option::defer_accept(1),
                tcp_option::defer_accept(3));  // the kernel rounds to 1, 3, 7, ... seconds
    expect_kept(socket, tcp_option::fast_open_connect(true), tcp_option::fast_open_connect(false));

    tcp_option::congestion algorithm;
    ASSERT_EQ(socket.get(algorithm), 0);
    EXPECT_FALSE(algorithm.value().empty());
    EXPECT_EQ(socket.set(tcp_option::congestion(algorithm.value())), 0);
    EXPECT_EQ(socket.set(tcp_option::congestion("no_such_thing")), ENOENT);

    tcp_option::info<tcp_info> info;
    ASSERT_EQ(socket.get(info), 0);
    EXPECT_EQ(info.value().tcpi_state, TCP_CLOSE);
}

TEST(IpOptions, KernelKeepsUdpOptions) {
    const raw_socket socket(v4, SOCK_DGRAM);
    expect_kept(socket, udp_option::cork(true), udp_option::cork(false));
    expect_kept(socket, udp_option::segment_size(1200), udp_option::segment_size(0));
    ASSERT_EQ(socket.set(udp_option::receive_offload(true)), 0);
}

TEST(IpOptions, ApplyToTheChosenFamily) {
    for (const auto& of: {v4, v6}) {
        const raw_socket socket(of, SOCK_DGRAM);
        if (socket.fd() < 0)
            GTEST_SKIP() << "this machine has no IPv6";
        expect_kept(socket, ip::unicast_hops(of, 8), ip::unicast_hops(of, 64));
        expect_kept(socket, ip::traffic_class(of, 0x28), ip::traffic_class(of, 0));
        expect_kept(socket, ip::mtu_discover(of, IP_PMTUDISC_DO), ip::mtu_discover(of, IP_PMTUDISC_DONT));
        expect_kept(socket, ip::receive_packet_info(of, true), ip::receive_packet_info(of, false));
        expect_kept(socket, ip::receive_traffic_class(of, true), ip::receive_traffic_class(of, false));
        expect_kept(socket, ip::receive_hops(of, true), ip::receive_hops(of, false));
        expect_kept(socket, ip::receive_errors(of, true), ip::receive_errors(of, false));
        expect_kept(socket, ip::free_bind(of, true), ip::free_bind(of, false));
        expect_kept(socket, ip::multicast::hops(of, 4), ip::multicast::hops(of, 1));
        expect_kept(socket, ip::multicast::enable_loopback(of, false),
                    ip::multicast::enable_loopback(of, true));
        expect_kept(socket, ip::bind_address_no_port(true), ip::bind_address_no_port(false));
    }
}

TEST(IpOptions, V6OnlyControlsDualStack) {
    const raw_socket socket(v6);
    if (socket.fd() < 0)
        GTEST_SKIP() << "this machine has no IPv6";
    expect_kept(socket, ip::v6_only(true), ip::v6_only(false));
    EXPECT_EQ(raw_socket(v4).set(ip::v6_only(true)), ENOPROTOOPT);
}

TEST(IpOptions, Ipv6DefaultsToDualStack) {
    io_context context;
    tcp::socket socket(context, tcp::v6());
    ip::v6_only only(true);
    socket.get_option(only);
    EXPECT_FALSE(only.value());
    socket.set_option(ip::v6_only(true));
    socket.get_option(only);
    EXPECT_TRUE(only.value());
    ip::unicast_hops hops(tcp::v6());
    socket.set_option(ip::unicast_hops(tcp::v6(), 9));
    socket.get_option(hops);
    EXPECT_EQ(hops.value(), 9);
}

}  // namespace
}  // namespace coil::test
