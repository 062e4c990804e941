// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#include <array>
#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include <sys/socket.h>

#include <coil/algo/write.hpp>
#include <coil/coro/yield.hpp>
#include <coil/io/sleep.hpp>
#include <coil/loop/buffer_pool.hpp>
#include <coil/net/local.hpp>

#include "support/allocations.hpp"
#include "support/real_context.hpp"

// Bytes allocated for each connection of a server, as documented in docs/guides/deployment.md, "Limits".

namespace coil::test {
namespace {

using socket_type = local::stream_protocol::socket;

/// Connections of a context to peers outside of it.
class Memory : public testing::Test {
protected:
    void connect(std::size_t count, std::vector<socket_type>& sockets) {
        for (std::size_t i = 0; i < count; ++i) {
            int numbers[2];
            ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, numbers), 0);
            sockets.emplace_back(context_.io()).assign({}, numbers[0]);
            peers_.emplace_back(numbers[1]);
        }
    }

    // The peers use plain system calls, which allocate nothing: all counted bytes are the library's.
    static task<> echo(socket_type socket) {
        auto incoming = socket.recv_stream();
        while (auto chunk = co_await incoming.next())
            co_await write(socket, *chunk);
    }
    /// Gives the kernel time to deliver what was sent.
    static task<> let_arrive() {
        for (int i = 0; i < 5; ++i)
            co_await sleep_for(std::chrono::microseconds(200));
    }
    task<> exchange() {
        for (const plain_peer& each: peers_)
            each.send("hello");
        co_await let_arrive();
        std::array<char, 10> answer;
        for (const plain_peer& each: peers_)
            EXPECT_EQ(::recv(each.number(), answer.data(), answer.size(), 0), 5);
    }
    void hang_up() { peers_.clear(); }

    real_context context_;
    std::vector<plain_peer> peers_;
};

TEST_F(Memory, IdleConnectionTakesAboutAKibibyte) {
    constexpr std::size_t count = 100;
    context_.run([&]() -> task<> {
        static_cast<void>(context_.io().pool());
        peers_.reserve(2 * count);
        std::vector<socket_type> sockets;
        sockets.reserve(2 * count);
        const auto serve_more = [&]() -> task<> {
            sockets.clear();
            connect(count, sockets);
            for (socket_type& each: sockets)
                co_spawn(context_.io(), echo(std::move(each)), detached);
            co_await exchange();
        };
        co_await serve_more();  // warms up caches and containers
        const long long before = allocations::bytes();
        co_await serve_more();
        const long long each = (allocations::bytes() - before) / static_cast<long long>(count);
        RecordProperty("bytes", static_cast<int>(each));
        EXPECT_GT(each, 200);  // something was counted
        // On epoll, the state that the kernel keeps for io_uring is in the process.
        EXPECT_LE(each, context_.io().engine() == io_engine::epoll ? 1536 : 1280);
        hang_up();
    });
}

// Regression: each single byte was a chunk, with 24 bytes in a list that doubled and a block of 32. An unread
// 256 KiB took 6 to 15 MiB.
TEST_F(Memory, PacksUnreadSingleBytes) {
    constexpr std::size_t count = 4;
    constexpr int bytes = 3000;
    context_.run([&]() -> task<> {
        static_cast<void>(context_.io().pool());
        std::vector<socket_type> sockets;
        std::vector<recv_stream> streams;
        connect(count, sockets);
        for (std::size_t i = 0; i < count; ++i) {
            streams.push_back(sockets[i].recv_stream());
            peers_[i].send("x");
            EXPECT_EQ((co_await streams[i].next())->size(), 1u);
        }
        // Alternates between the connections, so that the bytes of one connection are not contiguous.
        const long long before = allocations::bytes();
        for (int i = 0; i < bytes; ++i) {
            for (const plain_peer& each: peers_)
                each.send("y");
            co_await yield();
        }
        co_await let_arrive();
        EXPECT_LE(allocations::bytes() - before, static_cast<long long>(count) * (2 * bytes + 8192));
        for (recv_stream& each: streams) {
            std::size_t received = 0;
            while (received < bytes) {
                auto next = co_await each.next();
                CO_ASSERT_TRUE(next.has_value());
                for (const std::byte value: *next)
                    CO_ASSERT_EQ(static_cast<char>(value), 'y');
                received += next->size();
            }
        }
        EXPECT_EQ(context_.io().metrics().held, 0u);
        // Reading releases the memory.
        EXPECT_LE(allocations::bytes() - before, static_cast<long long>(count) * 1024);
    });
}

}  // namespace
}  // namespace coil::test
