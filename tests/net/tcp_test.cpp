// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#include <coil/net/tcp.hpp>

#include <array>
#include <functional>
#include <string>
#include <string_view>
#include <type_traits>

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <coil/algo/read.hpp>
#include <coil/algo/timeout.hpp>
#include <coil/algo/write.hpp>

#include "net/connected.hpp"

namespace coil::test {
namespace {

using namespace std::chrono_literals;

static_assert(!std::is_copy_constructible_v<tcp::socket> &&
              std::is_nothrow_move_constructible_v<tcp::socket>);
static_assert(!std::is_copy_constructible_v<tcp::acceptor> &&
              std::is_nothrow_move_assignable_v<tcp::acceptor>);
static_assert(sizeof(tcp::socket) <= 2 * sizeof(void*), "a handle is a context and a record");

class Tcp : public on_both_families {};

// ---- accept and connect -----------------------------------------------------------------------------------

TEST_P(Tcp, BothEndsReportTheirEndpoints) {
    run([&]() -> task<> {
        tcp::acceptor acceptor(context(), {loopback(), 0});
        tcp::socket client(context());
        EXPECT_FALSE(client.is_open());
        EXPECT_EQ(client.native_handle(), -1);
        co_await client.connect(acceptor.local_endpoint());
        EXPECT_TRUE(client.is_open());
        tcp::endpoint peer;
        auto server = co_await acceptor.accept(peer);
        EXPECT_EQ(peer, client.local_endpoint());
        EXPECT_EQ(server.remote_endpoint(), client.local_endpoint());
        EXPECT_EQ(client.remote_endpoint(), server.local_endpoint());
        EXPECT_EQ(client.remote_endpoint(), acceptor.local_endpoint());
        EXPECT_EQ(client.remote_endpoint().address(), loopback());
        EXPECT_EQ(&server.context(), &context());
        EXPECT_EQ(&client.context(), &context());
    });
}

TEST_P(Tcp, KnowsAnAcceptedPeerAfterItsReset) {
    run([&]() -> task<> {
        tcp::acceptor acceptor(context(), {loopback(), 0});
        tcp::socket client(context());
        co_await client.connect(acceptor.local_endpoint());
        const auto address = client.local_endpoint();
        client.set_option(socket_base::linger(true, 0));
        client.close();
        tcp::endpoint peer;
        auto server = co_await acceptor.accept(peer);
        EXPECT_EQ(peer, address);
        EXPECT_EQ(server.remote_endpoint(), address);  // getpeername(2) would fail with ENOTCONN
        std::array<char, 1> buffer;
        auto [ec, n] = co_await as_tuple(server.recv(buffer));
        EXPECT_EQ(ec, error::connection_reset);
    });
}

TEST_P(Tcp, ErrorsNameTheOperationAndThePeer) {
    run([&]() -> task<> {
        auto both = co_await connect_ends(context(), loopback());
        const std::string peer = both.near.remote_endpoint().to_string();
        both.far.set_option(socket_base::linger(true, 0));
        both.far.close();
        std::array<char, 1> buffer;
        try {
            co_await both.near.recv(buffer);
            ADD_FAILURE() << "no error";
        } catch (const transfer_error& failure) {
            const std::string_view text = failure.what();
            EXPECT_EQ(failure.code(), error::connection_reset);
            EXPECT_NE(text.find("recv"), std::string_view::npos) << text;
            EXPECT_NE(text.find(peer), std::string_view::npos) << text;
        }
    });
}

TEST_P(Tcp, ErrorsNameThePeerOfAClosedSocket) {
    run([&]() -> task<> {
        const auto text_of = [](tcp::socket& socket) -> task<std::string> {
            std::array<char, 1> buffer;
            try {
                co_await socket.recv(buffer);
            } catch (const transfer_error& failure) {
                co_return failure.what();
            }
            co_return "no error";
        };
        for (const bool reset: {true, false}) {
            auto both = co_await connect_ends(context(), loopback());
            const std::string peer = both.near.local_endpoint().to_string();
            auto reading = co_spawn(context(), text_of, std::ref(both.far));
            co_await let_others_run();
            if (reset) {
                both.near.set_option(socket_base::linger(true, 0));
                both.near.close();
            } else {
                both.far.close();
            }
            const std::string text = co_await reading.join();
            EXPECT_NE(text.find(peer), std::string::npos) << text;
        }
    });
}

/// A port of the loopback interface on which no socket listens.
tcp::endpoint closed_port(io_context& context, const ip::address& address) {
    tcp::socket bound(context, tcp::endpoint(address, 0));
    return bound.local_endpoint();
}

TEST_P(Tcp, RefusedConnectNamesTheEndpoint) {
    run([&]() -> task<> {
        const auto refusing = closed_port(context(), loopback());
        tcp::socket client(context());
        try {
            co_await client.connect(refusing);
            ADD_FAILURE() << "no error";
        } catch (const std::system_error& failure) {
            EXPECT_EQ(failure.code(), error::connection_refused);
            EXPECT_NE(std::string_view(failure.what()).find("connect to " + refusing.to_string()),
                      std::string_view::npos)
                << failure.what();
        }
        EXPECT_FALSE(client.is_open());
    });
}

TEST_P(Tcp, ReconnectsAfterRefusalCloseAndReset) {
    run([&]() -> task<> {
        tcp::acceptor acceptor(context(), {loopback(), 0});
        tcp::socket client(context());
        std::array<char, 1> buffer;
        for (int round = 0; round < 3; ++round) {
            auto [ec] = co_await as_tuple(client.connect(closed_port(context(), loopback())));
            EXPECT_EQ(ec, error::connection_refused);

            co_await client.connect(acceptor.local_endpoint());
            auto server = co_await acceptor.accept();
            co_await server.send("x");
            EXPECT_EQ(co_await client.recv(buffer), 1u);
            client.close();

            co_await client.connect(acceptor.local_endpoint());
            auto again = co_await acceptor.accept();
            again.set_option(socket_base::linger(true, 0));
            again.close();
            auto [reset, n] = co_await as_tuple(client.recv(buffer));
            EXPECT_EQ(reset, error::connection_reset);
            client.close();
        }
    });
}

TEST_P(Tcp, SecondConnectFailsAndChangesNothing) {
    run([&]() -> task<> {
        auto both = co_await connect_ends(context(), loopback());
        auto [ec] = co_await as_tuple(both.near.connect(tcp::endpoint(loopback(), 1)));
        EXPECT_EQ(ec, std::errc::already_connected);
        EXPECT_TRUE(both.near.is_open());
        co_await both.far.send("x");
        std::array<char, 1> buffer;
        EXPECT_EQ(co_await both.near.recv(buffer), 1u);
    });
}

TEST_P(Tcp, ConnectKeepsABoundAddress) {
    run([&]() -> task<> {
        tcp::acceptor acceptor(context(), {loopback(), 0});
        tcp::socket client(context(), tcp::endpoint(loopback(), 0));
        const auto local = client.local_endpoint();
        EXPECT_NE(local.port(), 0);
        co_await client.connect(acceptor.local_endpoint());
        EXPECT_EQ(client.local_endpoint(), local);
        auto server = co_await acceptor.accept();
        EXPECT_EQ(server.remote_endpoint(), local);
    });
}

// The backlog is full, so a further connect waits until it is cancelled.
TEST_P(Tcp, CancelledConnectClosesItsSocket) {
    run([&]() -> task<> {
        tcp::acceptor acceptor(context());
        acceptor.open(tcp_version());
        acceptor.bind({loopback(), 0});
        acceptor.listen(0);
        tcp::socket first(context());
        co_await first.connect(acceptor.local_endpoint());

        tcp::socket second(context());
        auto [timed_out] = co_await as_tuple(timeout(second.connect(acceptor.local_endpoint()), 1ms));
        EXPECT_EQ(timed_out, error::timed_out);
        EXPECT_FALSE(second.is_open());

        std::error_code cancelled;
        auto connecting = co_spawn(context(), [&]() -> task<> {
            auto [ec] = co_await as_tuple(second.connect(acceptor.local_endpoint()));
            cancelled = ec;
        });
        co_await let_others_run();
        second.cancel();
        co_await connecting.join();
        EXPECT_EQ(cancelled, error::operation_aborted);
        EXPECT_FALSE(second.is_open());

        auto closing = co_spawn(context(), [&]() -> task<> {
            auto [ec] = co_await as_tuple(second.connect(acceptor.local_endpoint()));
            cancelled = ec;
        });
        co_await let_others_run();
        EXPECT_TRUE(second.is_open());
        second.close();
        EXPECT_FALSE(second.is_open());
        co_await closing.join();
        EXPECT_EQ(cancelled, error::operation_aborted);

        acceptor.close();
        tcp::acceptor another(context(), {loopback(), 0});
        co_await second.connect(another.local_endpoint());
        auto server = co_await another.accept();
        EXPECT_EQ(server.remote_endpoint(), second.local_endpoint());
    });
}

// ---- flags ------------------------------------------------------------------------------------------------

TEST_P(Tcp, PeekLeavesTheBytes) {
    run([&]() -> task<> {
        auto both = co_await connect_ends(context(), loopback());
        co_await both.far.send("abc");
        std::array<char, 3> buffer{};
        for (int i = 0; i < 2; ++i) {
            EXPECT_EQ(co_await both.near.recv(buffer, message_flags::peek), 3u);
            EXPECT_EQ(std::string_view(buffer.data(), 3), "abc");
            buffer.fill('?');
        }
        EXPECT_EQ(co_await both.near.recv(buffer), 3u);
        EXPECT_EQ(std::string_view(buffer.data(), 3), "abc");
        auto [ec, n] = co_await as_tuple(both.near.recv(buffer, message_flags::dont_wait));
        EXPECT_EQ(ec, error::would_block);
    });
}

TEST_P(Tcp, DontWaitFailsIfItWouldBlock) {
    run([&]() -> task<> {
        auto both = co_await connect_ends(context(), loopback());
        std::array<char, 3> buffer;
        auto [ec, n] = co_await as_tuple(both.near.recv(buffer, message_flags::dont_wait));
        EXPECT_EQ(ec, error::would_block);
        EXPECT_EQ(ec, std::errc::resource_unavailable_try_again);
        EXPECT_EQ(n, 0u);
        std::error_code full;
        while (!full) {
            auto [send_ec, taken] = co_await as_tuple(both.near.send(too_much(), message_flags::dont_wait));
            full = send_ec;
        }
        EXPECT_EQ(full, error::would_block);
    });
}

TEST_P(Tcp, CancelledWaitAllReturnsPartialBytes) {
    run([&]() -> task<> {
        auto both = co_await connect_ends(context(), loopback());
        std::array<char, 6> buffer{};
        auto reader = co_spawn(context(), [&]() -> task<> {
            EXPECT_EQ(co_await both.near.recv(buffer, message_flags::wait_all), 6u);
        });
        co_await both.far.send("abc");
        co_await let_others_run(10);
        EXPECT_FALSE(reader.done());
        co_await both.far.send("def");
        co_await reader.join();
        EXPECT_EQ(std::string_view(buffer.data(), 6), "abcdef");

        auto cancelled = co_spawn(context(), [&]() -> task<> {
            auto [ec, n] = co_await as_tuple(both.near.recv(buffer, message_flags::wait_all));
            EXPECT_FALSE(ec) << ec.message();
            EXPECT_EQ(n, 4u);
        });
        co_await both.far.send("ghij");
        co_await let_others_run(10);
        cancelled.request_stop();
        co_await cancelled.join();
        EXPECT_EQ(std::string_view(buffer.data(), 4), "ghij");
    });
}

TEST_P(Tcp, UrgentDataIsReceivedSeparately) {
    run([&]() -> task<> {
        auto both = co_await connect_ends(context(), loopback());
        co_await both.far.send("a");
        co_await both.far.send("!", message_flags::out_of_band);
        co_await both.far.send("b");
        char byte[1];
        EXPECT_EQ(co_await both.near.recv(byte), 1u);
        EXPECT_EQ(byte[0], 'a');
        EXPECT_EQ(co_await both.near.recv(byte, message_flags::out_of_band), 1u);
        EXPECT_EQ(byte[0], '!');
        EXPECT_EQ(co_await both.near.recv(byte), 1u);
        EXPECT_EQ(byte[0], 'b');
    });
}

// ---- descriptors ------------------------------------------------------------------------------------------

TEST_P(Tcp, DescriptorsAreNotInherited) {
    run([&]() -> task<> {
        tcp::acceptor acceptor(context(), {loopback(), 0});
        tcp::socket client(context());
        co_await client.connect(acceptor.local_endpoint());
        auto server = co_await acceptor.accept();
        for (const int number: {acceptor.native_handle(), client.native_handle(), server.native_handle()})
            EXPECT_TRUE(::fcntl(number, F_GETFD) & FD_CLOEXEC);
    });
}

TEST_P(Tcp, ReleaseKeepsTheDescriptorOpen) {
    run([&]() -> task<> {
        auto both = co_await connect_ends(context(), loopback());
        auto reader = co_spawn(context(), [&]() -> task<> {
            std::array<char, 1> buffer;
            auto [ec, n] = co_await as_tuple(both.near.recv(buffer));
            EXPECT_EQ(ec, error::operation_aborted);
        });
        co_await let_others_run();
        const plain_peer released(both.near.release());
        EXPECT_FALSE(both.near.is_open());
        co_await reader.join();
        co_await both.far.send("still open");
        EXPECT_EQ(released.recv(), "still open");
        EXPECT_EQ(both.near.release(), -1);
    });
}

TEST_P(Tcp, AssignTakesTheDescriptor) {
    run([&]() -> task<> {
        auto both = co_await connect_ends(context(), loopback());
        const auto peer = both.near.remote_endpoint();
        tcp::socket other(context());
        other.assign(tcp_version(), both.near.release());
        EXPECT_EQ(other.remote_endpoint(), peer);
        co_await both.far.send("x");
        std::array<char, 1> buffer;
        EXPECT_EQ(co_await other.recv(buffer), 1u);
        const int number = other.native_handle();
        try {
            other.assign(tcp_version(), number);
            ADD_FAILURE() << "no error";
        } catch (const std::system_error& failure) {
            EXPECT_EQ(failure.code(), error::already_open);
        }
        other.close();
        EXPECT_EQ(::fcntl(number, F_GETFD), -1);
        EXPECT_THROW(other.assign(tcp_version(), -1), std::system_error);
    });
}

TEST_P(Tcp, OpenFailsOnAnOpenSocket) {
    tcp::socket socket(context());
    socket.open(tcp_version());
    try {
        socket.open(tcp_version());
        ADD_FAILURE() << "no error";
    } catch (const std::system_error& failure) {
        EXPECT_EQ(failure.code(), error::already_open);
    }
    EXPECT_TRUE(socket.is_open());
}

TEST_P(Tcp, BindNamesAnAddressInUse) {
    tcp::acceptor first(context(), {loopback(), 0});
    try {
        tcp::acceptor second(context(), first.local_endpoint());
        ADD_FAILURE() << "no error";
    } catch (const std::system_error& failure) {
        EXPECT_EQ(failure.code(), error::address_in_use);
        EXPECT_NE(std::string_view(failure.what()).find(first.local_endpoint().to_string()),
                  std::string_view::npos)
            << failure.what();
    }
}

TEST_P(Tcp, UnconnectedSocketHasNoPeer) {
    tcp::socket socket(context(), tcp_version());
    std::error_code ec;
    EXPECT_EQ(socket.remote_endpoint(ec), tcp::endpoint());
    EXPECT_EQ(ec, error::not_connected);
    EXPECT_THROW(static_cast<void>(socket.remote_endpoint()), std::system_error);
    socket.close();
    EXPECT_EQ(socket.local_endpoint(ec), tcp::endpoint());
    EXPECT_EQ(ec, error::bad_descriptor);
    EXPECT_THROW(static_cast<void>(socket.local_endpoint()), std::system_error);
    EXPECT_THROW(socket.set_option(tcp::no_delay(true)), std::system_error);
    EXPECT_THROW(socket.bind({loopback(), 0}), std::system_error);
}

TEST_P(Tcp, MovesBeforeDuringAndAfterConnect) {
    run([&]() -> task<> {
        tcp::acceptor acceptor(context(), {loopback(), 0});
        tcp::acceptor listening = std::move(acceptor);
        EXPECT_FALSE(acceptor.is_open());
        tcp::socket a(context());
        tcp::socket b = std::move(a);
        auto connecting =
            co_spawn(context(), [&]() -> task<> { co_await b.connect(listening.local_endpoint()); });
        auto accepting =
            co_spawn(context(), [&]() -> task<tcp::socket> { co_return co_await listening.accept(); });
        co_await yield();
        tcp::socket c = std::move(b);
        tcp::acceptor moved = std::move(listening);
        auto server = co_await accepting.join();
        co_await connecting.join();
        EXPECT_EQ(c.remote_endpoint(), server.local_endpoint());
        tcp::socket d = std::move(c);
        EXPECT_EQ(&c.context(), &context());  // a moved-from socket keeps its context
        co_await server.send("x");
        std::array<char, 1> buffer;
        EXPECT_EQ(co_await d.recv(buffer), 1u);
        co_await c.connect(moved.local_endpoint());
        EXPECT_TRUE(c.is_open());
    });
}

COIL_ON_BOTH_FAMILIES(Tcp);

// ---- dual stack -------------------------------------------------------------------------------------------

TEST(DualStack, Ipv6AcceptorAcceptsIpv4) {
    real_context context;
    context.run([&]() -> task<> {
        tcp::acceptor acceptor(context.io(), {tcp::v6(), 0});
        const auto port = acceptor.local_endpoint().port();
        tcp::socket v4(context.io());
        co_await v4.connect({ip::address_v4::loopback(), port});
        tcp::endpoint peer;
        auto server = co_await acceptor.accept(peer);
        EXPECT_TRUE(peer.address().is_v6());
        EXPECT_EQ(peer.to_string(), "[::ffff:127.0.0.1]:" + std::to_string(v4.local_endpoint().port()));
        tcp::socket v6(context.io());
        co_await v6.connect({ip::address_v6::loopback(), port});
        auto other = co_await acceptor.accept(peer);
        EXPECT_EQ(peer, v6.local_endpoint());
    });
}

TEST(DualStack, V6OnlyAcceptorRefusesIpv4) {
    real_context context;
    context.run([&]() -> task<> {
        tcp::acceptor acceptor(context.io());
        acceptor.open(tcp::v6());
        acceptor.set_option(ip::v6_only(true));
        acceptor.bind({tcp::v6(), 0});
        acceptor.listen();
        tcp::socket v4(context.io());
        auto [ec] =
            co_await as_tuple(v4.connect({ip::address_v4::loopback(), acceptor.local_endpoint().port()}));
        EXPECT_EQ(ec, error::connection_refused);
    });
}

// ---- without a context ------------------------------------------------------------------------------------

TEST(SocketWithoutContext, IsClosed) {
    tcp::socket socket;
    EXPECT_FALSE(socket.is_open());
    EXPECT_EQ(socket.native_handle(), -1);
    EXPECT_EQ(socket.release(), -1);
    EXPECT_FALSE(socket.close().error());
    socket.cancel();
    EXPECT_EQ(socket.shutdown(socket_base::shutdown_both).error(), error::bad_descriptor);
    std::error_code ec;
    EXPECT_EQ(socket.local_endpoint(ec), tcp::endpoint());
    EXPECT_EQ(ec, error::bad_descriptor);
    EXPECT_THROW(socket.open(), std::system_error);
    EXPECT_THROW(socket.bind({tcp::v4(), 0}), std::system_error);
    const plain_peer descriptor(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    EXPECT_THROW(socket.assign(tcp::v4(), descriptor.number()), std::system_error);
}

TEST(SocketWithoutContext, OperationsFail) {
    real_context context;
    context.run([&]() -> task<> {
        tcp::socket socket;
        tcp::acceptor acceptor;
        udp::socket datagrams;
        std::array<char, 1> buffer;
        auto [recv_ec, n] = co_await as_tuple(socket.recv(buffer));
        EXPECT_EQ(recv_ec, error::bad_descriptor);
        auto [send_ec, m] = co_await as_tuple(socket.send("x", "y"));
        EXPECT_EQ(send_ec, error::bad_descriptor);
        auto [connect_ec] = co_await as_tuple(socket.connect({ip::address_v4::loopback(), 1}));
        EXPECT_EQ(connect_ec, error::bad_descriptor);
        auto accepted = co_await as_tuple(acceptor.accept());
        EXPECT_EQ(accepted.error(), error::bad_descriptor);
        auto [from_ec, from] = co_await as_tuple(datagrams.recvfrom(buffer));
        EXPECT_EQ(from_ec, error::bad_descriptor);
        auto [to_ec, k] = co_await as_tuple(datagrams.sendto("x", {ip::address_v4::loopback(), 1}));
        EXPECT_EQ(to_ec, error::bad_descriptor);
        auto [read_ec, l] = co_await as_tuple(timeout(read(socket, buffer), 5s));
        EXPECT_EQ(read_ec, error::bad_descriptor);
    });
}

TEST(SocketWithoutContext, TakesOverAConnectedSocket) {
    real_context context;
    context.run([&]() -> task<> {
        tcp::socket socket;
        auto both = co_await connect_ends(context.io());
        socket = std::move(both.near);
        co_await both.far.send("x");
        std::array<char, 1> buffer;
        EXPECT_EQ(co_await socket.recv(buffer), 1u);
    });
}

}  // namespace
}  // namespace coil::test
