// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT

// stream_pair, beyond the conformance suite of streams: it transfers exact sizes, so that users' tests can be
// exact.

#include <coil/test/stream_pair.hpp>

#include <array>
#include <memory>
#include <string>
#include <string_view>

#include <coil/algo/read.hpp>
#include <coil/algo/write.hpp>
#include <coil/coro/yield.hpp>

#include "support/scripted_context.hpp"

namespace coil::test {
namespace {

class StreamPair : public testing::Test {
protected:
    template <class F>
    void run(F&& story) {
        context_.run(story);
    }
    io_context& io() { return context_; }
    scripted_context& context() { return context_; }

private:
    scripted_context context_;
};

TEST_F(StreamPair, SendTakesWhatFits) {
    run([&]() -> task<> {
        stream_pair pair({.capacity = 5});
        EXPECT_EQ(co_await pair.first.send("abc"), 3u);
        EXPECT_EQ(co_await pair.first.send("defg"), 2u);
        std::array<char, 10> buffer;
        EXPECT_EQ(co_await pair.second.recv(buffer), 5u);
        EXPECT_EQ(std::string_view(buffer.data(), 5), "abcde");
    });
}

TEST_F(StreamPair, SendWithoutRoomWaitsForRecv) {
    run([&]() -> task<> {
        stream_pair pair({.capacity = 3});
        co_await pair.first.send("abc");
        auto sender = co_spawn(io(), [&]() -> task<> { EXPECT_EQ(co_await pair.first.send("defgh"), 2u); });
        co_await yield();
        co_await yield();
        EXPECT_FALSE(sender.done());
        std::array<char, 2> buffer;
        EXPECT_EQ(co_await pair.second.recv(buffer), 2u);
        co_await sender.join();
    });
}

TEST_F(StreamPair, LimitsTransferSize) {
    run([&]() -> task<> {
        stream_pair pair({.capacity = 100, .transfer_max = 3});
        EXPECT_EQ(co_await pair.first.send("abcdefgh"), 3u);
        const std::array<const_buffer, 2> pieces{"de", "fgh"};
        EXPECT_EQ(co_await pair.first.send(const_buffers(pieces)), 3u);
        std::array<char, 2> first;
        std::array<char, 10> second;
        const std::array<mutable_buffer, 2> into{first, second};
        EXPECT_EQ(co_await pair.second.recv(mutable_buffers(into)), 3u);
        EXPECT_EQ(std::string_view(first.data(), 2), "ab");
        EXPECT_EQ(second[0], 'c');
        EXPECT_EQ(co_await pair.second.recv(second), 3u);
        EXPECT_EQ(std::string_view(second.data(), 3), "def");
    });
}

TEST_F(StreamPair, SubmitsNothing) {
    run([&]() -> task<> {
        stream_pair pair;
        co_await write(pair.first, "hello");
        std::array<char, 5> buffer;
        co_await read(pair.second, buffer);
    });
    EXPECT_TRUE(context().script().history().empty());
}

TEST_F(StreamPair, ResetDropsDataAndFailsBothEnds) {
    run([&]() -> task<> {
        stream_pair pair;
        co_await write(pair.first, "lost");
        pair.first.reset();
        std::array<char, 5> buffer;
        for (auto* end: {&pair.first, &pair.second}) {
            auto [recv_ec, n] = co_await as_tuple(end->recv(buffer));
            EXPECT_EQ(recv_ec, error::connection_reset);
            auto [send_ec, m] = co_await as_tuple(end->send("x"));
            EXPECT_EQ(send_ec, error::connection_reset);
        }
    });
}

TEST_F(StreamPair, DestructorClosesEnd) {
    run([&]() -> task<> {
        stream_pair pair;
        {
            const auto first = std::move(pair.first);
            EXPECT_FALSE(pair.first.is_open());
            EXPECT_TRUE(first.is_open());
        }
        std::array<char, 5> buffer;
        EXPECT_EQ(co_await pair.second.recv(buffer), 0u);
        auto [ec, n] = co_await as_tuple(pair.second.send("x"));
        EXPECT_EQ(ec, error::broken_pipe);
    });
}

TEST_F(StreamPair, OperationsMayOutliveTheirEnd) {
    run([&]() -> task<> {
        auto pair = std::make_unique<stream_pair>();
        std::array<char, 5> buffer{};
        auto reader = co_spawn(io(), [&]() -> task<> {
            auto [ec, n] = co_await as_tuple(pair->second.recv(buffer));
            EXPECT_EQ(ec, error::operation_aborted);
        });
        co_await yield();
        co_await yield();
        pair.reset();
        co_await reader.join();
    });
}

// The example of the documentation: a function for any stream type.
template <class Stream>
task<std::string> greet(Stream peer) {
    co_await write(peer, "hello\n");
    std::string answer(3, '\0');
    co_await read(peer, answer);
    co_return answer;
}

TEST_F(StreamPair, TestsGenericStreamCode) {
    run([&]() -> task<> {
        stream_pair pair;
        auto greeter = co_spawn(io(), greet(std::move(pair.first)));
        std::array<char, 6> received;
        co_await read(pair.second, received);
        EXPECT_EQ(std::string_view(received.data(), 6), "hello\n");
        co_await write(pair.second, "hi!");
        EXPECT_EQ(co_await greeter.join(), "hi!");
    });
}

}  // namespace
}  // namespace coil::test
