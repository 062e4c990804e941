// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT

// buffered_reader: the results of its reads, its recv calls on the stream, its errors, and its ownership.

#include <coil/algo/buffered_reader.hpp>

#include <array>
#include <cerrno>
#include <coroutine>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <coil/algo/read.hpp>
#include <coil/algo/write.hpp>
#include <coil/coro/yield.hpp>
#include <coil/test/stream_pair.hpp>

#include "support/scripted_context.hpp"

namespace coil::test {
namespace {

using record = std::optional<std::string_view>;

static_assert(readable_stream<buffered_reader<tcp::socket>>);
static_assert(readable_stream<buffered_reader<buffered_reader<memory_stream>>>);
static_assert(!std::is_copy_constructible_v<buffered_reader<tcp::socket>>);
static_assert(std::is_nothrow_move_constructible_v<buffered_reader<tcp::socket>>);
static_assert(!std::is_aggregate_v<buffered_reader<tcp::socket>>);

class BufferedReader : public testing::Test {
protected:
    template <class F>
    void run(F&& story) {
        context_.run(story);
    }
    scripted_context& context() { return context_; }
    io_context& io() { return context_; }
    ring::scripted_kernel& script() { return context_.script(); }

    /// A reader of `bytes` and then EOF. The bytes arrive in pieces of at most `piece` bytes.
    static task<buffered_reader<memory_stream>> reader_of(std::string_view bytes,
                                                          const buffered_reader_options& chosen = {},
                                                          std::size_t piece = static_cast<std::size_t>(-1)) {
        stream_pair pair({.capacity = 1 << 20, .transfer_max = piece});
        co_await write(pair.second, bytes);
        co_return buffered_reader(std::move(pair.first), chosen);
    }

    static task<std::vector<std::string>> lines_of(std::string_view bytes, std::size_t piece) {
        auto reader = co_await reader_of(bytes, {.initial = 4}, piece);
        std::vector<std::string> lines;
        while (auto line = co_await reader.read_line())
            lines.emplace_back(*line);
        const auto after_the_end = co_await reader.read_line();
        EXPECT_FALSE(after_the_end);
        co_return lines;
    }

private:
    scripted_context context_;
};

// ---- results ----------------------------------------------------------------------------------------------

TEST_F(BufferedReader, YieldsLinesWithoutTerminators) {
    run([&]() -> task<> {
        for (const std::size_t piece: {1u, 2u, 3u, 5u, 100u}) {
            const auto lines = co_await lines_of("one\r\ntwo\n\n\r\na\rb\r\r\nthe sixth is longer\n", piece);
            EXPECT_EQ(lines,
                      (std::vector<std::string>{"one", "two", "", "", "a\rb\r", "the sixth is longer"}));
        }
    });
}

TEST_F(BufferedReader, EofInsideLineIsErrorAndKeepsBytes) {
    run([&]() -> task<> {
        auto reader = co_await reader_of("whole\nhal");
        EXPECT_EQ(co_await reader.read_line(), "whole");
        for (int i = 0; i < 2; ++i) {
            auto [ec, line] = co_await as_tuple(reader.read_line());
            EXPECT_EQ(ec, error::eof);
            EXPECT_EQ(line, std::nullopt);
            EXPECT_EQ(reader.leftover(), "hal");
        }
        EXPECT_EQ(co_await reader.read_exactly(3), "hal");
        EXPECT_EQ(co_await reader.read_line(), std::nullopt);
    });
}

TEST_F(BufferedReader, FindsDelimiterAcrossChunks) {
    run([&]() -> task<> {
        const std::string_view bytes = "name: x\r\nsize: 1\r\r\n\r\nbody--bod-y----";
        for (std::size_t split = 0; split <= bytes.size(); ++split) {
            stream_pair pair;
            buffered_reader reader(std::move(pair.first), {.initial = 5});
            auto writer = co_spawn(io(), [&]() -> task<> {
                co_await write(pair.second, bytes.substr(0, split));
                co_await yield();
                co_await yield();
                co_await write(pair.second, bytes.substr(split));
                pair.second.close();
            });
            EXPECT_EQ(co_await reader.read_until("\r\n\r\n"), "name: x\r\nsize: 1\r");
            EXPECT_EQ(co_await reader.read_until("--"), "body");
            EXPECT_EQ(co_await reader.read_until("----"), "bod-y");
            EXPECT_EQ(co_await reader.read_until("----"), std::nullopt);
            co_await writer.join();
        }
    });
}

TEST_F(BufferedReader, FindsSelfRepeatingDelimiter) {
    run([&]() -> task<> {
        const std::string delimiter = "aabaabaabaabaabaac";
        auto reader = co_await reader_of("aabaab" + delimiter + "x" + delimiter, {}, 1);
        EXPECT_EQ(co_await reader.read_until(delimiter), "aabaab");
        EXPECT_EQ(co_await reader.read_until(delimiter), "x");
        EXPECT_EQ(co_await reader.read_until("aaac"), std::nullopt);
    });
}

TEST_F(BufferedReader, RejectsEmptyDelimiter) {
    run([&]() -> task<> {
        auto reader = co_await reader_of("abc");
        auto [ec, part] = co_await as_tuple(reader.read_until(""));
        EXPECT_EQ(ec, error::invalid_argument);
        EXPECT_EQ(co_await reader.read_exactly(3), "abc");
    });
}

TEST_F(BufferedReader, ReadExactlyYieldsRequestedSize) {
    run([&]() -> task<> {
        for (const std::size_t piece: {1u, 3u, 100u}) {
            auto reader = co_await reader_of("abcdefghijklmnopqrstuvwxyz", {.initial = 4}, piece);
            EXPECT_EQ(co_await reader.read_exactly(0), "");
            EXPECT_EQ(co_await reader.read_exactly(3), "abc");
            EXPECT_EQ(co_await reader.read_exactly(20), "defghijklmnopqrstuvw");
            auto [ec, rest] = co_await as_tuple(reader.read_exactly(4));
            EXPECT_EQ(ec, error::eof);
            EXPECT_EQ(reader.leftover(), "xyz");
            EXPECT_EQ(co_await reader.read_exactly(3), "xyz");
            auto [end, nothing] = co_await as_tuple(reader.read_exactly(1));
            EXPECT_EQ(end, error::eof);
        }
    });
}

TEST_F(BufferedReader, PeekShowsBufferAndConsumesNothing) {
    run([&]() -> task<> {
        auto reader = co_await reader_of("abcdef", {}, 2);
        EXPECT_EQ(co_await reader.peek(1), "ab");
        EXPECT_EQ(co_await reader.peek(3), "abcd");
        EXPECT_EQ(co_await reader.peek(0), "abcd");
        reader.consume(3);
        EXPECT_EQ(reader.leftover(), "d");
        EXPECT_EQ(co_await reader.peek(2), "def");
        auto [ec, more] = co_await as_tuple(reader.peek(4));
        EXPECT_EQ(ec, error::eof);
        EXPECT_EQ(reader.leftover(), "def");
        reader.consume(3);
        EXPECT_EQ(co_await reader.peek(1), std::nullopt);
    });
}

// The documented way to read size-prefixed messages until EOF.
TEST_F(BufferedReader, PeekDetectsEofBetweenMessages) {
    run([&]() -> task<> {
        auto reader = co_await reader_of("\3abc\2de", {}, 1);
        std::string bodies;
        while (auto size = co_await reader.peek(1)) {
            const auto n = static_cast<unsigned char>(size->front());
            reader.consume(1);
            bodies += co_await reader.read_exactly(n);
        }
        EXPECT_EQ(bodies, "abcde");
    });
}

TEST_F(BufferedReader, MixedReadsShareReadAhead) {
    run([&]() -> task<> {
        auto reader = co_await reader_of("POST /\r\n\r\n0123456789abcdefghij\nlast");
        EXPECT_EQ(co_await reader.read_line(), "POST /");
        EXPECT_EQ(co_await reader.read_line(), "");
        std::array<char, 4> four;
        EXPECT_EQ(co_await reader.read_exactly(four), 4u);
        EXPECT_EQ(std::string_view(four.data(), 4), "0123");
        EXPECT_EQ(co_await reader.read_exactly(2), "45");
        std::array<char, 3> three;
        EXPECT_EQ(co_await reader.recv(three), 3u);
        EXPECT_EQ(std::string_view(three.data(), 3), "678");
        EXPECT_EQ(co_await read(reader, three, four), 7u);
        EXPECT_EQ(std::string_view(three.data(), 3), "9ab");
        EXPECT_EQ(std::string_view(four.data(), 4), "cdef");
        EXPECT_EQ(co_await reader.read_until("\n"), "ghij");
        auto [stream, leftover] = reader.release();
        EXPECT_EQ(leftover, "last");
        EXPECT_EQ(co_await stream.recv(four), 0u);
    });
}

TEST_F(BufferedReader, CanBeStacked) {
    run([&]() -> task<> {
        buffered_reader outer(co_await reader_of("one\ntwo\nthree", {.initial = 3}, 2));
        static_assert(std::is_same_v<decltype(outer), buffered_reader<memory_stream>>);
        buffered_reader<buffered_reader<memory_stream>&> reader(outer, {.initial = 100});
        EXPECT_EQ(co_await reader.read_line(), "one");
        EXPECT_EQ(co_await reader.read_line(), "two");
        EXPECT_EQ(co_await reader.read_exactly(5), "three");
        EXPECT_EQ(co_await reader.read_line(), std::nullopt);
    });
}

// ---- the limit --------------------------------------------------------------------------------------------

TEST_F(BufferedReader, RejectsLineLongerThanLimit) {
    run([&]() -> task<> {
        for (const std::size_t piece: {1u, 7u, 100u}) {
            auto reader =
                co_await reader_of("123456789\n1234567890\nx\n", {.initial = 3, .limit = 10}, piece);
            EXPECT_EQ(co_await reader.read_line(), "123456789");
            for (int i = 0; i < 2; ++i) {
                auto [ec, line] = co_await as_tuple(reader.read_line());
                EXPECT_EQ(ec, error::limit_exceeded);
                EXPECT_EQ(ec.message(), "longer than the limit");
                EXPECT_EQ(reader.leftover(), "1234567890");
            }
            reader.consume(10);
            EXPECT_EQ(co_await reader.read_line(), "");
            EXPECT_EQ(co_await reader.read_line(), "x");
        }
    });
}

TEST_F(BufferedReader, RejectsOversizedReadBeforeRecv) {
    run([&]() -> task<> {
        auto reader = co_await reader_of("abcdefghijk", {.limit = 10});
        auto [ec, all] = co_await as_tuple(reader.read_exactly(11));
        EXPECT_EQ(ec, error::limit_exceeded);
        auto [peek_ec, peeked] = co_await as_tuple(reader.peek(11));
        EXPECT_EQ(peek_ec, error::limit_exceeded);
        EXPECT_EQ(reader.leftover(), "");
        std::array<char, 11> buffer;
        EXPECT_EQ(co_await reader.read_exactly(buffer), 11u);
        EXPECT_EQ(std::string_view(buffer.data(), 11), "abcdefghijk");
    });
}

TEST_F(BufferedReader, ZeroLimitStillAllowsRecv) {
    run([&]() -> task<> {
        auto reader = co_await reader_of("abc", {.limit = 0});
        auto [ec, line] = co_await as_tuple(reader.read_line());
        EXPECT_EQ(ec, error::limit_exceeded);
        std::array<char, 3> buffer;
        EXPECT_EQ(co_await read(reader, buffer), 3u);
        EXPECT_EQ(co_await reader.read_exactly(0), "");
    });
}

TEST_F(BufferedReader, ReadsLongLineByteByByte) {
    run([&]() -> task<> {
        constexpr std::size_t size = 1 << 16;
        stream_pair pair({.transfer_max = 1});
        buffered_reader reader(std::move(pair.first), {.limit = 1 << 20});
        auto writer = co_spawn(io(), [&]() -> task<> {
            co_await write(pair.second, std::string(size, 'x'));
            co_await write(pair.second, "\n");
        });
        const auto line = co_await reader.read_line();
        EXPECT_EQ(line, std::string(size, 'x'));
        co_await writer.join();
    });
}

// ---- recv calls on the stream -----------------------------------------------------------------------------

TEST_F(BufferedReader, OneRecvYieldsSeveralLines) {
    run([&]() -> task<> {
        buffered_reader reader(context().connected_socket());
        context().answer_next("one\ntwo\nthree\nfo");
        EXPECT_EQ(co_await reader.read_line(), "one");
        EXPECT_EQ(script().latest().len, 4096u);
        const auto resumptions = io().metrics().resumptions;
        EXPECT_EQ(co_await reader.read_line(), "two");
        EXPECT_EQ(co_await reader.read_line(), "three");
        EXPECT_EQ(io().metrics().resumptions, resumptions);  // completed inline
        EXPECT_EQ(script().submitted(IORING_OP_RECV), 1u);
        context().answer_next("ur\n");
        EXPECT_EQ(co_await reader.read_line(), "four");
        EXPECT_EQ(script().submitted(IORING_OP_RECV), 2u);
    });
}

TEST_F(BufferedReader, FullBufferGrowsBeforeNextRecv) {
    run([&]() -> task<> {
        buffered_reader reader(context().connected_socket(), {.initial = 16});
        context().answer_next("0123456789abcdef");
        EXPECT_EQ(co_await reader.read_exactly(16), "0123456789abcdef");
        context().answer_next("x\n");
        EXPECT_EQ(co_await reader.read_line(), "x");
        EXPECT_EQ(script().latest().len, 32u);
    });
}

TEST_F(BufferedReader, ReceivesIntoCallersMemoryDirectly) {
    run([&]() -> task<> {
        buffered_reader reader(context().connected_socket(), {.initial = 16});
        context().answer_next("head\nabc");
        EXPECT_EQ(co_await reader.read_line(), "head");
        std::array<char, 100> body;
        context().answer_next(std::string(97, 'x'));
        EXPECT_EQ(co_await reader.read_exactly(body), 100u);
        EXPECT_EQ(std::string(body.begin(), body.end()), "abc" + std::string(97, 'x'));
        EXPECT_EQ(script().latest().addr, reinterpret_cast<std::uintptr_t>(body.data() + 3));
        EXPECT_EQ(script().latest().len, 97u);
    });
}

TEST_F(BufferedReader, SmallRecvReadsAhead) {
    run([&]() -> task<> {
        buffered_reader reader(context().connected_socket());
        context().answer_next("abcdef");
        std::array<char, 2> two;
        std::array<char, 0> none;
        std::array<char, 3> three;
        const std::array<mutable_buffer, 3> several{none, three, two};
        EXPECT_EQ(co_await reader.recv(none), 0u);
        EXPECT_EQ(script().submitted(IORING_OP_RECV), 0u);
        EXPECT_EQ(co_await reader.recv(two), 2u);
        EXPECT_EQ(std::string_view(two.data(), 2), "ab");
        EXPECT_EQ(co_await reader.recv(several), 4u);
        EXPECT_EQ(std::string_view(three.data(), 3), "cde");
        EXPECT_EQ(two[0], 'f');
        EXPECT_EQ(script().submitted(IORING_OP_RECV), 1u);
        context().answer_next("ghijk");
        EXPECT_EQ(co_await reader.recv(two, three), 5u);
        EXPECT_EQ(two[1], 'h');
        EXPECT_EQ(three[2], 'k');
        context().answer_next(0);
        EXPECT_EQ(co_await reader.recv(several), 0u);
    });
}

TEST_F(BufferedReader, AllocatesOnlyWhenItWaits) {
    run([&]() -> task<> {
        auto reader = co_await reader_of("");
        EXPECT_EQ(reader.leftover().data(), nullptr);
        EXPECT_EQ(co_await reader.read_exactly(0), "");
        EXPECT_EQ(reader.leftover().data(), nullptr);
        EXPECT_EQ(co_await reader.read_line(), std::nullopt);
    });
}

TEST_F(BufferedReader, ManyInlineLinesYieldToOthers) {
    run([&]() -> task<> {
        std::string bytes;
        for (int i = 0; i < 1000; ++i)
            bytes += "x\n";
        auto reader = co_await reader_of(bytes);
        int others_resumptions = 0;
        bool over = false;
        auto other = co_spawn(io(), [&]() -> task<> {
            while (!over) {
                ++others_resumptions;
                co_await yield();
            }
        });
        int lines = 0;
        while (auto line = co_await reader.read_line())
            ++lines;
        over = true;
        co_await other.join();
        EXPECT_EQ(lines, 1000);
        EXPECT_GE(others_resumptions, 1000 / 64);
        EXPECT_LE(others_resumptions, 1000 / 64 + 10);
    });
}

// ---- errors -----------------------------------------------------------------------------------------------

TEST_F(BufferedReader, StreamErrorNamesReadAndKeepsBytes) {
    run([&]() -> task<> {
        buffered_reader reader(context().connected_socket());
        context().answer_next("hal");
        context().answer_next(-ECONNRESET);
        try {
            const auto line = co_await reader.read_line();
            ADD_FAILURE() << line.value_or("the end");
        } catch (const std::system_error& failure) {
            EXPECT_EQ(failure.code(), error::connection_reset);
            EXPECT_EQ(std::string_view(failure.what()).find("read_line: recv"), 0u) << failure.what();
        }
        EXPECT_EQ(reader.leftover(), "hal");
        context().answer_next("f\n");
        EXPECT_EQ(co_await reader.read_line(), "half");
    });
}

TEST_F(BufferedReader, ReadExactlyErrorCarriesCount) {
    run([&]() -> task<> {
        buffered_reader reader(context().connected_socket(), {.initial = 8});
        std::array<char, 20> buffer;
        context().answer_next("a\nbcd");
        EXPECT_EQ(co_await reader.read_line(), "a");
        context().answer_next("efgh");
        context().answer_next(-ECONNRESET);
        try {
            co_await reader.read_exactly(buffer);
            ADD_FAILURE() << "no error";
        } catch (const transfer_error& failure) {
            EXPECT_EQ(failure.code(), error::connection_reset);
            EXPECT_EQ(failure.bytes_transferred(), 7u);
        }
        EXPECT_EQ(std::string_view(buffer.data(), 7), "bcdefgh");
    });
}

// The sanitizers abort a program that allocates this much.
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
TEST_F(BufferedReader, SurvivesFailedAllocation) {
    run([&]() -> task<> {
        constexpr std::size_t everything = static_cast<std::size_t>(-1) / 4;
        auto reader = co_await reader_of("abc\n", {.limit = everything});
        auto [ec, bytes] = co_await as_tuple(reader.read_exactly(everything));
        EXPECT_EQ(ec, std::errc::not_enough_memory);
        EXPECT_EQ(co_await reader.read_line(), "abc");
    });
}
#endif

// ---- views ------------------------------------------------------------------------------------------------

TEST_F(BufferedReader, KeepsTheViewUntilTheNextRead) {
    run([&]() -> task<> {
        auto reader = co_await reader_of("the first line\nthe second line\n");
        const auto first = co_await reader.read_line();
        buffered_reader moved(std::move(reader));
        EXPECT_EQ(first, "the first line");
        const auto second = co_await moved.read_line();
        EXPECT_EQ(second, "the second line");
        EXPECT_EQ(co_await moved.read_line(), std::nullopt);
    });
}

#if defined(__SANITIZE_ADDRESS__)
TEST_F(BufferedReader, AsanFindsViewOfEarlierRead) {
    const auto story = [this] {
        run([&]() -> task<> {
            auto reader = co_await reader_of("the first line\nthe second line\n");
            const auto first = co_await reader.read_line();
            const auto second = co_await reader.read_line();
            std::exit(first->front() == second->front());
        });
    };
    EXPECT_DEATH(story(), "use-after-poison");
}
#endif

// ---- ownership and lifetime -------------------------------------------------------------------------------

TEST_F(BufferedReader, RejectsSecondRead) {
    const auto story = [this] {
        run([&]() -> task<> {
            stream_pair pair;
            buffered_reader reader(pair.first);
            auto first = co_spawn(io(), [&]() -> task<> { EXPECT_EQ(co_await reader.read_line(), "one"); });
            co_await yield();
            co_await yield();
            auto [ec, line] = co_await as_tuple(reader.read_line());
            EXPECT_EQ(ec, error::operation_in_progress);
            EXPECT_THROW(static_cast<void>(reader.release()), std::system_error);
            co_await write(pair.second, "one\n");
            co_await first.join();
        });
    };
    story();
}

TEST_F(BufferedReader, BorrowsNamedStream) {
    run([&]() -> task<> {
        stream_pair pair;
        co_await write(pair.second, "line\nrest");
        {
            buffered_reader reader(pair.first);
            static_assert(std::is_same_v<decltype(reader), buffered_reader<memory_stream&>>);
            EXPECT_EQ(co_await reader.read_line(), "line");
            auto released = reader.release();
            EXPECT_EQ(&released.first, &pair.first);
            EXPECT_EQ(released.second, "rest");
            EXPECT_EQ(reader.leftover(), "");
        }
        EXPECT_TRUE(pair.first.is_open());
    });
}

TEST_F(BufferedReader, MoveKeepsBytesAndViews) {
    run([&]() -> task<> {
        auto first = co_await reader_of("one\ntwo\nthree\n");
        const auto line = co_await first.read_line();
        buffered_reader second(std::move(first));
        static_assert(std::is_same_v<decltype(second), decltype(first)>);
        EXPECT_EQ(line, "one");
        EXPECT_EQ(first.leftover(), "");
        EXPECT_FALSE(first.stream().is_open());
        EXPECT_EQ(co_await second.read_line(), "two");
        first = std::move(second);
        EXPECT_EQ(co_await first.read_line(), "three");
    });
}

TEST_F(BufferedReader, PendingReadFollowsMove) {
    run([&]() -> task<> {
        stream_pair pair;
        buffered_reader first(std::move(pair.first), {.initial = 2});
        auto reading = co_spawn(io(), [&]() -> task<> { EXPECT_EQ(co_await first.read_line(), "one"); });
        co_await write(pair.second, "o");
        co_await yield();
        co_await yield();
        buffered_reader second(std::move(first));
        co_await write(pair.second, "ne\ntwo\n");
        co_await reading.join();
        EXPECT_EQ(co_await second.read_line(), "two");
    });
}

TEST_F(BufferedReader, DestructorAbortsPendingRead) {
    for (const bool borrows: {false, true}) {
        run([&]() -> task<> {
            auto socket = context().connected_socket();
            auto owning = std::make_unique<buffered_reader<tcp::socket>>(context().connected_socket());
            auto borrowing = std::make_unique<buffered_reader<tcp::socket&>>(socket);
            auto reading = co_spawn(io(), [&]() -> task<> {
                const auto expect_abort = [](const auto& result) {
                    EXPECT_EQ(result.error(), error::operation_aborted);
                };
                if (borrows)
                    expect_abort(co_await as_tuple(borrowing->read_line()));
                else
                    expect_abort(co_await as_tuple(owning->read_line()));
            });
            co_await yield();
            co_await yield();
            EXPECT_EQ(script().in_flight(IORING_OP_RECV).size(), 1u);
            owning.reset();
            borrowing.reset();
            EXPECT_TRUE(script().in_flight(IORING_OP_RECV).empty());
            co_await reading.join();
        });
    }
}

TEST_F(BufferedReader, DestructorAbortsYieldingRead) {
    run([&]() -> task<> {
        auto reader = std::make_unique<buffered_reader<tcp::socket>>(context().connected_socket());
        std::string bytes;
        for (int i = 0; i < 100; ++i)
            bytes += "x\n";
        context().answer_next(bytes);
        auto reading = co_spawn(io(), [&]() -> task<> {
            // The first read waits for the bytes; the next inline_max reads complete inline.
            for (unsigned i = 0; i < 1 + detail::scheduler::inline_max; ++i)
                co_await reader->read_line();
            io().post([&] { reader.reset(); });
            auto [ec, line] = co_await as_tuple(reader->read_line());  // goes through the ready list
            EXPECT_EQ(ec, error::operation_aborted);
            EXPECT_EQ(line, std::nullopt);
        });
        co_await reading.join();
    });
}

TEST_F(BufferedReader, RefusedReadOutlivesReader) {
    run([&]() -> task<> {
        auto reader = std::make_unique<buffered_reader<tcp::socket>>(context().connected_socket());
        auto reading = co_spawn(io(), [&]() -> task<> {
            (co_await own_environment).request_stop();
            auto [ec, line] = co_await as_tuple(reader->read_line());
            EXPECT_EQ(ec, error::operation_aborted);
        });
        co_await yield();
        reader.reset();  // the refused read is still in the ready list
        co_await reading.join();
    });
}

// ---- coroutines that are not tasks ------------------------------------------------------------------------

struct foreign_coroutine {
    struct promise_type {
        foreign_coroutine get_return_object() const noexcept { return {}; }
        std::suspend_never initial_suspend() const noexcept { return {}; }
        std::suspend_never final_suspend() const noexcept { return {}; }
        void return_void() const noexcept {}
        void unhandled_exception() const noexcept { ADD_FAILURE() << "an exception"; }
    };
};

TEST_F(BufferedReader, ForeignCoroutineKeepsContextRunning) {
    buffered_reader reader(context().connected_socket(), {.initial = 16});
    std::vector<std::string> lines;
    std::string body(20, '\0');
    const auto guest = [&]() -> foreign_coroutine {
        while (auto line = co_await reader.read_line())
            lines.emplace_back(*line);
        EXPECT_EQ(co_await reader.read_exactly(body), 20u);
    };
    context().answer_next("one\nt");
    context().answer_next("wo\n");
    context().answer_next(0);
    context().answer_next("0123456789");
    context().answer_next("0123456789");
    guest();
    context().run();
    EXPECT_EQ(lines, (std::vector<std::string>{"one", "two"}));
    EXPECT_EQ(body, "01234567890123456789");
}

}  // namespace
}  // namespace coil::test
