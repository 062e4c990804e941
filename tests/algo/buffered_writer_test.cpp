// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT

// buffered_writer: when it sends, what it copies, and what stays buffered after an error or a stop.

#include <coil/algo/buffered_writer.hpp>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <sys/uio.h>

#include <coil/algo/buffered_reader.hpp>
#include <coil/algo/read.hpp>
#include <coil/algo/timeout.hpp>
#include <coil/coro/yield.hpp>
#include <coil/test/stream_pair.hpp>

#include "support/scripted_context.hpp"

namespace coil::test {
namespace {

using namespace std::chrono_literals;
using socket_writer = buffered_writer<tcp::socket>;

static_assert(!std::is_copy_constructible_v<socket_writer>);
static_assert(std::is_nothrow_move_constructible_v<socket_writer>);
static_assert(!std::is_aggregate_v<socket_writer>);

class BufferedWriter : public testing::Test {
protected:
    template <class F>
    void run(F&& story) {
        context_.run(story);
    }
    scripted_context& context() { return context_; }
    io_context& io() { return context_; }
    ring::scripted_kernel& script() { return context_.script(); }
    [[nodiscard]] std::string sent(socket_writer& by) { return script().sent(by.stream().native_handle()); }
    [[nodiscard]] std::size_t sends() {
        return script().submitted(IORING_OP_SEND) + script().submitted(IORING_OP_SENDMSG);
    }

    /// A writer on a socket, which buffers at most `capacity` bytes.
    socket_writer writer_of(std::size_t capacity) {
        return socket_writer(context_.connected_socket(), {.capacity = capacity});
    }

private:
    scripted_context context_;
};

// ---- when it sends ----------------------------------------------------------------------------------------

TEST_F(BufferedWriter, SendsNothingUntilFlush) {
    run([&]() -> task<> {
        auto writer = writer_of(100);
        const auto resumptions = io().metrics().resumptions;
        EXPECT_EQ(co_await writer.write("HTTP/1.1 "), 9u);
        EXPECT_EQ(co_await writer.write("204", std::string(" "), std::string_view("No Content")), 14u);
        const std::vector<const_buffer> ends(10, const_buffer("\r\n"));
        EXPECT_EQ(co_await writer.write(const_buffers(ends)), 20u);
        EXPECT_EQ(io().metrics().resumptions, resumptions);  // completed inline
        EXPECT_EQ(writer.buffered(), 43u);
        EXPECT_EQ(sends(), 0u);
        context().answer_next(reply::all());
        EXPECT_EQ(co_await writer.flush(), 43u);
        EXPECT_EQ(sends(), 1u);
        EXPECT_EQ(writer.buffered(), 0u);
        EXPECT_EQ(sent(writer).substr(0, 27), "HTTP/1.1 204 No Content\r\n\r\n");
    });
}

TEST_F(BufferedWriter, EmptyWriteCompletesInline) {
    run([&]() -> task<> {
        auto writer = writer_of(10);
        const auto resumptions = io().metrics().resumptions;
        EXPECT_EQ(co_await writer.flush(), 0u);
        EXPECT_EQ(co_await writer.write(""), 0u);
        EXPECT_EQ(co_await writer.write("", std::string_view()), 0u);
        EXPECT_EQ(co_await writer.write(const_buffers()), 0u);
        EXPECT_EQ(io().metrics().resumptions, resumptions);
        EXPECT_EQ(sends(), 0u);
    });
}

TEST_F(BufferedWriter, OverflowingWriteSendsWithoutCopy) {
    run([&]() -> task<> {
        auto writer = writer_of(10);
        co_await writer.write("0123456");
        co_await writer.write("789");  // just fits
        EXPECT_EQ(sends(), 0u);
        const std::string large(1000, 'x');
        script().then([&] {
            const auto submitted = script().in_flight(IORING_OP_SENDMSG);
            const auto& message = *reinterpret_cast<const msghdr*>(submitted.front().sqe().addr);
            EXPECT_EQ(message.msg_iovlen, 2u);
            EXPECT_EQ(message.msg_iov[0].iov_len, 10u);
            EXPECT_EQ(message.msg_iov[1].iov_base, large.data());
            script().answer(IORING_OP_SENDMSG, reply::all());
        });
        EXPECT_EQ(co_await writer.write(large), 1000u);
        EXPECT_EQ(writer.buffered(), 0u);
        EXPECT_EQ(sent(writer), "0123456789" + large);
        EXPECT_EQ(sends(), 1u);
    });
}

TEST_F(BufferedWriter, ZeroCapacitySendsEachWrite) {
    run([&]() -> task<> {
        auto writer = writer_of(0);
        context().answer_next(2);
        context().answer_next(reply::all());
        EXPECT_EQ(co_await writer.write("abc", "de"), 5u);
        EXPECT_EQ(sent(writer), "abcde");
    });
}

TEST_F(BufferedWriter, RepeatsPartialSends) {
    run([&]() -> task<> {
        auto writer = writer_of(4);
        co_await writer.write("abcd");
        for (const int n: {1, 1, 3, 1, 4, 2})
            context().answer_next(n);
        EXPECT_EQ(co_await writer.write("efg", "hi", "jkl"), 8u);
        EXPECT_EQ(sent(writer), "abcdefghijkl");
        co_await writer.write("mnop");
        context().answer_next(3);
        context().answer_next(1);
        EXPECT_EQ(co_await writer.flush(), 4u);
        EXPECT_EQ(sent(writer), "abcdefghijklmnop");
    });
}

TEST_F(BufferedWriter, TakesAnyNumberOfBuffers) {
    run([&]() -> task<> {
        stream_pair pair({.capacity = 50, .transfer_max = 7});
        buffered_writer writer(std::move(pair.first), {.capacity = 10});
        std::string all;
        std::vector<std::string> parts;
        for (std::size_t i = 0; i < 100; ++i) {
            parts.emplace_back(i % 4, static_cast<char>('a' + i % 26));  // empty ones among them
            all += parts.back();
        }
        const std::vector<const_buffer> buffers(parts.begin(), parts.end());
        auto writing = co_spawn(io(), [&]() -> task<> {
            EXPECT_EQ(co_await writer.write("begin:"), 6u);
            EXPECT_EQ(co_await writer.write(const_buffers(buffers)), all.size());
        });
        std::string arrived(6 + all.size(), '\0');
        co_await read(pair.second, arrived);
        EXPECT_EQ(arrived, "begin:" + all);
        co_await writing.join();
    });
}

TEST_F(BufferedWriter, WriteWaitsForRoom) {
    run([&]() -> task<> {
        stream_pair pair({.capacity = 10});
        buffered_writer writer(std::move(pair.first), {.capacity = 10});
        int written = 0;
        auto writing = co_spawn(io(), [&]() -> task<> {
            for (; written < 10; ++written)
                co_await writer.write("0123");
            co_await writer.flush();
        });
        for (int i = 0; i < 50; ++i)
            co_await yield();
        EXPECT_EQ(written, 2);  // the third passes 12 bytes to the stream, which accepts 10
        std::array<char, 40> buffer;
        co_await read(pair.second, buffer);
        co_await writing.join();
        EXPECT_EQ(written, 10);
    });
}

TEST_F(BufferedWriter, ManyInlineWritesYieldToOthers) {
    run([&]() -> task<> {
        auto writer = writer_of(10'000);
        int others_resumptions = 0;
        bool over = false;
        auto other = co_spawn(io(), [&]() -> task<> {
            while (!over) {
                ++others_resumptions;
                co_await yield();
            }
        });
        for (int i = 0; i < 1000; ++i)
            co_await writer.write("x\n");
        over = true;
        co_await other.join();
        EXPECT_GE(others_resumptions, 1000 / 64);
        EXPECT_LE(others_resumptions, 1000 / 64 + 10);
        EXPECT_EQ(writer.buffered(), 2000u);
    });
}

// ---- errors and stops -------------------------------------------------------------------------------------

TEST_F(BufferedWriter, FlushAfterErrorSendsOnlyTheRest) {
    run([&]() -> task<> {
        auto writer = writer_of(10);
        co_await writer.write("abcdefgh");
        context().answer_next(3);
        context().answer_next(-ECONNRESET);
        try {
            co_await writer.flush();
            ADD_FAILURE() << "no error";
        } catch (const transfer_error& failure) {
            EXPECT_EQ(failure.code(), error::connection_reset);
            EXPECT_EQ(failure.bytes_transferred(), 3u);
            EXPECT_EQ(std::string_view(failure.what()).find("flush: send"), 0u) << failure.what();
        }
        EXPECT_EQ(writer.buffered(), 5u);
        EXPECT_EQ(co_await writer.write("ijk"), 3u);  // there is room again
        context().answer_next(reply::all());
        EXPECT_EQ(co_await writer.flush(), 8u);
        EXPECT_EQ(sent(writer), "abcdefghijk");
    });
}

TEST_F(BufferedWriter, FailedWriteCountsOwnBytes) {
    for (const int before_the_error: {2, 5, 6, 9}) {
        run([&]() -> task<> {
            auto writer = writer_of(5);
            co_await writer.write("abcde");
            context().answer_next(before_the_error);
            context().answer_next(-ECONNRESET);
            const std::string_view more = "fghi2";
            auto [ec, n] = co_await as_tuple(writer.write(more));
            EXPECT_EQ(ec, error::connection_reset);
            const auto taken = static_cast<std::size_t>(before_the_error);
            EXPECT_EQ(n, taken > 5 ? taken - 5 : 0);
            EXPECT_EQ(writer.buffered(), taken > 5 ? 0 : 5 - taken);
            context().answer_next(reply::all());
            co_await writer.write(more.substr(n));
            if (writer.buffered() > 0)  // the rest fit into the buffer
                co_await writer.flush();
            EXPECT_EQ(sent(writer), "abcdefghi2");
        });
    }
}

TEST_F(BufferedWriter, StopKeepsUnsentBytes) {
    run([&]() -> task<> {
        auto writer = writer_of(10);
        co_await writer.write("abcdefgh");
        auto flushing = co_spawn(io(), [&]() -> task<> {
            auto [ec, n] = co_await as_tuple(writer.flush());
            EXPECT_EQ(ec, error::operation_aborted);
            EXPECT_EQ(n, 5u);
        });
        script().then([&] { script().answer(IORING_OP_SEND, 2); });
        context().then([&] {
            script().when_cancelled(3);
            flushing.request_stop();
            flushing.request_stop();
        });
        co_await flushing.join();
        EXPECT_EQ(writer.buffered(), 3u);
        context().answer_next(reply::all());
        EXPECT_EQ(co_await writer.flush(), 3u);
        EXPECT_EQ(sent(writer), "abcdefgh");
    });
}

TEST_F(BufferedWriter, StreamCancelBetweenStepsIsNotLost) {
    for (const bool writes_more: {false, true}) {
        run([&]() -> task<> {
            auto writer = writer_of(10);
            co_await writer.write("abcdefgh");
            auto sending = co_spawn(io(), [&]() -> task<> {
                outcome<std::size_t> result = std::size_t{0};
                if (writes_more)
                    result = co_await as_tuple(writer.write("ijklm"));
                else
                    result = co_await as_tuple(writer.flush());
                const auto [ec, n] = result;
                EXPECT_EQ(ec, error::operation_aborted) << ec.message();
                EXPECT_EQ(n, writes_more ? 0u : 3u);
            });
            script().then([&] {
                io().post([&] { writer.stream().cancel(); });
                script().answer(writes_more ? IORING_OP_SENDMSG : IORING_OP_SEND, 3);
            });
            co_await sending.join();
            EXPECT_EQ(writer.buffered(), 5u);
        });
    }
}

TEST_F(BufferedWriter, CompletedWriteIgnoresStop) {
    run([&]() -> task<> {
        auto writer = writer_of(2);
        auto writing = co_spawn(io(), [&]() -> task<> { EXPECT_EQ(co_await writer.write("abc"), 3u); });
        context().then([&] {
            script().when_cancelled(3);
            writing.request_stop();
        });
        co_await writing.join();
        auto again = co_spawn(io(), [&]() -> task<> { EXPECT_EQ(co_await writer.write("def"), 3u); });
        script().then([&] {
            io().post([&] { again.request_stop(); });
            script().answer(IORING_OP_SENDMSG, reply::all());
        });
        co_await again.join();
    });
}

TEST_F(BufferedWriter, StoppedScopeCopiesNothing) {
    run([&]() -> task<> {
        auto writer = writer_of(10);
        auto writing = co_spawn(io(), [&]() -> task<> {
            EXPECT_EQ(co_await writer.write("abc"), 3u);
            (co_await own_environment).request_stop();
            auto [ec, n] = co_await as_tuple(writer.write("def"));
            EXPECT_EQ(ec, error::operation_aborted);
            EXPECT_EQ(n, 0u);
            auto [flush_ec, flushed] = co_await as_tuple(writer.flush());
            EXPECT_EQ(flush_ec, error::operation_aborted);
        });
        co_await writing.join();
        EXPECT_EQ(writer.buffered(), 3u);
        EXPECT_EQ(sends(), 0u);
    });
}

TEST_F(BufferedWriter, DeadlineKeepsUnsentBytes) {
    run([&]() -> task<> {
        stream_pair pair({.capacity = 4});
        buffered_writer writer(std::move(pair.first));
        co_await writer.write("abcdefgh");
        auto [ec, n] = co_await as_tuple(timeout(writer.flush(), 1s));
        EXPECT_EQ(ec, error::timed_out);
        EXPECT_EQ(n, 4u);
        EXPECT_EQ(writer.buffered(), 4u);
        std::array<char, 8> buffer;
        auto reading = co_spawn(io(), [&]() -> task<> { co_await read(pair.second, buffer); });
        EXPECT_EQ(co_await timeout(writer.flush(), 1s), 4u);
        co_await reading.join();
        EXPECT_EQ(std::string_view(buffer.data(), 8), "abcdefgh");
    });
}

// ---- ownership and lifetime -------------------------------------------------------------------------------

TEST_F(BufferedWriter, RejectsSecondWrite) {
    const auto story = [this] {
        run([&]() -> task<> {
            stream_pair pair({.capacity = 4});
            buffered_writer writer(pair.first, {.capacity = 4});
            auto first = co_spawn(io(), [&]() -> task<> { co_await writer.write("abcdefgh"); });
            co_await yield();
            co_await yield();
            auto [ec, n] = co_await as_tuple(writer.write("x"));
            EXPECT_EQ(ec, error::operation_in_progress);
            EXPECT_THROW(static_cast<void>(writer.release()), std::system_error);
            std::array<char, 8> buffer;
            co_await read(pair.second, buffer);
            co_await first.join();
        });
    };
    story();
}

TEST_F(BufferedWriter, MoveKeepsBytesAndPendingWrite) {
    run([&]() -> task<> {
        stream_pair pair({.capacity = 4});
        buffered_writer first(std::move(pair.first), {.capacity = 8});
        co_await first.write("abcdefgh");
        auto writing = co_spawn(io(), [&]() -> task<> { EXPECT_EQ(co_await first.write("ijkl"), 4u); });
        co_await yield();
        co_await yield();
        buffered_writer second(std::move(first));
        EXPECT_EQ(first.buffered(), 0u);
        std::array<char, 12> buffer;
        co_await read(pair.second, buffer);
        EXPECT_EQ(std::string_view(buffer.data(), 12), "abcdefghijkl");
        co_await writing.join();
        co_await second.write("more");
        first = std::move(second);
        EXPECT_EQ(first.buffered(), 4u);
        auto [stream, rest] = first.release();
        EXPECT_TRUE(stream.is_open());
        EXPECT_EQ(rest, "more");
        EXPECT_EQ(first.buffered(), 0u);
    });
}

TEST_F(BufferedWriter, DestructorAbortsAndSendsNothing) {
    run([&]() -> task<> {
        auto socket = context().connected_socket();
        auto writer =
            std::make_unique<buffered_writer<tcp::socket&>>(socket, buffered_writer_options{.capacity = 4});
        auto writing = co_spawn(io(), [&]() -> task<> {
            auto [ec, n] = co_await as_tuple(writer->write("abcdefgh"));
            EXPECT_EQ(ec, error::operation_aborted);
        });
        co_await yield();
        co_await yield();
        EXPECT_EQ(script().in_flight(IORING_OP_SENDMSG).size(), 1u);
        writer.reset();
        EXPECT_TRUE(script().in_flight(IORING_OP_SENDMSG).empty());
        co_await writing.join();
        writer = std::make_unique<buffered_writer<tcp::socket&>>(socket);
        co_await writer->write("lost");
        writer.reset();
        EXPECT_EQ(sends(), 1u);
    });
}

TEST_F(BufferedWriter, ContextDestructionCancelsWrite) {
    auto writer = std::make_unique<socket_writer>(writer_of(4));
    auto writing = context().spawn([&]() -> task<> {
        co_await writer->write("abcdefgh");
        ADD_FAILURE() << "the write continued";
    });
    context().poll();
    EXPECT_EQ(script().in_flight(IORING_OP_SENDMSG).size(), 1u);
    context().destroy();
}

// The example of the documentation.
template <class Stream>
task<> repeat_lines(Stream stream) {
    buffered_reader reader(std::move(stream));
    buffered_writer writer(reader.stream());
    while (auto line = co_await reader.read_line()) {
        co_await writer.write("you said: ", *line, "\n");
        if (reader.leftover().empty())
            co_await writer.flush();  // the peer waits for these replies
    }
}

TEST_F(BufferedWriter, PipelinedRepliesShareOneSend) {
    run([&]() -> task<> {
        auto socket = context().connected_socket();
        const int number = socket.native_handle();
        context().answer_next("one\ntwo\nthree\n");
        context().answer_next(reply::all());
        context().answer_next(0);
        co_await repeat_lines(std::move(socket));
        EXPECT_EQ(script().sent(number), "you said: one\nyou said: two\nyou said: three\n");
        EXPECT_EQ(sends(), 1u);
    });
}

}  // namespace
}  // namespace coil::test
