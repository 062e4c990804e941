// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT

// The text of a kernel error names its usual cause. "accept: Invalid argument" alone does not hint at
// a missing listen().

#include "base/usual_cause.hpp"

#include <array>
#include <cerrno>
#include <set>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <coil/algo/read.hpp>
#include <coil/algo/timeout.hpp>
#include <coil/net/generic.hpp>
#include <coil/net/local.hpp>
#include <coil/net/tcp.hpp>
#include <coil/net/udp.hpp>

#include "support/real_context.hpp"

namespace coil::test {
namespace {

using namespace std::chrono_literals;

const ip::address_v4 loopback = ip::address_v4::loopback();

class UsualCause : public testing::Test {
protected:
    /// Expects a story to fail with this error, and with a text that contains `words`.
    template <class Story>
    void expect(std::errc error, const std::string& words, Story story) {
        context.run([&]() -> task<> {
            try {
                co_await story();
                ADD_FAILURE() << "no error: " << words;
            } catch (const std::system_error& failure) {
                EXPECT_EQ(failure.code(), error) << failure.what();
                EXPECT_NE(std::string(failure.what()).find(words), std::string::npos)
                    << "no \"" << words << "\" in: " << failure.what();
            }
        });
    }
    /// Expects a plain call to fail with this error, and with a text that contains `words`.
    template <class Call>
    void expect_of_call(std::errc error, const std::string& words, Call call) {
        expect(error, words, [&]() -> task<> {
            call();
            co_return;
        });
    }

    real_context context;
    std::array<char, 16> bytes{};
};

TEST_F(UsualCause, NamesAMissingListen) {
    tcp::acceptor acceptor(context.io());
    acceptor.open(tcp::v4());
    acceptor.bind({loopback, 0});
    expect(std::errc::invalid_argument,
           "accept (the acceptor does not listen: call listen() before accept())",
           [&]() -> task<> { static_cast<void>(co_await acceptor.accept()); });
}

TEST_F(UsualCause, NamesAClosedSocket) {
    tcp::socket unopened(context.io());
    expect(std::errc::bad_file_descriptor, "recv (it is not open: closed, moved from or never opened",
           [&]() -> task<> { static_cast<void>(co_await unopened.recv(bytes)); });
    tcp::socket without_context;
    expect(std::errc::bad_file_descriptor, "or without an io_context)",
           [&]() -> task<> { static_cast<void>(co_await without_context.recv(bytes)); });
    expect(std::errc::bad_file_descriptor, "(it is not open",
           [&]() -> task<> { static_cast<void>(co_await coil::read(unopened, bytes)); });
    expect_of_call(std::errc::bad_file_descriptor, "listen (it is not open",
                   [&] { tcp::acceptor(context.io()).listen(); });
}

TEST_F(UsualCause, ExplainsBind) {
    tcp::acceptor first(context.io(), {loopback, 0});
    expect_of_call(std::errc::address_in_use, "(another socket has this port: stop its program", [&] {
        tcp::acceptor second(context.io());
        second.open(tcp::v4());
        second.bind(first.local_endpoint());
    });
    udp::socket datagrams(context.io());
    datagrams.open(udp::v4());
    expect_of_call(std::errc::address_not_available, "(no interface of this machine has this address)",
                   [&] { datagrams.bind({ip::address_v4({192, 0, 2, 1}), 0}); });
    expect_of_call(std::errc::address_family_not_supported,
                   "(the socket is of another address family: open() it with the endpoint's protocol)",
                   [&] { datagrams.bind({ip::address_v6::loopback(), 0}); });
    datagrams.bind({loopback, 0});
    expect_of_call(std::errc::invalid_argument, "(the socket is bound already",
                   [&] { datagrams.bind({loopback, 0}); });
}

TEST_F(UsualCause, ExplainsBindToALocalName) {
    local::stream_protocol::acceptor first(context.io());
    first.open();
    const auto name =
        local::stream_protocol::endpoint::abstract("coil-usual-cause-" + std::to_string(::getpid()));
    first.bind(name);
    expect_of_call(std::errc::address_in_use, "(the socket file exists; remove it if no server uses it)",
                   [&] {
                       local::stream_protocol::acceptor second(context.io());
                       second.open();
                       second.bind(name);
                   });
}

TEST_F(UsualCause, ExplainsConnect) {
    udp::socket datagrams(context.io());
    datagrams.open(udp::v4());
    expect(std::errc::address_family_not_supported, "(the socket is of another address family",
           [&]() -> task<> { co_await datagrams.connect({ip::address_v6::loopback(), 9}); });
    expect(std::errc::permission_denied, "(a broadcast address needs the option broadcast",
           [&]() -> task<> { co_await datagrams.connect({ip::address_v4({127, 255, 255, 255}), 9}); });
    local::stream_protocol::socket client(context.io());
    expect(std::errc::no_such_file_or_directory, "(no such socket file: the server is not running)",
           [&]() -> task<> { co_await client.connect("/nonexistent/coil.sock"); });
    auto [connected, peer] = context.connection();
    tcp::acceptor acceptor(context.io(), {loopback, 0});
    expect(std::errc::already_connected, "(the socket is connected already",
           [&]() -> task<> { co_await connected.connect(acceptor.local_endpoint()); });
}

TEST_F(UsualCause, ExplainsDatagrams) {
    udp::socket datagrams(context.io());
    datagrams.open(udp::v4());
    const udp::endpoint broadcast(ip::address_v4({127, 255, 255, 255}), 9);
    const udp::endpoint no_port(loopback, 0);
    const udp::endpoint v6(ip::address_v6::loopback(), 9);
    const std::vector<char> large(65508);
    udp::socket receiver(context.io(), {loopback, 0});
    expect(std::errc::destination_address_required, "send (the datagram has no receiver: use sendto()",
           [&]() -> task<> { static_cast<void>(co_await datagrams.send(bytes)); });
    expect(std::errc::permission_denied, "(a broadcast address needs the option broadcast",
           [&]() -> task<> { static_cast<void>(co_await datagrams.sendto(bytes, broadcast)); });
    expect(std::errc::invalid_argument, "is its port 0?)",
           [&]() -> task<> { static_cast<void>(co_await datagrams.sendto(bytes, no_port)); });
    expect(std::errc::address_family_not_supported, "(the socket is of another address family",
           [&]() -> task<> { static_cast<void>(co_await datagrams.sendto(bytes, v6)); });
    expect(
        std::errc::message_size, "(the datagram is larger than the protocol or the path takes",
        [&]() -> task<> { static_cast<void>(co_await datagrams.sendto(large, receiver.local_endpoint())); });
}

TEST_F(UsualCause, NamesAMissingConnect) {
    tcp::socket unconnected(context.io(), tcp::v4());
    const std::string words = "(the socket is not connected: connect() or accept() first)";
    expect(std::errc::not_connected, "recv " + words,
           [&]() -> task<> { static_cast<void>(co_await unconnected.recv(bytes)); });
    expect(std::errc::not_connected, words,
           [&]() -> task<> { static_cast<void>(co_await timeout(unconnected.recv(bytes), 1s)); });
    expect(std::errc::not_connected, "shutdown " + words,
           [&]() -> task<> { co_await unconnected.shutdown(tcp::socket::shutdown_both); });
    expect_of_call(std::errc::not_connected, "remote_endpoint " + words,
                   [&] { static_cast<void>(unconnected.remote_endpoint()); });
}

TEST_F(UsualCause, ExplainsSocketCalls) {
    expect_of_call(std::errc::protocol_not_supported, "(the kernel does not have this protocol", [&] {
        generic::stream_protocol::socket(context.io(), generic::stream_protocol(AF_INET, IPPROTO_UDP + 200));
    });
    expect_of_call(std::errc::address_family_not_supported,
                   "socket (the kernel does not have this address family",
                   [&] { generic::stream_protocol::socket(context.io(), generic::stream_protocol(255, 0)); });
    udp::socket datagrams(context.io(), udp::v4());
    expect_of_call(std::errc::no_protocol_option, "(a socket of this kind does not have this option)",
                   [&] { datagrams.set_option(tcp::no_delay(true)); });
    int ends[2];
    ASSERT_EQ(::pipe(ends), 0);
    ::close(ends[1]);
    tcp::socket wrapped(context.io());
    wrapped.assign(tcp::v4(), ends[0]);
    expect(std::errc::not_a_socket, "(the descriptor is not a socket: use a posix::stream_descriptor)",
           [&]() -> task<> { static_cast<void>(co_await wrapped.recv(bytes)); });
}

/// Prevents the process from opening a further descriptor during its lifetime.
class descriptor_limit {
public:
    descriptor_limit() {
        EXPECT_EQ(::getrlimit(RLIMIT_NOFILE, &former_), 0);
        const int next = ::dup(0);
        ::close(next);
        rlimit tight = former_;
        tight.rlim_cur = static_cast<rlim_t>(next);
        EXPECT_EQ(::setrlimit(RLIMIT_NOFILE, &tight), 0);
    }
    ~descriptor_limit() { EXPECT_EQ(::setrlimit(RLIMIT_NOFILE, &former_), 0); }

private:
    rlimit former_;
};

TEST_F(UsualCause, NamesTheDescriptorLimit) {
    expect_of_call(std::errc::too_many_files_open, "RLIMIT_NOFILE allows: see ulimit -n)", [&] {
        const descriptor_limit none_left;
        tcp::socket(context.io(), tcp::v4());
    });
}

// Rows that a test cannot provoke everywhere: they need a user without capabilities, or a machine without a
// network.
TEST_F(UsualCause, CoversErrnosThatTestsCannotProvoke) {
    const auto has = [](const char* text, const char* words) {
        return std::string(text).find(words) != std::string::npos;
    };
    EXPECT_TRUE(has(usual_cause("bind", EACCES, {AF_INET, 80, 0, 0}), "CAP_NET_BIND_SERVICE"));
    EXPECT_FALSE(has(usual_cause("bind", EACCES, {AF_INET, 8080, 0, 0}), "CAP_NET_BIND_SERVICE"));
    EXPECT_TRUE(has(usual_cause("listen", EADDRINUSE), "another socket listens"));
    EXPECT_TRUE(has(usual_cause("listen", EOPNOTSUPP), "only stream and seq_packet sockets"));
    EXPECT_TRUE(has(usual_cause("connect", EADDRNOTAVAIL), "no local port is free"));
    EXPECT_TRUE(has(usual_cause("connect", ENETUNREACH), "no route"));
    EXPECT_TRUE(has(usual_cause("connect", EHOSTUNREACH), "no route"));
    EXPECT_TRUE(has(usual_cause("socket", ENFILE), "fs.file-max"));
    EXPECT_TRUE(has(usual_cause("socket", EPROTONOSUPPORT, {AF_INET, -1, SOCK_DGRAM, IPPROTO_ICMP}), "ICMP"));
    EXPECT_TRUE(has(usual_cause("socket", EPERM, {AF_INET, -1, SOCK_RAW, IPPROTO_ICMP}), "CAP_NET_RAW"));
    EXPECT_TRUE(has(usual_cause("socket", EPERM, {AF_INET, -1, SOCK_RAW, 0}), "CAP_NET_RAW"));
    EXPECT_TRUE(
        has(usual_cause("socket", EACCES, {AF_INET, -1, SOCK_DGRAM, IPPROTO_ICMP}), "ping_group_range"));
    EXPECT_TRUE(has(usual_cause("getsockopt", ENOPROTOOPT), "does not have this option"));
}

TEST_F(UsualCause, IsEmptyIfUnknown) {
    EXPECT_STREQ(usual_cause("recv", EINVAL), "");
    EXPECT_STREQ(usual_cause("recv", ECONNRESET), "");
    EXPECT_STREQ(usual_cause("connect", ECONNREFUSED), "");
}

}  // namespace
}  // namespace coil::test
