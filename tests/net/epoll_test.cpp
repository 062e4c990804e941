// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT

// Operations that share a descriptor on the epoll engine, where each edge-triggered event is reported once.

#include <array>
#include <chrono>
#include <string>
#include <vector>

#include <fcntl.h>
#include <gtest/gtest.h>

#include <coil/algo/read.hpp>
#include <coil/algo/timeout.hpp>
#include <coil/algo/write.hpp>
#include <coil/base/unique_descriptor.hpp>
#include <coil/coro/as_tuple.hpp>
#include <coil/coro/yield.hpp>
#include <coil/io/stream_descriptor.hpp>
#include <coil/loop/co_spawn.hpp>
#include <coil/loop/io_context.hpp>
#include <coil/net/local.hpp>
#include <coil/net/udp.hpp>

#include "net/connected.hpp"
#include "support/own_network.hpp"

namespace coil::test {
namespace {

using namespace std::chrono_literals;
using stream_socket = local::stream_protocol::socket;

class OnEpoll : public testing::Test {
protected:
    OnEpoll() { local::connect_pair(near_, far_); }

    static constexpr std::size_t much = 4 << 20;  // more than the socket buffers hold

    task<> send_much() {
        const std::string bytes(much, 'x');
        co_await write(near_, bytes);
        has_sent_ = true;
    }
    task<> receive_much() {
        std::vector<char> bytes(much);
        co_await read(far_, bytes);
        has_received_ = true;
    }
    void expect_transfer() {
        context_.run_for(10s);
        EXPECT_TRUE(has_sent_);
        EXPECT_TRUE(has_received_);
    }

    io_context context_{{.engine = io_engine::epoll}};
    stream_socket near_{context_};
    stream_socket far_{context_};
    bool has_sent_ = false;
    bool has_received_ = false;
};

TEST_F(OnEpoll, WaitingPollDoesNotHoldUpASend) {
    const auto wait = [&]() -> task<> {
        co_await near_.wait(near_.wait_read);
        ADD_FAILURE() << "the peer has sent nothing";
    };
    const auto stop = [&]() -> task<> {
        co_await receive_much();
        while (!has_sent_)
            co_await yield();
        context_.stop();
    };
    co_spawn(context_, wait, detached);
    context_.poll();  // the wait is submitted first
    co_spawn(context_, send_much(), detached);
    co_spawn(context_, stop, detached);
    expect_transfer();
}

TEST_F(OnEpoll, SecondObjectKeepsTheEventsOfTheFirst) {
    co_spawn(context_, send_much(), detached);
    context_.poll();  // the send waits
    auto second = posix::stream_descriptor::borrow(context_, near_.native_handle());
    const auto wait = [&]() -> task<> {
        EXPECT_EQ(co_await second.wait(second.wait_read), second.wait_read);
    };
    co_spawn(context_, wait, detached);
    context_.poll();
    const auto answer = [&]() -> task<> {
        co_await receive_much();
        co_await write(far_, "answer");
    };
    co_spawn(context_, answer, detached);
    expect_transfer();
}

TEST(OnEpollOverTcp, EchoTakesThreeSystemCalls) {
    constexpr unsigned messages = 1000;
    real_context context{{.engine = io_engine::epoll}};
    context.run([&]() -> task<> {
        auto [near, far] = co_await connect_ends(context);
        const auto answer = [&]() -> task<> {
            std::array<char, 64> bytes;
            for (unsigned i = 0; i < messages; ++i)
                co_await far.send(const_buffer(bytes.data(), co_await far.recv(bytes)));
        };
        auto answerer = co_spawn(context.io(), answer);
        const auto before = context.io().metrics();
        std::array<char, 64> bytes;
        for (unsigned i = 0; i < messages; ++i) {
            co_await near.send("message");
            co_await near.recv(bytes);
        }
        co_await answerer.join();
        // For each message, each end receives, sends, and waits for events.
        const auto after = context.io().metrics();
        EXPECT_GE(after.system_calls - before.system_calls, 2u * 2u * messages);
        EXPECT_LE(after.system_calls - before.system_calls, 2u * 3u * messages + 20u);
        EXPECT_LE(after.enters - before.enters, 2u * messages + 20u);
    });
}

// The engine tried a connect only if the socket was writable.
TEST(OnEpollOverTcp, SecondConnectFailsIfFull) {
    real_context context{{.engine = io_engine::epoll}};
    context.run([&]() -> task<> {
        auto [near, far] = co_await connect_ends(context);
        for (std::error_code full; !full;) {
            auto [failure, size] = co_await as_tuple(near.send(too_much(), message_flags::dont_wait));
            full = failure;
        }
        auto [ec] = co_await as_tuple(near.connect(near.remote_endpoint()));
        EXPECT_EQ(ec, std::errc::already_connected);
        EXPECT_TRUE(near.is_open());
    });
}

// A failed connect cleared what the engine knew about the end of the stream.
TEST(OnEpollOverTcp, SecondConnectKeepsTheEndOfTheStream) {
    real_context context{{.engine = io_engine::epoll}};
    context.run([&]() -> task<> {
        auto [near, far] = co_await connect_ends(context);
        std::array<char, 64> bytes;
        co_await far.send("first");
        co_await near.recv(bytes);
        const auto read_events = [&near = near]() -> task<> {
            co_await as_tuple(near.wait(near.wait_error));
        };
        auto waiter = co_spawn(context.io(), read_events);
        co_await let_others_run();
        co_await far.send("last");
        far.shutdown(socket_base::shutdown_send);
        co_await let_others_run(10);
        auto [ec] = co_await as_tuple(near.connect(near.remote_endpoint()));
        EXPECT_EQ(ec, std::errc::already_connected);
        EXPECT_EQ(co_await near.recv(bytes), 4u);
        EXPECT_EQ(co_await timeout(near.recv(bytes), 5s), 0u);
        near.cancel();
        co_await waiter.join();
    });
}

// The accepted socket inherits the option, and epoll reports no event for fewer bytes.
TEST(OnEpollOverTcp, AcceptInheritsLowWatermark) {
    real_context context{{.engine = io_engine::epoll}};
    context.run([&]() -> task<> {
        tcp::acceptor acceptor(context, {ip::address_v4::loopback(), 0});
        acceptor.set_option(socket_base::receive_low_watermark(100));
        tcp::socket near(context);
        co_await near.connect(acceptor.local_endpoint());
        auto far = co_await acceptor.accept();
        std::array<char, 64> bytes;
        for (int i = 0; i < 2; ++i) {
            co_await near.send("few");
            EXPECT_EQ(co_await timeout(far.recv(bytes), 5s), 3u);
        }
    });
}

TEST(OnEpollOverTcp, ReleaseRestoresFlagAfterLending) {
    io_context context({.engine = io_engine::epoll});
    tcp::socket socket(context, tcp::v4());
    EXPECT_NE(::fcntl(socket.native_handle(), F_GETFL) & O_NONBLOCK, 0);
    const unique_descriptor released(socket.release());
    EXPECT_EQ(::fcntl(released.get(), F_GETFL) & O_NONBLOCK, 0);
}

TEST(OnEpollOverTcp, BorrowKeepsTheStateOfTheOwner) {
    io_context context({.engine = io_engine::epoll});
    tcp::socket socket(context, tcp::v4());
    {
        const auto borrowed = posix::stream_descriptor::borrow(context, socket.native_handle());
        EXPECT_FALSE(socket.native_non_blocking());
    }
    EXPECT_FALSE(socket.native_non_blocking());
    const unique_descriptor released(socket.release());
    EXPECT_EQ(::fcntl(released.get(), F_GETFL) & O_NONBLOCK, 0);
}

// The kernel chooses the port of a socket that is not bound when the socket sends. No event reports that a
// port is free, so the send must not wait for one.
TEST_F(OnEpoll, SendWithoutAFreePortFails) {
    const bool ran = own_network::run([] {
        own_network::set("net/ipv4/ip_local_port_range", "40000 40000");
        io_context context{{.engine = io_engine::epoll}};
        ip::udp::socket only(context, ip::udp::endpoint(ip::address_v4::loopback(), 40000));
        ip::udp::socket none(context, ip::udp::v4());
        std::error_code failure;
        const auto send = [&]() -> task<> {
            auto [ec, size] =
                co_await as_tuple(none.sendto("x", ip::udp::endpoint(ip::address_v4::loopback(), 40000)));
            failure = ec;
        };
        co_spawn(context, send, detached);
        context.run_for(10s);
        EXPECT_EQ(failure, std::errc::resource_unavailable_try_again);
    });
    if (!ran)
        GTEST_SKIP() << "no privilege to make a network namespace";
}

}  // namespace
}  // namespace coil::test
