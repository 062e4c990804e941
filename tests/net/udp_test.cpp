// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#include <coil/net/udp.hpp>

#include <array>
#include <chrono>
#include <climits>
#include <string>
#include <string_view>
#include <vector>

#include <coil/algo/timeout.hpp>
#include <coil/io/sleep.hpp>

#include "net/connected.hpp"

namespace coil::test {
namespace {

using namespace std::chrono_literals;

class Udp : public on_both_families {
protected:
    [[nodiscard]] udp::socket bound() { return {context(), udp::endpoint(loopback(), 0)}; }

    /// A port of the loopback interface to which no socket is bound.
    [[nodiscard]] udp::endpoint unbound_endpoint() { return bound().local_endpoint(); }

    std::array<char, 100> buffer_{};
};

std::string_view text_in(const std::array<char, 100>& buffer, std::size_t size) {
    return {buffer.data(), size};
}

// ---- unconnected ------------------------------------------------------------------------------------------

TEST_P(Udp, RecvfromReturnsTheSender) {
    run([&]() -> task<> {
        auto a = bound();
        auto b = bound();
        EXPECT_EQ(co_await a.sendto("hello", b.local_endpoint()), 5u);
        auto [size, truncated, from] = co_await b.recvfrom(buffer_);
        EXPECT_EQ(text_in(buffer_, size), "hello");
        EXPECT_FALSE(truncated);
        EXPECT_EQ(from, a.local_endpoint());
        EXPECT_EQ(co_await b.sendto("and back", from), 8u);
        EXPECT_EQ((co_await a.recvfrom(buffer_)).size, 8u);
    });
}

TEST_P(Udp, UnboundSocketMaySend) {
    run([&]() -> task<> {
        auto b = bound();
        udp::socket a(context(), udp_version());
        co_await a.sendto("x", b.local_endpoint());
        const auto received = co_await b.recvfrom(buffer_);
        EXPECT_EQ(received.from.port(), a.local_endpoint().port());
    });
}

TEST_P(Udp, KeepsDatagramBoundaries) {
    run([&]() -> task<> {
        auto a = bound();
        auto b = bound();
        for (const std::string_view each: {"one", "", "three", "4"})
            EXPECT_EQ(co_await a.sendto(each, b.local_endpoint()), each.size());
        for (const std::string_view each: {"one", "", "three", "4"}) {
            auto [size, truncated, from] = co_await b.recvfrom(buffer_);
            EXPECT_EQ(text_in(buffer_, size), each);
            EXPECT_FALSE(truncated);
        }
    });
}

TEST_P(Udp, MarksTruncatedDatagrams) {
    run([&]() -> task<> {
        auto a = bound();
        auto b = bound();
        std::array<char, 4> small{};
        for (int i = 0; i < 4; ++i)
            co_await a.sendto("hello", b.local_endpoint());
        co_await a.sendto("next", b.local_endpoint());

        auto cut = co_await b.recvfrom(small);
        EXPECT_EQ(cut.size, 4u);
        EXPECT_TRUE(cut.truncated);
        EXPECT_EQ(std::string_view(small.data(), 4), "hell");
        EXPECT_EQ(cut.from, a.local_endpoint());

        std::array<char, 2> first{};
        std::array<char, 2> second{};
        cut = co_await b.recvfrom(first, second);
        EXPECT_EQ(cut.size, 4u);
        EXPECT_TRUE(cut.truncated);
        EXPECT_EQ(std::string_view(second.data(), 2), "ll");

        cut = co_await b.recvfrom(mutable_buffer());
        EXPECT_EQ(cut.size, 0u);
        EXPECT_TRUE(cut.truncated);

        cut = co_await b.recvfrom(mutable_buffers());
        EXPECT_EQ(cut.size, 0u);
        EXPECT_TRUE(cut.truncated);

        const auto whole = co_await b.recvfrom(small);
        EXPECT_EQ(whole.size, 4u);
        EXPECT_FALSE(whole.truncated);
        EXPECT_EQ(std::string_view(small.data(), 4), "next");
    });
}

TEST_P(Udp, PeekLeavesTheDatagram) {
    run([&]() -> task<> {
        auto a = bound();
        auto b = bound();
        co_await a.sendto("hello", b.local_endpoint());
        std::array<char, 2> small;
        const auto peeked = co_await b.recvfrom(small, message_flags::peek);
        EXPECT_TRUE(peeked.truncated);
        EXPECT_EQ(peeked.from, a.local_endpoint());
        EXPECT_EQ((co_await b.recvfrom(buffer_)).size, 5u);
        auto [ec, none] = co_await as_tuple(b.recvfrom(buffer_, message_flags::dont_wait));
        EXPECT_EQ(ec, error::would_block);
    });
}

TEST_P(Udp, GathersAndScattersOneDatagram) {
    run([&]() -> task<> {
        auto a = bound();
        auto b = bound();
        const std::string middle = ", ";
        const std::array<const_buffer, 4> pieces{"hello", "", middle, "world"};
        EXPECT_EQ(co_await a.sendto(const_buffers(pieces), b.local_endpoint()), 12u);
        std::array<char, 3> first{};
        std::array<char, 20> rest{};
        const std::array<mutable_buffer, 2> into{first, rest};
        auto received = co_await b.recvfrom(mutable_buffers(into));
        EXPECT_EQ(received.size, 12u);
        EXPECT_EQ(std::string_view(first.data(), 3), "hel");
        EXPECT_EQ(std::string_view(rest.data(), 9), "lo, world");
        EXPECT_EQ(received.from, a.local_endpoint());

        co_await a.connect(b.local_endpoint());
        EXPECT_EQ(co_await a.send("and", std::string_view(" more"), std::string("!")), 9u);
        received = co_await b.recvfrom(first, rest);
        EXPECT_EQ(received.size, 9u);
        EXPECT_EQ(std::string_view(rest.data(), 6), " more!");
        EXPECT_EQ(co_await a.send(const_buffers(pieces)), 12u);
        EXPECT_EQ((co_await b.recvfrom(buffer_)).size, 12u);
    });
}

TEST_P(Udp, FailsWithMoreThanIovMaxBuffers) {
    run([&]() -> task<> {
        auto a = bound();
        auto b = bound();
        const std::vector<const_buffer> pieces(IOV_MAX + 1, const_buffer("x"));
        auto [ec, n] = co_await as_tuple(a.sendto(const_buffers(pieces), b.local_endpoint()));
        EXPECT_EQ(ec, error::message_size);
        EXPECT_EQ(co_await a.sendto(const_buffers(pieces).first(IOV_MAX), b.local_endpoint()),
                  static_cast<std::size_t>(IOV_MAX));
        std::vector<char> bytes(IOV_MAX + 1);
        std::vector<mutable_buffer> into;
        for (char& each: bytes)
            into.emplace_back(&each, 1);
        auto [recv_ec, received] = co_await as_tuple(b.recvfrom(mutable_buffers(into)));
        EXPECT_EQ(recv_ec, error::message_size);
        const auto whole = co_await b.recvfrom(mutable_buffers(into).first(IOV_MAX));
        EXPECT_EQ(whole.size, static_cast<std::size_t>(IOV_MAX));
        EXPECT_FALSE(whole.truncated);
        co_await a.connect(b.local_endpoint());
        auto [send_ec, m] = co_await as_tuple(a.send(const_buffers(pieces)));
        EXPECT_EQ(send_ec, error::message_size);
    });
}

TEST_P(Udp, SendsUpToTheLargestDatagram) {
    run([&]() -> task<> {
        auto a = bound();
        auto b = bound();
        const std::size_t largest = is_v6() ? 65527 : 65507;
        const std::string bytes(65536, 'x');
        EXPECT_EQ(co_await a.sendto(const_buffer(bytes).first(largest), b.local_endpoint()), largest);
        auto [ec, n] = co_await as_tuple(a.sendto(bytes, b.local_endpoint()));
        EXPECT_EQ(ec, error::message_size);
        try {
            co_await a.sendto(bytes, b.local_endpoint());
            ADD_FAILURE() << "no error";
        } catch (const std::system_error& failure) {
            EXPECT_EQ(failure.code(), error::message_size);
            EXPECT_NE(std::string_view(failure.what()).find("sendto " + b.local_endpoint().to_string()),
                      std::string_view::npos)
                << failure.what();
        }
        std::vector<char> all(65536);
        const auto received = co_await b.recvfrom(all);
        EXPECT_EQ(received.size, largest);
        EXPECT_FALSE(received.truncated);
    });
}

// ---- concurrent operations --------------------------------------------------------------------------------

TEST_P(Udp, ServesReceiversInFifoOrder) {
    run([&]() -> task<> {
        auto a = bound();
        auto b = bound();
        std::string served;
        const auto receive = [&](char name) -> task<> {
            std::array<char, 10> own;
            const auto received = co_await b.recvfrom(own);
            served += name;
            served.append(own.data(), received.size);
        };
        std::vector<join_handle<void>> receivers;
        for (const char name: {'a', 'b', 'c', 'd'})
            receivers.push_back(co_spawn(context(), receive, name));
        co_await let_others_run();
        for (const std::string_view each: {"1", "2", "3", "4"})
            co_await a.sendto(each, b.local_endpoint());
        for (auto& each: receivers)
            co_await each.join();
        EXPECT_EQ(served, "a1b2c3d4");
    });
}

TEST_P(Udp, SkipsCancelledReceivers) {
    run([&]() -> task<> {
        auto a = bound();
        auto b = bound();
        std::string served;
        const auto receive = [&](char name) -> task<> {
            std::array<char, 10> own;
            auto [ec, received] = co_await as_tuple(b.recvfrom(own));
            served += ec ? '-' : '+';
            served += name;
        };
        auto first = co_spawn(context(), receive, 'a');
        auto second = co_spawn(context(), receive, 'b');
        auto third = co_spawn(context(), receive, 'c');
        co_await let_others_run();
        second.request_stop();  // is queued
        co_await second.join();
        first.request_stop();  // is in flight
        co_await first.join();
        co_await a.sendto("x", b.local_endpoint());
        co_await third.join();
        EXPECT_EQ(served, "-b-a+c");
    });
}

TEST_P(Udp, SendsMayOverlap) {
    run([&]() -> task<> {
        auto a = bound();
        auto b = bound();
        constexpr std::size_t count = 100;
        const auto send = [&](std::size_t number) -> task<> {
            const std::string datagram(number + 1, static_cast<char>(number));
            EXPECT_EQ(co_await a.sendto(datagram, b.local_endpoint()), number + 1);
        };
        std::vector<join_handle<void>> senders;
        for (std::size_t i = 0; i < count; ++i)
            senders.push_back(co_spawn(context(), send, i));
        std::vector<bool> seen(count);
        for (std::size_t i = 0; i < count; ++i) {
            const auto received = co_await b.recvfrom(buffer_);
            CO_ASSERT_GE(received.size, 1u);
            EXPECT_EQ(text_in(buffer_, received.size),
                      std::string(received.size, static_cast<char>(received.size - 1)));
            EXPECT_FALSE(seen[received.size - 1]);
            seen[received.size - 1] = true;
        }
        for (auto& each: senders)
            co_await each.join();
    });
}

// ---- connected --------------------------------------------------------------------------------------------

TEST_P(Udp, ConnectedSocketReceivesFromItsPeer) {
    run([&]() -> task<> {
        auto a = bound();
        auto b = bound();
        auto third = bound();
        co_await a.connect(b.local_endpoint());
        EXPECT_EQ(a.remote_endpoint(), b.local_endpoint());
        co_await third.sendto("not for you", a.local_endpoint());
        co_await b.sendto("hello", a.local_endpoint());
        const auto received = co_await a.recv(buffer_);
        EXPECT_EQ(text_in(buffer_, received.size), "hello");
        EXPECT_FALSE(received.truncated);
        EXPECT_EQ(co_await a.send("back"), 4u);
        EXPECT_EQ((co_await b.recvfrom(buffer_)).from, a.local_endpoint());
        co_await a.connect(third.local_endpoint());  // replaces the peer
        EXPECT_EQ(a.remote_endpoint(), third.local_endpoint());
        co_await a.send("now for you");
        EXPECT_EQ((co_await third.recvfrom(buffer_)).size, 11u);
    });
}

TEST_P(Udp, ConnectOpensTheSocket) {
    run([&]() -> task<> {
        auto b = bound();
        udp::socket a(context());
        co_await a.connect(b.local_endpoint());
        EXPECT_TRUE(a.is_open());
        co_await a.send("x");
        EXPECT_EQ((co_await b.recvfrom(buffer_)).from.port(), a.local_endpoint().port());
    });
}

TEST_P(Udp, RecvReportsEmptyAndTruncatedDatagrams) {
    run([&]() -> task<> {
        auto a = bound();
        auto b = bound();
        co_await a.connect(b.local_endpoint());
        co_await b.connect(a.local_endpoint());
        EXPECT_EQ(co_await b.send(""), 0u);
        co_await b.send("hello");
        co_await b.send("hello");
        auto received = co_await a.recv(buffer_);
        EXPECT_EQ(received.size, 0u);
        EXPECT_FALSE(received.truncated);
        std::array<char, 2> small;
        received = co_await a.recv(small);
        EXPECT_EQ(received.size, 2u);
        EXPECT_TRUE(received.truncated);
        received = co_await a.recv(mutable_buffer());
        EXPECT_EQ(received.size, 0u);
        EXPECT_TRUE(received.truncated);
        auto [ec, none] = co_await as_tuple(a.recv(buffer_, message_flags::dont_wait));
        EXPECT_EQ(ec, error::would_block);
    });
}

TEST_P(Udp, NextReceiveReportsAClosedPort) {
    run([&]() -> task<> {
        auto a = bound();
        co_await a.connect(unbound_endpoint());
        co_await a.send("hello?");
        auto [ec, received] = co_await as_tuple(a.recv(buffer_));
        EXPECT_EQ(ec, error::connection_refused);
        EXPECT_TRUE(a.is_open());
    });
}

TEST_P(Udp, PendingReceiveReportsAClosedPort) {
    run([&]() -> task<> {
        auto a = bound();
        co_await a.connect(unbound_endpoint());
        auto receiver = co_spawn(context(), [&]() -> task<> {
            auto [ec, received] = co_await as_tuple(a.recv(buffer_));
            EXPECT_EQ(ec, error::connection_refused);
        });
        co_await let_others_run();
        co_await a.send("hello?");
        co_await receiver.join();
        auto b = bound();
        co_await a.connect(b.local_endpoint());  // the socket remains usable
        co_await b.sendto("yes", a.local_endpoint());
        EXPECT_EQ((co_await a.recv(buffer_)).size, 3u);
    });
}

TEST_P(Udp, UnconnectedSocketIgnoresClosedPorts) {
    run([&]() -> task<> {
        auto a = bound();
        co_await a.sendto("hello?", unbound_endpoint());
        co_await a.sendto("me?", a.local_endpoint());
        EXPECT_EQ((co_await a.recvfrom(buffer_)).size, 3u);
    });
}

TEST_P(Udp, SendFailsWithoutAPeer) {
    run([&]() -> task<> {
        auto a = bound();
        auto [ec, n] = co_await as_tuple(a.send("x"));
        EXPECT_EQ(ec, std::errc::destination_address_required);
    });
}

// ---- end of receives --------------------------------------------------------------------------------------

TEST_P(Udp, CancelCloseAndShutdownAbortReceivers) {
    run([&]() -> task<> {
        for (const std::string_view how: {"cancel", "close", "shutdown", "destroy"}) {
            SCOPED_TRACE(how);
            auto a = bound();
            const auto receive = [&](bool connected, bool several) -> task<std::error_code> {
                std::array<char, 10> own;
                std::array<char, 10> more;
                if (connected) {
                    auto outcome = co_await as_tuple(a.recv(own));
                    co_return outcome.error();
                }
                if (several) {
                    auto outcome = co_await as_tuple(a.recvfrom(own, more));
                    co_return outcome.error();
                }
                auto outcome = co_await as_tuple(a.recvfrom(own));
                co_return outcome.error();
            };
            for (const bool connected: {false, true}) {
                if (connected)
                    a = bound();  // a shutdown is permanent
                auto b = bound();
                if (connected)
                    co_await a.connect(b.local_endpoint());
                std::vector<join_handle<std::error_code>> receivers;
                receivers.push_back(co_spawn(context(), receive, connected, false));
                receivers.push_back(co_spawn(context(), receive, false, true));
                receivers.push_back(co_spawn(context(), receive, false, false));
                co_await let_others_run();
                if (how == "cancel")
                    a.cancel();
                else if (how == "close")
                    a.close();
                else if (how == "shutdown")
                    a.shutdown(socket_base::shutdown_receive);
                else
                    a = udp::socket(context());
                for (auto& each: receivers)
                    EXPECT_EQ(co_await each.join(), error::operation_aborted) << "connected: " << connected;
            }
        }
    });
}

TEST_P(Udp, MoveKeepsAPendingReceive) {
    run([&]() -> task<> {
        auto a = bound();
        auto b = bound();
        auto receiver =
            co_spawn(context(), [&]() -> task<> { EXPECT_EQ((co_await b.recvfrom(buffer_)).size, 5u); });
        co_await let_others_run();
        const udp::socket moved = std::move(b);
        co_await a.sendto("hello", moved.local_endpoint());
        co_await receiver.join();
    });
}

TEST_P(Udp, TimeoutLosesNoDatagram) {
    run([&]() -> task<> {
        auto a = bound();
        auto b = bound();
        std::size_t received = 0;
        std::size_t timed_out = 0;
        constexpr std::size_t count = 500;
        auto sender = co_spawn(context(), [&]() -> task<> {
            for (std::size_t i = 0; i < count; ++i) {
                co_await a.sendto("x", b.local_endpoint());
                co_await sleep_for(std::chrono::microseconds(i % 30));
            }
        });
        for (std::size_t i = 0; received < count; ++i) {
            auto [ec, got] =
                co_await as_tuple(timeout(b.recvfrom(buffer_), std::chrono::microseconds(i % 20)));
            received += !ec;
            timed_out += ec == error::timed_out;
        }
        EXPECT_GT(timed_out, 0u);
        co_await sender.join();
        auto [ec, none] = co_await as_tuple(b.recvfrom(buffer_, message_flags::dont_wait));
        EXPECT_EQ(ec, error::would_block);
    });
}

COIL_ON_BOTH_FAMILIES(Udp);

// ---- dual stack -------------------------------------------------------------------------------------------

TEST(DualStack, Ipv6DatagramSocketExchangesIpv4) {
    real_context context;
    context.run([&]() -> task<> {
        udp::socket both(context.io(), {udp::v6(), 0});
        udp::socket v4(context.io(), {ip::address_v4::loopback(), 0});
        const auto port = both.local_endpoint().port();
        co_await v4.sendto("hello", udp::endpoint(ip::address_v4::loopback(), port));
        std::array<char, 10> buffer;
        const auto received = co_await both.recvfrom(buffer);
        EXPECT_EQ(received.from.to_string(),
                  "[::ffff:127.0.0.1]:" + std::to_string(v4.local_endpoint().port()));
        co_await both.sendto("back", received.from);
        EXPECT_EQ((co_await v4.recvfrom(buffer)).size, 4u);
    });
}

TEST(DualStack, Ipv4SocketCannotSendToIpv6) {
    real_context context;
    context.run([&]() -> task<> {
        udp::socket v4(context.io(), {ip::address_v4::loopback(), 0});
        auto [ec, n] = co_await as_tuple(v4.sendto("x", udp::endpoint(ip::address_v6::loopback(), 9)));
        EXPECT_EQ(ec, std::errc::address_family_not_supported);
    });
}

}  // namespace
}  // namespace coil::test
