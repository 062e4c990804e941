// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT

// Receive streams on the real kernel. A reader that keeps chunks, a peer that floods, or one that disconnects
// must not starve the other streams of the pool.

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <optional>
#include <random>
#include <span>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <coil/algo/read.hpp>
#include <coil/algo/write.hpp>
#include <coil/loop/buffer_pool.hpp>
#include <coil/op/recv_stream.hpp>

#include "net/connected.hpp"

namespace coil::test {
namespace {

constexpr std::size_t period = 65521;  // a prime: no buffer's size is a multiple of it

/// Bytes that depend on their position.
std::vector<std::byte> pattern(std::size_t size, std::uint32_t seed = 1) {
    std::vector<std::byte> bytes(size);
    for (std::size_t i = 0; i < std::min(size, period); ++i)
        bytes[i] = static_cast<std::byte>((i * 2654435761u + seed) >> 13);
    for (std::size_t done = period; done < size; done += period)
        std::memcpy(bytes.data() + done, bytes.data(), std::min(period, size - done));
    return bytes;
}

bool starts_with(std::span<const std::byte> bytes, const chunk& beginning) {
    return beginning.size() <= bytes.size() &&
           std::memcmp(bytes.data(), beginning.data(), beginning.size()) == 0;
}

task<> send_and_finish(tcp::socket& to, std::span<const std::byte> bytes) {
    co_await write(to, bytes);
    to.shutdown(socket_base::shutdown_send);
}

task<> echo(tcp::socket& peer) {
    auto incoming = peer.recv_stream();
    while (auto chunk = co_await incoming.next())
        co_await write(peer, *chunk);
    peer.shutdown(socket_base::shutdown_send);
}

/// Sends bytes to an echo server, and checks the response.
task<> request_echo(tcp::socket& server, std::uint32_t seed, std::size_t size) {
    const auto request = pattern(size, seed);
    std::vector<std::byte> response(size);
    co_await write(server, request);
    co_await read(server, response);
    EXPECT_EQ(response, request);
}

TEST(RecvStreams, DeliverEveryByteInOrder) {
    real_context context;
    context.run([&]() -> task<> {
        auto ends = co_await connect_ends(context);
        const auto sent = pattern(8 << 20);
        auto sending = co_spawn(context.io(), send_and_finish, std::ref(ends.far), std::span(sent));
        auto incoming = ends.near.recv_stream();
        std::vector<std::byte> received;
        while (auto chunk = co_await incoming.next())
            received.insert(received.end(), chunk->begin(), chunk->end());
        EXPECT_TRUE(received == sent);
        co_await sending.join();
        EXPECT_FALSE(co_await incoming.next());  // the end is sticky
        std::array<std::byte, 1> one;
        EXPECT_EQ(co_await ends.near.recv(one), 0u);
        EXPECT_EQ(context.io().pool().metrics().pinned, 0u);
    });
}

// The stream is dropped at random positions, and a plain recv continues there, repeatedly.
TEST(RecvStreams, LeaveUnreadBytesToRecv) {
    real_context context;
    context.run([&]() -> task<> {
        std::mt19937 random(7);
        auto ends = co_await connect_ends(context);
        const auto sent = pattern(4 << 20);
        auto sending = co_spawn(context.io(), send_and_finish, std::ref(ends.far), std::span(sent));
        std::vector<std::byte> received;
        std::vector<std::byte> buffer(100'000);
        bool ended = false;
        while (!ended) {
            {
                auto incoming = ends.near.recv_stream();
                for (auto chunks = random() % 3; chunks > 0 && !ended; --chunks) {
                    auto chunk = co_await incoming.next();
                    ended = !chunk;
                    if (chunk)
                        received.insert(received.end(), chunk->begin(), chunk->end());
                }
            }
            const auto some = std::span(buffer).first(1 + random() % buffer.size());
            const std::size_t n = co_await ends.near.recv(some);
            ended = n == 0;
            received.insert(received.end(), some.begin(), some.begin() + static_cast<std::ptrdiff_t>(n));
        }
        EXPECT_TRUE(received == sent);
        co_await sending.join();
    });
}

TEST(RecvStreams, DoNotStarveOthersWhenUnread) {
    real_context context;
    context.run([&]() -> task<> {
        // One peer floods a task that reads the first chunk only.
        auto flooded = co_await connect_ends(context);
        auto incoming = flooded.near.recv_stream();
        const auto flood = pattern(48 << 20);
        auto flooding = co_spawn(context.io(), send_and_finish, std::ref(flooded.far), std::span(flood));
        auto first = co_await incoming.next();
        EXPECT_TRUE(first.has_value());

        std::vector<connection> clients;
        std::vector<join_handle<void>> tasks;
        for (int i = 0; i < 100; ++i)
            clients.push_back(co_await connect_ends(context));
        for (auto& each: clients)
            tasks.push_back(co_spawn(context.io(), echo, std::ref(each.far)));
        for (std::uint32_t round = 0; round < 3; ++round) {
            std::vector<join_handle<void>> asking;
            for (auto& each: clients)
                asking.push_back(
                    co_spawn(context.io(), request_echo, std::ref(each.near), round, 5000 * round + 1));
            for (auto& each: asking)
                co_await each.join();
        }
        EXPECT_FALSE(flooding.done());  // back-pressure has reached the sender
        for (auto& each: clients)
            each.near.shutdown(socket_base::shutdown_send);
        for (auto& each: tasks)
            co_await each.join();

        std::size_t received = first->size();
        bool in_order = starts_with(flood, *first);
        first.reset();
        while (auto chunk = co_await incoming.next()) {
            in_order = in_order && starts_with(std::span(flood).subspan(received), *chunk);
            received += chunk->size();
        }
        EXPECT_TRUE(in_order);
        EXPECT_EQ(received, flood.size());
        co_await flooding.join();
    });
}

// A thousand chunks of ten bytes are held. Between two of them, as many bytes as a pool entry holds pass
// through another stream.
TEST(RecvStreams, ManyHeldChunksDoNotStopTraffic) {
    real_context context;
    context.run([&]() -> task<> {
        constexpr std::size_t parked = 1000;
        const auto little = pattern(10);
        const auto much = pattern(256 << 10);
        auto busy = co_await connect_ends(context);
        auto stream = busy.near.recv_stream();
        auto parking = co_await connect_ends(context);
        std::vector<chunk> held;
        for (std::size_t i = 0; i < parked; ++i) {
            co_await write(parking.far, little);
            held.push_back(co_await parking.near.recv_chunk());
            auto sending = co_spawn(context.io(), [&]() -> task<> { co_await write(busy.far, much); });
            for (std::size_t left = much.size(); left > 0;) {
                auto chunk = co_await stream.next();
                CO_ASSERT_TRUE(chunk.has_value());
                left -= chunk->size();
            }
            co_await sending.join();
        }
        for (const chunk& each: held)
            EXPECT_TRUE(each.size() == little.size() && starts_with(little, each));
        EXPECT_GT(context.io().pool().metrics().copied, parked / 2);
        held.clear();
        EXPECT_EQ(context.io().pool().metrics().pinned, 0u);
    });
}

// A pool of 1 MiB, and 200 connections that need more than that all the time.
TEST(RecvStreams, AllContinueWhenThePoolIsTooSmall) {
    real_context context({.pool_size = 1 << 20});
    context.run([&]() -> task<> {
        constexpr std::size_t size = 100'000;
        std::vector<connection> clients;
        std::vector<join_handle<void>> tasks;
        for (int i = 0; i < 200; ++i)
            clients.push_back(co_await connect_ends(context));
        const auto before = context.io().metrics();
        for (auto& each: clients) {
            tasks.push_back(co_spawn(context.io(), echo, std::ref(each.far)));
            tasks.push_back(co_spawn(context.io(), request_echo, std::ref(each.near), 1, size));
        }
        for (std::size_t i = 1; i < tasks.size(); i += 2)
            co_await tasks[i].join();
        EXPECT_LT(context.io().metrics().submissions - before.submissions, 200'000u);  // no stream spins
        for (auto& each: clients)
            each.near.shutdown(socket_base::shutdown_send);
        for (std::size_t i = 0; i < tasks.size(); i += 2)
            co_await tasks[i].join();
        EXPECT_EQ(context.io().pool().metrics().pinned, 0u);
    });
}

// Regression: half of the connections had all of a pool that was too small. In every iteration, the streams
// that had got ENOBUFS queued behind those that had just been served.
TEST(RecvStreams, ShareASmallPoolFairly) {
    real_context context({.pool_size = 1 << 20});
    context.run([&]() -> task<> {
        constexpr std::size_t size = 4 << 20;
        const auto sent = pattern(size);
        struct client {
            connection ends;
            std::size_t echoed = 0;
        };
        std::vector<client> clients(64);
        for (client& each: clients)
            each.ends = co_await connect_ends(context);
        std::size_t least = size;
        const auto echo_and_count = [&](client& own) -> task<> {
            auto incoming = own.ends.far.recv_stream();
            while (auto chunk = co_await incoming.next()) {
                co_await write(own.ends.far, *chunk);
                own.echoed += chunk->size();
                if (own.echoed == size && least == size)
                    for (const client& each: clients)
                        least = std::min(least, each.echoed);
            }
        };
        const auto drain = [&](client& own) -> task<> {
            std::vector<std::byte> buffer(size / 2);
            for (std::size_t left = size; left > 0;)
                left -= co_await own.ends.near.recv(buffer);
            own.ends.near.shutdown(socket_base::shutdown_send);
        };
        std::vector<join_handle<void>> tasks;
        for (client& each: clients) {
            tasks.push_back(co_spawn(context.io(), echo_and_count, std::ref(each)));
            tasks.push_back(co_spawn(context.io(), drain, std::ref(each)));
            tasks.push_back(
                co_spawn(context.io(), [&]() -> task<> { co_await write(each.ends.near, sent); }));
        }
        for (auto& each: tasks)
            co_await each.join();
        EXPECT_GE(least, size / 32);  // when the first finished; was 0
    });
}

TEST(RecvStreams, DeliverBytesBeforeAReset) {
    real_context context;
    auto [socket, peer] = context.connection();
    context.run([&]() -> task<> {
        auto incoming = socket.recv_stream();
        peer.send("hello");
        EXPECT_EQ((co_await incoming.next())->text(), "hello");
        peer.reset();
        auto received = co_await as_tuple(incoming.next());
        EXPECT_EQ(received.error(), error::connection_reset);
    });
}

// Each thread that runs the context has a ring of its own. The pool and the bytes received so far move to the
// new one.
TEST(RecvStreams, ContinueOnAnotherThread) {
    io_context context;
    plain_listener listener;
    tcp::socket socket(context);
    socket.assign(tcp::v4(), listener.connect());
    plain_peer peer = listener.accept();
    std::optional stream(socket.recv_stream());
    std::string received;
    const auto receive = [&](std::size_t size) -> task<> {
        while (received.size() < size) {
            auto chunk = co_await stream->next();
            CO_ASSERT_TRUE(chunk.has_value());
            received += chunk->text();
        }
    };
    for (std::size_t round = 1; round <= 3; ++round) {
        peer.send("0123456789");
        std::thread([&] {
            context.restart();
            co_spawn(context, receive, 10 * round, detached);
            context.run();
        }).join();
        EXPECT_EQ(received.size(), 10 * round);
    }
    EXPECT_EQ(received, "012345678901234567890123456789");
    stream.reset();
}

}  // namespace
}  // namespace coil::test
