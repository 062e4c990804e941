// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#include <coil/net/options.hpp>

#include <coil/loop/io_context.hpp>
#include <coil/net/tcp.hpp>
#include <coil/net/udp.hpp>

#include <fcntl.h>
#include <gtest/gtest.h>

#include <net/if.h>
#include <netinet/tcp.h>
#include <netinet/udp.h>
#include <poll.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <climits>
#include <cstdint>
#include <cstring>
#include <type_traits>

using namespace coil;
using coil::ip::tcp_option;
using coil::ip::udp_option;

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
static_assert(socket_base::bind_to_device().size() == IFNAMSIZ);

static_assert(gettable_option<tcp_option::no_delay> && gettable_option<socket_base::linger>);
static_assert(gettable_option<tcp_option::congestion> && gettable_option<ip::unicast_hops>);
static_assert(settable_option<ip::multicast::join_group> && !gettable_option<ip::multicast::join_group>);
static_assert(settable_option<ip::multicast::outbound_interface>);
static_assert(!gettable_option<ip::multicast::outbound_interface>);
static_assert(!settable_option<int>);
static_assert(std::is_trivially_copyable_v<tcp_option::no_delay> &&
              sizeof(tcp_option::no_delay) == sizeof(int));
static_assert(!std::is_convertible_v<bool, tcp_option::no_delay>, "set_option(true) would mean nothing");

namespace {

/// The minimum that family_option requires of a protocol.
struct some_protocol {
    int number;
    constexpr int family() const { return number; }
};
constexpr some_protocol v4{AF_INET};
constexpr some_protocol v6{AF_INET6};

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

}  // namespace

// Regression: a duration that does not fit into an int was truncated. 30 days of user_timeout became
// negative, and a linger of 2^32 s became a reset.
TEST(Options, DurationsSaturateOnOverflow) {
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

TEST(Options, FlagsArePassedAsInt) {
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

TEST(Options, NamesArePaddedAndNeverTruncated) {
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

TEST(Options, StructuresMayBeShorterOnOldKernels) {
    struct three {
        int numbers[3];
    };
    option<SOL_SOCKET, 0, three> found(three{{1, 2, 3}});
    EXPECT_TRUE(found.resize(2 * sizeof(int)));
    EXPECT_EQ(found.value().numbers[1], 2);
    EXPECT_EQ(found.value().numbers[2], 0);
    EXPECT_FALSE(found.resize(4 * sizeof(int)));
}

TEST(Options, KernelKeepsSocketOptions) {
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

TEST(Options, BufferSizesComeBackDoubled) {
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

TEST(Options, LingerHasAFlagAndSeconds) {
    const raw_socket socket(v4);
    socket_base::linger found(true, 77);
    ASSERT_EQ(socket.get(found), 0);
    EXPECT_FALSE(found.enabled());
    ASSERT_EQ(socket.set(socket_base::linger(true, 30)), 0);
    ASSERT_EQ(socket.get(found), 0);
    EXPECT_TRUE(found.enabled());
    EXPECT_EQ(found.timeout(), 30);
}

TEST(Options, KernelKeepsTcpOptions) {
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

TEST(Options, KernelKeepsUdpOptions) {
    const raw_socket socket(v4, SOCK_DGRAM);
    expect_kept(socket, udp_option::cork(true), udp_option::cork(false));
    expect_kept(socket, udp_option::segment_size(1200), udp_option::segment_size(0));
    ASSERT_EQ(socket.set(udp_option::receive_offload(true)), 0);
}

TEST(Options, ApplyToTheChosenFamily) {
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

TEST(Options, V6OnlyControlsDualStack) {
    const raw_socket socket(v6);
    if (socket.fd() < 0)
        GTEST_SKIP() << "this machine has no IPv6";
    expect_kept(socket, ip::v6_only(true), ip::v6_only(false));
    EXPECT_EQ(raw_socket(v4).set(ip::v6_only(true)), ENOPROTOOPT);
}

TEST(Options, PeerCredentialsAreReadBack) {
    int fds[2];
    ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
    const raw_socket first(fds[0]);
    const raw_socket second(fds[1]);
    socket_base::peer_credentials peer;
    ASSERT_EQ(first.get(peer), 0);
    EXPECT_EQ(peer.value().pid, ::getpid());
    EXPECT_EQ(peer.value().uid, ::getuid());
}

TEST(Options, BindToDeviceIsReadBack) {
    const raw_socket socket(v4, SOCK_DGRAM);
    socket_base::bind_to_device device("none");
    ASSERT_EQ(socket.get(device), 0);
    EXPECT_EQ(device.value(), "");
    ASSERT_EQ(socket.set(socket_base::bind_to_device("lo")), 0);
    ASSERT_EQ(socket.get(device), 0);
    EXPECT_EQ(device.value(), "lo");
    EXPECT_EQ(socket.set(socket_base::bind_to_device("no_such_if")), ENODEV);
}

TEST(Options, GroupIsJoinedOnceAndLeftOnce) {
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

TEST(Options, GroupScopeSelectsTheInterface) {
    const raw_socket socket(v6, SOCK_DGRAM);
    if (socket.fd() < 0)
        GTEST_SKIP() << "this machine has no IPv6";
    const auto group = ip::make_address("ff02::1234");
    ASSERT_EQ(socket.set(ip::multicast::join_group(ip::make_address("ff02::1234%lo"))), 0);
    EXPECT_EQ(socket.set(ip::multicast::leave_group(group, if_nametoindex("lo"))), 0);
}

TEST(Options, MulticastReachesMembersOnTheInterface) {
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

TEST(Options, GroupIsJoinedForOneSource) {
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

TEST(Options, ReusePortLetsTwoSocketsShareAPort) {
    const raw_socket first(v4);
    const raw_socket second(v4);
    const raw_socket third(v4);
    ASSERT_EQ(first.set(socket_base::reuse_port(true)), 0);
    ASSERT_EQ(second.set(socket_base::reuse_port(true)), 0);
    ASSERT_EQ(first.bind(ip::endpoint(ip::address_v4::loopback(), 0)), 0);
    EXPECT_EQ(second.bind(first.name()), 0);
    EXPECT_EQ(third.bind(first.name()), EADDRINUSE);
}

TEST(Options, ConstantsMatchTheSystemHeaders) {
    EXPECT_EQ(static_cast<int>(socket_base::max_listen_connections), SOMAXCONN);
    EXPECT_EQ(static_cast<int>(socket_base::shutdown_receive), SHUT_RD);
    EXPECT_EQ(static_cast<int>(socket_base::shutdown_send), SHUT_WR);
    EXPECT_EQ(static_cast<int>(socket_base::shutdown_both), SHUT_RDWR);
}

// ---- through sockets --------------------------------------------------------------------------------------

using coil::ip::tcp;
using coil::ip::udp;

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

TEST(SocketOptions, AcceptDurations) {
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

TEST(SocketOptions, Ipv6DefaultsToDualStack) {
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

TEST(SocketOptions, FailureNamesTheOption) {
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

TEST(SocketOptions, ZeroWhatTheKernelDoesNotFill) {
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
