// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT

// Conformance of every stream type: concurrent use and cancellation.

#include <algorithm>
#include <array>
#include <cstddef>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "algo/every_stream.hpp"

namespace coil::test {
namespace {

template <class Stream>
class StreamCancel : public every_stream<Stream> {};

TYPED_TEST_SUITE(StreamCancel, streams, stream_names);

// ---- concurrent use ---------------------------------------------------------------------------------------

TYPED_TEST(StreamCancel, RejectsSecondReader) {
    const auto story = [this] {
        this->run([this](auto& both) -> task<> {
            auto first = co_spawn(this->context(), this->recv_to_the_end(both.near));
            co_await yield();
            char buffer[1];
            auto [ec, n] = co_await as_tuple(both.near.recv(buffer));
            EXPECT_EQ(ec, error::operation_in_progress);
            EXPECT_EQ(n, 0u);
            auto [read_ec, read_n] = co_await as_tuple(read(both.near, buffer));
            EXPECT_EQ(read_ec, error::operation_in_progress);
            co_await write(both.far, "for the first");
            co_await TestFixture::close(both.far);
            EXPECT_EQ(co_await first.join(), "for the first");
        });
    };
    story();
}

TYPED_TEST(StreamCancel, RejectsSecondWriter) {
    const auto story = [this] {
        this->run([this](auto& both) -> task<> {
            auto first = co_spawn(this->context(), [&]() -> task<> {
                auto [ec, n] = co_await as_tuple(write(both.near, endless()));
                EXPECT_EQ(ec, error::operation_aborted);
            });
            co_await yield_times(200);
            CO_ASSERT_FALSE(first.done());
            auto [ec, n] = co_await as_tuple(both.near.send("between"));
            EXPECT_EQ(ec, error::operation_in_progress);
            EXPECT_EQ(n, 0u);
            both.near.cancel();
            co_await first.join();
        });
    };
    story();
}

// ---- cancel -----------------------------------------------------------------------------------------------

TYPED_TEST(StreamCancel, StreamWorksAfterStoppedRecv) {
    this->run([this](auto& both) -> task<> {
        for (int i = 0; i < 3; ++i) {
            auto reader = co_spawn(this->context(), [&]() -> task<> {
                std::array<char, 10> buffer;
                auto [ec, n] = co_await as_tuple(both.near.recv(buffer));
                EXPECT_EQ(ec, error::operation_aborted);
                EXPECT_EQ(ec, std::errc::operation_canceled);
                EXPECT_EQ(n, 0u);
            });
            co_await yield_times(2);
            reader.request_stop();
            co_await reader.join();
        }
        co_await write(both.far, "on");
        std::array<char, 2> buffer;
        EXPECT_EQ(co_await read(both.near, buffer), 2u);
        EXPECT_EQ(std::string_view(buffer.data(), 2), "on");
    });
}

TYPED_TEST(StreamCancel, CancelEndsReaderAndWriter) {
    this->run([this](auto& both) -> task<> {
        auto reader = co_spawn(this->context(), [&]() -> task<> {
            std::array<char, 10> buffer;
            auto [ec, n] = co_await as_tuple(read(both.near, buffer));
            EXPECT_EQ(ec, error::operation_aborted);
            EXPECT_EQ(n, 0u);
        });
        std::size_t sent = 0;
        auto writer = co_spawn(this->context(), [&]() -> task<> {
            auto [ec, n] = co_await as_tuple(write(both.near, endless()));
            EXPECT_EQ(ec, error::operation_aborted);
            sent = n;
        });
        co_await yield_times(200);
        both.near.cancel();
        co_await reader.join();
        co_await writer.join();
        auto ending = co_spawn(this->context(), TestFixture::end_sending(both.near));
        const std::string arrived = co_await this->recv_to_the_end(both.far);
        EXPECT_EQ(arrived.size(), sent);
        EXPECT_FALSE(co_await ending.join());
    });
}

TYPED_TEST(StreamCancel, IdleCancelIsNoOp) {
    this->run([](auto& both) -> task<> {
        both.near.cancel();
        co_await write(both.far, "ab");
        std::array<char, 2> buffer;
        EXPECT_EQ(co_await read(both.near, buffer), 2u);
        both.near.cancel();
        EXPECT_EQ(co_await write(both.near, buffer), 2u);
    });
}

// The cancel comes after the bytes of the first step have arrived, and before the read submits the next step.
TYPED_TEST(StreamCancel, CancelBetweenStepsIsNotLost) {
    this->run([this](auto& both) -> task<> {
        std::array<char, 10> buffer;
        std::size_t received = 0;
        auto reader = co_spawn(this->context(), [&]() -> task<> {
            auto [ec, n] = co_await as_tuple(read(both.near, buffer));
            EXPECT_EQ(ec, error::operation_aborted) << ec.message();
            received = n;
        });
        co_await yield_times(3);
        auto writer = co_spawn(this->context(), [&]() -> task<> { co_await write(both.far, "abc"); });
        co_await yield();
        both.near.cancel();
        co_await reader.join();
        co_await writer.join();
        CO_ASSERT_LE(received, 3u);
        if (received < 3)
            co_await read(both.near, mutable_buffer(buffer.data() + received, 3 - received));
        EXPECT_EQ(std::string_view(buffer.data(), 3), "abc");
    });
}

// Stops readers after 0, 1, 2 ... yields while bytes arrive in pieces. Each reader continues exactly after
// the last byte that the one before it received.
TYPED_TEST(StreamCancel, StoppedReadCountsExactly) {
    this->run([this](auto& both) -> task<> {
        const numbered_bytes bytes(8);
        const std::size_t size = std::min<std::size_t>(this->volume(), 30'000);
        auto writer = co_spawn(this->context(), [&]() -> task<> {
            std::minstd_rand random(8);
            for (std::size_t sent = 0; sent < size;) {
                const std::size_t n = std::min<std::size_t>(random() % 300 + 1, size - sent);
                sent += co_await write(both.far, bytes.part(sent, n));
                co_await yield_times(random() % 3);
            }
            co_await TestFixture::end_sending(both.far);
        });
        std::size_t received = 0;
        std::size_t stopped = 0;
        bool ended = false;
        std::size_t round = 0;
        while (!ended) {
            const bool whole = round % 2 == 0;
            auto reader = co_spawn(this->context(), [&]() -> task<> {
                std::vector<char> buffer(997);
                outcome<std::size_t> result = std::size_t{0};
                if (whole)
                    result = co_await as_tuple(read(both.near, buffer));
                else
                    result = co_await as_tuple(both.near.recv(buffer));
                const auto [ec, n] = result;
                EXPECT_TRUE(bytes.match_at(received, std::span(buffer).first(n)));
                received += n;
                ended = ec == error::eof || (!ec && n == 0);
                stopped += ec == error::operation_aborted;
            });
            co_await yield_times(round++ % 40);
            reader.request_stop();
            co_await reader.join();
            CO_ASSERT_FALSE(this->HasFailure());
        }
        EXPECT_EQ(received, size);
        EXPECT_GT(stopped, 0u);
        co_await writer.join();
    });
}

TYPED_TEST(StreamCancel, StoppedWriteCountsExactly) {
    this->run([this](auto& both) -> task<> {
        const numbered_bytes bytes(9);
        const std::size_t size = this->volume();
        auto reader = co_spawn(this->context(), [&]() -> task<> {
            std::vector<char> buffer(8000);
            std::size_t received = 0;
            while (const std::size_t n = co_await both.far.recv(buffer)) {
                CO_ASSERT_TRUE(bytes.match_at(received, std::span(buffer).first(n)));
                received += n;
                co_await yield_times(received % 2);
            }
            EXPECT_EQ(received, size);
        });
        std::size_t sent = 0;
        std::size_t stopped = 0;
        const std::string all = bytes.part(0, size);
        std::size_t round = 0;
        while (sent < size) {
            const bool whole = round % 2 == 0;
            auto writer = co_spawn(this->context(), [&]() -> task<> {
                const const_buffer rest = const_buffer(all) + sent;
                outcome<std::size_t> result = std::size_t{0};
                if (whole)
                    result = co_await as_tuple(write(both.near, rest));
                else
                    result = co_await as_tuple(both.near.send(rest));
                const auto [ec, n] = result;
                sent += n;
                stopped += ec == error::operation_aborted;
            });
            co_await yield_times(round++ % 40);
            writer.request_stop();
            co_await writer.join();
            CO_ASSERT_FALSE(this->HasFailure());
        }
        EXPECT_EQ(sent, size);
        EXPECT_GT(stopped, 0u);
        co_await TestFixture::end_sending(both.near);
        co_await reader.join();
    });
}

}  // namespace
}  // namespace coil::test
