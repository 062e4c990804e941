// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT

// Sockets of any family, on the real kernel.

#include <array>
#include <chrono>
#include <cstring>
#include <string>

#include <gtest/gtest.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>

#include <coil/algo/timeout.hpp>
#include <coil/algo/write.hpp>
#include <coil/net/generic.hpp>
#include <coil/net/local.hpp>

#include "net/connected.hpp"

namespace coil::test {
namespace {

using namespace std::chrono_literals;

generic::endpoint the_kernel() {
    sockaddr_nl address{};
    address.nl_family = AF_NETLINK;
    return {&address, sizeof address};
}

TEST(GenericSocket, ListsInterfacesOverNetlink) {
    real_context context;
    context.run([&]() -> task<> {
        generic::raw_protocol::socket socket(context.io(), generic::raw_protocol(AF_NETLINK, NETLINK_ROUTE));
        struct {
            nlmsghdr head;
            ifinfomsg what;
        } request{};
        request.head.nlmsg_len = sizeof request;
        request.head.nlmsg_type = RTM_GETLINK;
        request.head.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
        EXPECT_EQ(co_await socket.sendto(const_buffer(&request, sizeof request), the_kernel()),
                  sizeof request);
        std::array<char, 32768> bytes;
        auto [size, truncated, from] = co_await timeout(socket.recvfrom(bytes), 5s);
        EXPECT_FALSE(truncated);
        EXPECT_EQ(from, the_kernel());
        nlmsghdr head;
        CO_ASSERT_GE(size, sizeof head);
        std::memcpy(&head, bytes.data(), sizeof head);
        EXPECT_EQ(head.nlmsg_type, RTM_NEWLINK);
        EXPECT_NE(std::string(bytes.data(), size).find("lo"), std::string::npos);
        EXPECT_EQ(socket.local_endpoint().family(), AF_NETLINK);
    });
}

TEST(GenericSocket, ConnectsOverTcp) {
    real_context context;
    context.run([&]() -> task<> {
        tcp::acceptor acceptor(context, {ip::address_v4::loopback(), 0});
        generic::stream_protocol::socket client(context.io());
        const generic::stream_protocol::endpoint server{generic::endpoint(acceptor.local_endpoint())};
        co_await client.connect(server);
        EXPECT_EQ(client.remote_endpoint(), server);
        tcp::socket peer = co_await acceptor.accept();
        co_await coil::write(peer, "hello");
        std::array<char, 10> bytes;
        EXPECT_EQ(co_await client.recv(bytes), 5u);
    });
}

TEST(GenericSocket, AcceptsUnixStreams) {
    real_context context;
    context.run([&]() -> task<> {
        const generic::stream_protocol unix_streams(AF_UNIX, 0);
        const auto name = local::endpoint::abstract("coil generic test " + std::to_string(::getpid()));
        generic::stream_protocol::acceptor acceptor(context.io());
        acceptor.open(unix_streams);
        acceptor.bind(generic::stream_protocol::endpoint(generic::endpoint(name)));
        acceptor.listen();
        local::stream_protocol::socket client(context.io());
        co_await client.connect(local::stream_protocol::endpoint(name));
        generic::stream_protocol::socket peer = co_await acceptor.accept();
        EXPECT_EQ(peer.local_endpoint(), generic::endpoint(name));
        EXPECT_EQ(peer.local_endpoint().to_string(), name.to_string());
    });
}

TEST(GenericSocket, WaitsForRoomOnUnixDatagrams) {
    real_context context;
    context.run([&]() -> task<> {
        const generic::datagram_protocol unix_datagrams(AF_UNIX, 0);
        const auto name = local::endpoint::abstract("coil generic datagrams " + std::to_string(::getpid()));
        local::datagram_protocol::socket receiver(context.io(), local::datagram_protocol::endpoint(name));
        generic::datagram_protocol::socket sender(context.io(), unix_datagrams);
        auto sending = co_spawn(
            context.io(),
            [](generic::datagram_protocol::socket& from, generic::endpoint to) -> task<> {
                for (int i = 0; i < 100; ++i)
                    co_await from.sendto("hello", to);
            },
            std::ref(sender), generic::endpoint(name));
        co_await let_others_run(50);
        std::array<char, 10> bytes;
        for (int i = 0; i < 100; ++i)
            EXPECT_EQ((co_await receiver.recvfrom(bytes)).size, 5u);
        co_await sending.join();
    });
}

TEST(GenericSocket, FailsIfTheFamilyIsUnsupported) {
    io_context context;
    generic::stream_protocol::socket socket(context);
    try {
        socket.open(generic::stream_protocol(AF_APPLETALK, 0));
        ADD_FAILURE() << "opened";
    } catch (const std::system_error& error) {
        EXPECT_EQ(error.code(), std::errc::address_family_not_supported);
    }
}

}  // namespace
}  // namespace coil::test
