// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#include <coil/net/socket_options.hpp>

#include <fcntl.h>
#include <net/if.h>
#include <unistd.h>

#include <gtest/gtest.h>

#include <coil/loop/io_context.hpp>
#include <coil/net/tcp.hpp>
#include <coil/net/udp.hpp>

#include "net/raw_socket.hpp"

namespace coil::test {
namespace {

using ip::tcp;
using ip::udp;

static_assert(socket_base::bind_to_device().size() == IFNAMSIZ);

TEST(SocketOptions, KernelKeepsSocketOptions) {
    const raw_socket socket(v4);
    ASSERT_GE(socket.fd(), 0);
    expect_kept(socket, socket_base::reuse_address(true), socket_base::reuse_address(false));
    expect_kept(socket, socket_base::reuse_port(true), socket_base::reuse_port(false));
    expect_kept(socket, socket_base::keep_alive(true), socket_base::keep_alive(false));
    expect_kept(socket, socket_base::broadcast(true), socket_base::broadcast(false));
    expect_kept(socket, socket_base::do_not_route(true), socket_base::do_not_route(false));
    expect_kept(socket, socket_base::out_of_band_inline(true), socket_base::out_of_band_inline(false));
    expect_kept(socket, socket_base::zero_copy(true), socket_base::zero_copy(false));
    expect_kept(socket, socket_base::priority(3), socket_base::priority(0));
    expect_kept(socket, socket_base::receive_low_watermark(100), socket_base::receive_low_watermark(1));
    expect_kept(socket, socket_base::max_pacing_rate(1000000u), socket_base::max_pacing_rate(2000000u));
    expect_kept(socket, socket_base::incoming_cpu(0), socket_base::incoming_cpu(1));
    expect_kept(socket, socket_base::timestamping(16),
                socket_base::timestamping(0));  // SOF_TIMESTAMPING_SOFTWARE

    socket_base::pending_error error(1);
    ASSERT_EQ(socket.get(error), 0);
    EXPECT_EQ(error.value(), 0);
}

TEST(SocketOptions, BufferSizesComeBackDoubled) {
    const raw_socket socket(v4);
    ASSERT_EQ(socket.set(socket_base::receive_buffer_size(16384)), 0);
    ASSERT_EQ(socket.set(socket_base::send_buffer_size(8192)), 0);
    socket_base::receive_buffer_size receive;
    socket_base::send_buffer_size send;
    ASSERT_EQ(socket.get(receive), 0);
    ASSERT_EQ(socket.get(send), 0);
    EXPECT_EQ(receive.value(), 32768);
    EXPECT_EQ(send.value(), 16384);
}

TEST(SocketOptions, LingerHasAFlagAndSeconds) {
    const raw_socket socket(v4);
    socket_base::linger found(true, 77);
    ASSERT_EQ(socket.get(found), 0);
    EXPECT_FALSE(found.enabled());
    ASSERT_EQ(socket.set(socket_base::linger(true, 30)), 0);
    ASSERT_EQ(socket.get(found), 0);
    EXPECT_TRUE(found.enabled());
    EXPECT_EQ(found.timeout(), 30);
}

TEST(SocketOptions, PeerCredentialsAreReadBack) {
    int fds[2];
    ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
    const raw_socket first(fds[0]);
    const raw_socket second(fds[1]);
    socket_base::peer_credentials peer;
    ASSERT_EQ(first.get(peer), 0);
    EXPECT_EQ(peer.value().pid, ::getpid());
    EXPECT_EQ(peer.value().uid, ::getuid());
}

TEST(SocketOptions, BindToDeviceIsReadBack) {
    const raw_socket socket(v4, SOCK_DGRAM);
    socket_base::bind_to_device device("none");
    ASSERT_EQ(socket.get(device), 0);
    EXPECT_EQ(device.value(), "");
    ASSERT_EQ(socket.set(socket_base::bind_to_device("lo")), 0);
    ASSERT_EQ(socket.get(device), 0);
    EXPECT_EQ(device.value(), "lo");
    EXPECT_EQ(socket.set(socket_base::bind_to_device("no_such_if")), ENODEV);
}

TEST(SocketOptions, ReusePortLetsTwoSocketsShareAPort) {
    const raw_socket first(v4);
    const raw_socket second(v4);
    const raw_socket third(v4);
    ASSERT_EQ(first.set(socket_base::reuse_port(true)), 0);
    ASSERT_EQ(second.set(socket_base::reuse_port(true)), 0);
    ASSERT_EQ(first.bind(ip::endpoint(ip::address_v4::loopback(), 0)), 0);
    EXPECT_EQ(second.bind(first.name()), 0);
    EXPECT_EQ(third.bind(first.name()), EADDRINUSE);
}

TEST(SocketOptions, ConstantsMatchTheSystemHeaders) {
    EXPECT_EQ(static_cast<int>(socket_base::max_listen_connections), SOMAXCONN);
    EXPECT_EQ(static_cast<int>(socket_base::shutdown_receive), SHUT_RD);
    EXPECT_EQ(static_cast<int>(socket_base::shutdown_send), SHUT_WR);
    EXPECT_EQ(static_cast<int>(socket_base::shutdown_both), SHUT_RDWR);
}

TEST(SocketOptions, AreReadBackAsSet) {
    io_context context;
    tcp::socket socket(context, tcp::v4());
    for (const bool on: {true, false}) {
        socket.set_option(tcp::no_delay(on));
        tcp::no_delay no_delay;
        socket.get_option(no_delay);
        EXPECT_EQ(no_delay.value(), on);
        socket.set_option(socket_base::keep_alive(on));
        socket_base::keep_alive keep_alive;
        socket.get_option(keep_alive);
        EXPECT_EQ(static_cast<bool>(keep_alive), on);
    }
    socket.set_option(tcp::keep_idle(77));
    tcp::keep_idle idle;
    socket.get_option(idle);
    EXPECT_EQ(idle.value(), 77);
    socket.set_option(socket_base::linger(true, 7));
    socket_base::linger linger;
    socket.get_option(linger);
    EXPECT_TRUE(linger.enabled());
    EXPECT_EQ(linger.timeout(), 7);
    socket.set_option(socket_base::linger(false, 0));
    socket.set_option(tcp::congestion("reno"));
    tcp::congestion congestion;
    socket.get_option(congestion);
    EXPECT_EQ(congestion.value(), "reno");
}

TEST(SocketOptions, SettingABufferSizeReturnsTheGrant) {
    io_context context;
    udp::socket socket(context, udp::v4());
    EXPECT_EQ(socket.set_option(socket_base::receive_buffer_size(16384)), 32768);
    EXPECT_EQ(socket.set_option(socket_base::send_buffer_size(8192)), 16384);
    const int most = socket.set_option(socket_base::receive_buffer_size(1 << 30));
    socket_base::receive_buffer_size size;
    socket.get_option(size);
    EXPECT_EQ(most, size.value());
    EXPECT_GE(most, 32768);
}

TEST(SocketOptions, DefaultToCloseOnExecAndBlocking) {
    io_context context;
    tcp::socket socket(context, tcp::v4());
    EXPECT_TRUE(socket.close_on_exec());
    EXPECT_FALSE(socket.native_non_blocking());
    socket.close_on_exec(false);
    socket.native_non_blocking(true);
    EXPECT_EQ(::fcntl(socket.native_handle(), F_GETFD) & FD_CLOEXEC, 0);
    EXPECT_NE(::fcntl(socket.native_handle(), F_GETFL) & O_NONBLOCK, 0);
    EXPECT_FALSE(socket.close_on_exec());
    EXPECT_TRUE(socket.native_non_blocking());
    socket.close_on_exec(true);
    socket.native_non_blocking(false);
    EXPECT_TRUE(socket.close_on_exec());
    EXPECT_FALSE(socket.native_non_blocking());
    // A program that gets the socket as its stdin expects this.
    EXPECT_EQ(::fcntl(socket.native_handle(), F_GETFL) & O_NONBLOCK, 0);
    socket.close();
    try {
        static_cast<void>(socket.close_on_exec());
        ADD_FAILURE() << "no error for a closed socket";
    } catch (const std::system_error& error) {
        EXPECT_EQ(error.code(), error::bad_descriptor);
    }
}

TEST(SocketOptions, AcceptorSetsReuseAddressNotNoDelay) {
    io_context context;
    const tcp::acceptor acceptor(context, {tcp::v4(), 0});
    socket_base::reuse_address reuse;
    acceptor.get_option(reuse);
    EXPECT_TRUE(reuse.value());
    tcp::no_delay no_delay(true);
    acceptor.get_option(no_delay);
    EXPECT_FALSE(no_delay.value());
}

TEST(SocketOptions, WorkOnDatagramSockets) {
    io_context context;
    udp::socket socket(context, udp::v4());
    socket.set_option(socket_base::broadcast(true));
    socket_base::broadcast broadcast;
    socket.get_option(broadcast);
    EXPECT_TRUE(broadcast.value());
    socket.set_option(udp::segment_size(1200));
    udp::segment_size segment;
    socket.get_option(segment);
    EXPECT_EQ(segment.value(), 1200);
    socket.set_option(socket_base::receive_buffer_size(32768));
    socket_base::receive_buffer_size size;
    socket.get_option(size);
    EXPECT_EQ(size.value(), 2 * 32768);
}

}  // namespace
}  // namespace coil::test
