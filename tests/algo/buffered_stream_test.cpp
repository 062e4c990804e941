// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT

// buffered_reader and buffered_writer over every stream type: lines and messages that one end writes arrive
// unchanged at the other.

#include <algorithm>
#include <array>
#include <cstddef>
#include <random>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <coil/algo/buffered_reader.hpp>
#include <coil/algo/buffered_writer.hpp>

#include "algo/every_stream.hpp"

namespace coil::test {
namespace {

template <class Stream>
class BufferedStream : public every_stream<Stream> {
protected:
    /// Line `number`. Its length varies; every 50th line is long.
    static std::string line(std::size_t number) {
        const std::size_t size = number % 50 == 49 ? number * 37 % 9000 : number * 7 % 90;
        std::string text = std::to_string(number) + ":";
        text.append(size, static_cast<char>('a' + number % 26));
        return text;
    }
};

TYPED_TEST_SUITE(BufferedStream, streams, stream_names);

TYPED_TEST(BufferedStream, TransfersLines) {
    this->run([this](auto& both) -> task<> {
        const std::size_t count = this->volume() / 400;
        auto writing = co_spawn(this->context(), [&]() -> task<> {
            buffered_writer writer(std::move(both.far), {.capacity = 1000});
            for (std::size_t i = 0; i < count; ++i)
                co_await writer.write(this->line(i), std::string_view(i % 3 == 0 ? "\r\n" : "\n"));
            co_await writer.flush();
            co_await TestFixture::close(writer.stream());
        });
        buffered_reader reader(std::move(both.near), {.initial = 64});
        std::size_t received = 0;
        while (auto line = co_await reader.read_line())
            CO_ASSERT_EQ(*line, this->line(received++));
        EXPECT_EQ(received, count);
        co_await writing.join();
    });
}

TYPED_TEST(BufferedStream, TransfersSizedMessages) {
    this->run([this](auto& both) -> task<> {
        const numbered_bytes bytes(11);
        const std::size_t total = std::min<std::size_t>(this->volume(), 500'000);
        const auto size_at = [](std::size_t sent) { return sent * 31 % 5000 + 1; };
        auto writing = co_spawn(this->context(), [&]() -> task<> {
            buffered_writer writer(both.far, {.capacity = 4096});
            for (std::size_t sent = 0; sent < total; sent += size_at(sent)) {
                const std::string body = bytes.part(sent, size_at(sent));
                const std::string head = std::to_string(body.size()) + ";";
                const std::array<const_buffer, 3> pieces{head, body, "."};
                co_await writer.write(const_buffers(pieces));
            }
            co_await writer.flush();
            co_await TestFixture::end_sending(both.far);
        });
        buffered_reader reader(both.near, {.initial = 512, .limit = 6000});
        std::size_t received = 0;
        while (auto head = co_await reader.read_until(";")) {
            const std::size_t size = std::stoul(std::string(*head));
            CO_ASSERT_EQ(size, size_at(received));
            std::string body(size, '\0');
            switch (received % 4) {
            case 0: body = co_await reader.read_exactly(size); break;
            case 1: co_await reader.read_exactly(body); break;
            case 2: {
                const mutable_buffer all(body);
                co_await read(reader, all.first(size / 2), all + size / 2);
                break;
            }
            default: {
                const auto seen = co_await reader.peek(size);
                body = seen->substr(0, size);
                reader.consume(size);
            }
            }
            CO_ASSERT_TRUE(bytes.match_at(received, std::span<const char>(body)));
            EXPECT_EQ(co_await reader.read_exactly(1), ".");
            received += size;
        }
        EXPECT_GE(received, total);
        co_await writing.join();
    });
}

TYPED_TEST(BufferedStream, ReadsAndWritesConcurrently) {
    this->run([this](auto& both) -> task<> {
        const std::size_t count = this->volume() / 1000;
        auto echo = co_spawn(this->context(), [&]() -> task<> {
            buffered_reader reader(std::move(both.far));
            buffered_writer writer(reader.stream());
            while (auto line = co_await reader.read_line()) {
                co_await writer.write(*line, "\n");
                if (reader.leftover().empty())
                    co_await writer.flush();
            }
            co_await writer.flush();
            co_await TestFixture::close(reader.stream());
        });
        auto sending = co_spawn(this->context(), [&]() -> task<> {
            buffered_writer writer(both.near);
            for (std::size_t i = 0; i < count; ++i)
                co_await writer.write(this->line(i), "\n");
            co_await writer.flush();
            co_await TestFixture::end_sending(both.near);
        });
        buffered_reader reader(both.near);
        std::size_t received = 0;
        while (auto line = co_await reader.read_line())
            CO_ASSERT_EQ(*line, this->line(received++));
        EXPECT_EQ(received, count);
        co_await sending.join();
        co_await echo.join();
    });
}

TYPED_TEST(BufferedStream, ResetIsErrorNotEof) {
    this->run([this](auto& both) -> task<> {
        co_await write(both.far, "line\nhal");
        buffered_reader reader(both.near);
        EXPECT_EQ(co_await reader.read_line(), "line");
        auto reading = co_spawn(this->context(), [&]() -> task<> {
            auto [ec, line] = co_await as_tuple(reader.read_line());
            EXPECT_EQ(ec, error::connection_reset) << ec.message();
        });
        co_await yield_times(10);
        TestFixture::transport_type::reset(both.far);
        co_await reading.join();
        EXPECT_EQ(reader.leftover(), "hal");
        buffered_writer writer(both.near);
        co_await writer.write("x");
        auto [ec, n] = co_await as_tuple(writer.flush());
        EXPECT_TRUE(ec == error::broken_pipe || ec == error::connection_reset) << ec.message();
        EXPECT_EQ(writer.buffered(), 1u);
    });
}

// Stops each read after 0, 1, 2 ... yields, and each write after a random number of yields. Every byte
// arrives once.
TYPED_TEST(BufferedStream, StopsLoseAndRepeatNothing) {
    this->run([this](auto& both) -> task<> {
        const std::size_t count = std::min<std::size_t>(this->volume() / 200, 500);
        std::size_t stopped_writes = 0;
        auto writing = co_spawn(this->context(), [&]() -> task<> {
            buffered_writer writer(both.far, {.capacity = 300});
            std::minstd_rand random(12);
            for (std::size_t i = 0; i < count; ++i) {
                const std::string text = this->line(i) + "\n";
                for (std::size_t written = 0; written < text.size();) {
                    auto attempt = co_spawn(this->context(), [&]() -> task<> {
                        auto [ec, n] =
                            co_await as_tuple(writer.write(std::string_view(text).substr(written)));
                        EXPECT_TRUE(!ec || ec == error::operation_aborted) << ec.message();
                        stopped_writes += static_cast<bool>(ec);
                        written += n;
                    });
                    co_await yield_times(random() % 20);
                    attempt.request_stop();
                    co_await attempt.join();
                }
            }
            co_await writer.flush();
            co_await TestFixture::end_sending(both.far);
        });
        buffered_reader reader(both.near, {.initial = 32});
        std::size_t received = 0;
        std::size_t stopped_reads = 0;
        bool ended = false;
        std::size_t round = 0;
        while (!ended) {
            auto attempt = co_spawn(this->context(), [&]() -> task<> {
                auto [ec, line] = co_await as_tuple(reader.read_line());
                EXPECT_TRUE(!ec || ec == error::operation_aborted) << ec.message();
                stopped_reads += static_cast<bool>(ec);
                if (line) {
                    EXPECT_EQ(*line, this->line(received++));
                }
                ended = !ec && !line;
            });
            co_await yield_times(round++ % 30);
            attempt.request_stop();
            co_await attempt.join();
            CO_ASSERT_FALSE(this->HasFailure());
        }
        EXPECT_EQ(received, count);
        EXPECT_GT(stopped_reads, 0u);
        EXPECT_GT(stopped_writes, 0u);
        co_await writing.join();
    });
}

}  // namespace
}  // namespace coil::test
