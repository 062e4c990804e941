// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT

// Conformance of every stream type: end of stream and reset.

#include <algorithm>
#include <array>
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "algo/every_stream.hpp"

namespace coil::test {
namespace {

template <class Stream>
class StreamEnd : public every_stream<Stream> {};

TYPED_TEST_SUITE(StreamEnd, streams, stream_names);

// ---- end of stream ----------------------------------------------------------------------------------------

TYPED_TEST(StreamEnd, EofIsZeroAndRepeats) {
    this->run([](auto& both) -> task<> {
        EXPECT_FALSE(co_await TestFixture::end_sending(both.far));
        std::array<char, 10> buffer;
        for (int i = 0; i < 3; ++i) {
            auto [ec, n] = co_await as_tuple(both.near.recv(buffer));
            EXPECT_FALSE(ec) << ec.message();
            EXPECT_EQ(n, 0u);
        }
    });
}

TYPED_TEST(StreamEnd, WaitingRecvSeesEof) {
    this->run([this](auto& both) -> task<> {
        auto reader = co_spawn(this->context(), this->recv_to_the_end(both.near));
        co_await yield_times(3);
        EXPECT_FALSE(reader.done());
        co_await TestFixture::end_sending(both.far);
        EXPECT_EQ(co_await reader.join(), "");
    });
}

TYPED_TEST(StreamEnd, DeliversBytesBeforeEof) {
    this->run([this](auto& both) -> task<> {
        auto reader = co_spawn(this->context(), this->recv_to_the_end(both.near));
        co_await write(both.far, "the last ");
        co_await write(both.far, "words");
        co_await TestFixture::close(both.far);
        EXPECT_EQ(co_await reader.join(), "the last words");
    });
}

TYPED_TEST(StreamEnd, EofInsideReadCarriesCount) {
    for (std::size_t available = 0; available <= 12; ++available) {
        this->run([available](auto& both) -> task<> {
            const numbered_bytes bytes(6);
            co_await write(both.far, bytes.part(0, std::min<std::size_t>(available, 7)));
            std::array<char, 12> buffer;
            auto reader = co_spawn(co_await this_coro::context, [&]() -> task<> {
                auto [ec, n] = co_await as_tuple(read(both.near, buffer));
                EXPECT_EQ(n, available);
                if (available < buffer.size())
                    EXPECT_EQ(ec, error::eof);
                else
                    EXPECT_FALSE(ec) << ec.message();
            });
            co_await yield();
            if (available > 7)
                co_await write(both.far, bytes.part(7, available - 7));
            co_await TestFixture::end_sending(both.far);
            co_await reader.join();
            EXPECT_TRUE(bytes.match_at(0, std::span(buffer).first(available)));
        });
    }
}

TYPED_TEST(StreamEnd, EofInReadThrowsTransferError) {
    this->run([](auto& both) -> task<> {
        co_await write(both.far, "abc");
        co_await TestFixture::close(both.far);
        std::array<char, 5> first;
        std::array<char, 5> second;
        try {
            co_await read(both.near, first, second);
            ADD_FAILURE() << "no error";
        } catch (const transfer_error& failure) {
            EXPECT_EQ(failure.code(), error::eof);
            EXPECT_EQ(failure.bytes_transferred(), 3u);
            EXPECT_NE(std::string_view(failure.what()).find("read"), std::string_view::npos)
                << failure.what();
        }
    });
}

TYPED_TEST(StreamEnd, HalfCloseKeepsOtherDirection) {
    this->run([](auto& both) -> task<> {
        co_await TestFixture::end_sending(both.far);
        std::array<char, 10> buffer;
        EXPECT_EQ(co_await both.near.recv(buffer), 0u);
        co_await write(both.near, "still here");
        EXPECT_EQ(co_await read(both.far, buffer), 10u);
        EXPECT_EQ(std::string_view(buffer.data(), 10), "still here");
    });
}

TYPED_TEST(StreamEnd, SendAfterShutdownIsBrokenPipe) {
    this->run([](auto& both) -> task<> {
        co_await TestFixture::end_sending(both.near);
        auto [ec, n] = co_await as_tuple(both.near.send("late"));  // a SIGPIPE would kill this program
        EXPECT_EQ(ec, error::broken_pipe);
        EXPECT_EQ(n, 0u);
        auto [all_ec, all_n] = co_await as_tuple(write(both.near, "late"));
        EXPECT_EQ(all_ec, error::broken_pipe);
        EXPECT_EQ(all_n, 0u);
    });
}

TYPED_TEST(StreamEnd, SendToClosedPeerFailsEventually) {
    this->run([](auto& both) -> task<> {
        co_await TestFixture::close(both.far);
        const std::string block(100'000, 'x');
        std::error_code ec;
        for (int i = 0; i < 1000 && !ec; ++i) {
            auto [failure, n] = co_await as_tuple(write(both.near, block));
            ec = failure;
            EXPECT_EQ(n < block.size(), static_cast<bool>(ec));
        }
        EXPECT_TRUE(ec == error::broken_pipe || ec == error::connection_reset) << ec.message();
    });
}

// ---- reset ------------------------------------------------------------------------------------------------

TYPED_TEST(StreamEnd, ResetFailsWaitingRecv) {
    this->run([this](auto& both) -> task<> {
        auto reader = co_spawn(this->context(), [&]() -> task<> {
            std::array<char, 10> buffer;
            auto [ec, n] = co_await as_tuple(both.near.recv(buffer));
            EXPECT_EQ(ec, error::connection_reset) << ec.message();
            EXPECT_EQ(n, 0u);
        });
        co_await yield_times(2);
        TestFixture::transport_type::reset(both.far);
        co_await reader.join();
        auto [ec, n] = co_await as_tuple(both.near.send("x"));
        EXPECT_TRUE(ec == error::broken_pipe || ec == error::connection_reset) << ec.message();
        EXPECT_EQ(n, 0u);
    });
}

TYPED_TEST(StreamEnd, ResetInsideReadCarriesCount) {
    this->run([this](auto& both) -> task<> {
        std::array<char, 10> buffer;
        auto reader = co_spawn(this->context(), [&]() -> task<> {
            auto [ec, n] = co_await as_tuple(read(both.near, buffer));
            EXPECT_EQ(ec, error::connection_reset) << ec.message();
            EXPECT_EQ(n, 3u);
        });
        co_await write(both.far, "abc");
        co_await yield_times(1000);
        TestFixture::transport_type::reset(both.far);
        co_await reader.join();
        EXPECT_EQ(std::string_view(buffer.data(), 3), "abc");
    });
}

TYPED_TEST(StreamEnd, ResetFailsPendingWrite) {
    this->run([this](auto& both) -> task<> {
        auto writer = co_spawn(this->context(), [&]() -> task<> {
            auto [ec, n] = co_await as_tuple(write(both.near, endless()));
            EXPECT_TRUE(ec == error::broken_pipe || ec == error::connection_reset) << ec.message();
            EXPECT_LT(n, endless().size());
        });
        co_await yield_times(200);
        EXPECT_FALSE(writer.done());
        TestFixture::transport_type::reset(both.far);
        co_await writer.join();
    });
}

}  // namespace
}  // namespace coil::test
