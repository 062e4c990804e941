// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#include <array>
#include <chrono>
#include <functional>
#include <string_view>
#include <thread>

#include <coil/algo/write.hpp>
#include <coil/io/sleep.hpp>

#include "net/connected.hpp"

// A spinning context never sleeps, and sees every event that would have woken it.

namespace coil::test {
namespace {

using namespace std::chrono_literals;

TEST(Spin, WaitsWithoutASystemCall) {
    real_context context({.spin = true});
    context.run([&]() -> task<> {
        co_await yield();
        const auto before = context.io().metrics().enters;
        const auto began = context.io().now();
        co_await sleep_for(3ms);
        EXPECT_GE(context.io().now() - began, 3ms);
        EXPECT_LE(context.io().metrics().enters - before, 2u);
    });
}

TEST(Spin, SeesBytesAndTheEndOfTheStream) {
    real_context context({.spin = true});
    context.run([&]() -> task<> {
        auto ends = co_await connect_ends(context);
        const auto echo = [](tcp::socket& peer) -> task<> {
            auto incoming = peer.recv_stream();
            while (auto chunk = co_await incoming.next())
                co_await write(peer, *chunk);
        };
        auto echoing = co_spawn(context.io(), echo, std::ref(ends.far));
        std::array<char, 5> buffer;
        for (int i = 0; i < 100; ++i) {
            co_await write(ends.near, "hello");
            EXPECT_EQ(co_await ends.near.recv(buffer), 5u);
            EXPECT_EQ(std::string_view(buffer.data(), 5), "hello");
        }
        ends.near.shutdown(socket_base::shutdown_send);
        co_await echoing.join();
    });
}

TEST(Spin, SeesPostsAndStopsOfOtherThreads) {
    io_context context({.spin = true});
    work_guard guard(context);
    int posted = 0;
    std::thread other([&] {
        for (int i = 0; i < 100; ++i)
            context.post([&] { ++posted; });
        context.post([&] { context.stop(); });
    });
    context.run();
    other.join();
    EXPECT_EQ(posted, 100);
    context.restart();
    std::thread stopper([&] { context.stop(); });
    context.run();
    stopper.join();
}

TEST(Metrics, CountOperations) {
    real_context context;
    context.run([&]() -> task<> {
        auto ends = co_await connect_ends(context);
        const auto before = context.io().metrics();
        auto stream = ends.near.recv_stream();
        co_await write(ends.far, "hello");
        auto chunk = co_await stream.next();
        const auto after = context.io().metrics();
        EXPECT_EQ(after.sends_direct - before.sends_direct, 1u);
        EXPECT_EQ(after.sends_ring, before.sends_ring);
        EXPECT_GE(after.ready_max, 1u);
        EXPECT_EQ(after.pinned, 1u);
        chunk.reset();
        EXPECT_EQ(context.io().metrics().pinned, 0u);
        const auto cancels = context.io().metrics().cancels;
        ends.near.cancel();
        co_await yield();
        EXPECT_EQ(context.io().metrics().cancels, cancels + 1);
    });
}

// busy_max reveals a task that computes for a long time and so delays all others.
TEST(Metrics, ReportTheLongestIteration) {
    real_context context;
    context.run([&]() -> task<> {
        constexpr auto busy = std::chrono::milliseconds(5);
        const auto begin = steady_clock::now();
        while (steady_clock::now() - begin < busy)
            ;
        co_await yield();
        const std::chrono::nanoseconds longest(context.io().metrics().busy_max);
        EXPECT_GE(longest, busy * 9 / 10);  // measured by another clock
        EXPECT_LE(longest, steady_clock::now() - begin + std::chrono::seconds(1));
    });
}

}  // namespace
}  // namespace coil::test
