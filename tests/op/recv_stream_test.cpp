// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#include <coil/op/recv_stream.hpp>

#include <array>
#include <cerrno>
#include <chrono>
#include <initializer_list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include <coil/io/sleep.hpp>
#include <coil/loop/buffer_pool.hpp>

#include "support/scripted_context.hpp"

// Receiving into the pool: which buffers the kernel fills, what is received ahead, and the ownership of
// unread bytes.

namespace coil::test {
namespace {

using namespace std::string_literals;

/// The parameter is true for buffers that the kernel fills incrementally (Linux 6.12), false for kernels that
/// use a whole buffer for each receive.
class RecvStream : public testing::TestWithParam<bool> {
public:
    explicit RecvStream(const io_context::options& chosen = small()) : context_(script(GetParam()), chosen) {}

protected:
    static constexpr std::size_t reserve_entry = 4096;
    // The pool has four entries of 256 KiB, or 64 of 16 KiB.
    static io_context::options small() { return {.pool_size = 1 << 20, .ahead_max = 1000}; }
    static std::unique_ptr<ring::scripted_kernel> script(bool incremental) {
        auto made = std::make_unique<ring::scripted_kernel>();
        if (!incremental)
            made->refuse_incremental_buffers();
        return made;
    }

    template <class F>
    void run(F&& story) {
        context_.run(story);
    }
    ring::scripted_kernel& script() { return context_.script(); }
    [[nodiscard]] std::size_t receives() { return script().submitted(IORING_OP_RECV); }

    /// These texts arrive in one iteration of the loop, when it would block.
    void arrive(std::initializer_list<const char*> texts) {
        context_.then([this, texts = std::vector<const char*>(texts)] {
            for (const char* text: texts)
                context_.answer(IORING_OP_RECV, text);
        });
    }

    /// A text that fills a pool entry.
    std::string entry_of(std::string text) {
        text.resize(context_.io().pool().entry_size(), 'x');
        return text;
    }
    /// Receives until the pool has no free buffer for the kernel. No chunk is a copy.
    task<std::vector<chunk>> exhaust(tcp::socket& socket) {
        buffer_pool& pool = context_.io().pool();
        std::vector<chunk> kept;
        while (pool.has_room() && kept.size() < pool.size() / pool.entry_size()) {
            context_.answer_next(entry_of("x"));
            kept.push_back(co_await socket.recv_chunk());
        }
        EXPECT_EQ(pool.metrics().copied, 0u);
        co_return kept;
    }

    /// The text of the next chunk, or "." at the end.
    static task<std::string> text_of_next(recv_stream& stream) {
        auto chunk = co_await stream.next();
        co_return chunk ? std::string(chunk->text()) : ".";
    }

    scripted_context context_;
};

TEST_P(RecvStream, DeliversBytesThenTheEnd) {
    run([&]() -> task<> {
        auto socket = context_.connected_socket();
        auto stream = socket.recv_stream();
        for (const char* text: {"one", "two", "three"})
            context_.then([&, text] { context_.answer(IORING_OP_RECV, text); });
        context_.then([&] { context_.answer(IORING_OP_RECV, 0); });
        for (const char* text: {"one", "two", "three", "."})
            EXPECT_EQ(co_await text_of_next(stream), text);
        EXPECT_EQ(receives(), 1u);
        const auto& sqe = script().latest();
        EXPECT_TRUE(sqe.ioprio & IORING_RECV_MULTISHOT);
        EXPECT_TRUE(sqe.flags & IOSQE_BUFFER_SELECT);
        EXPECT_EQ(sqe.len, 0u);
    });
}

TEST_P(RecvStream, SubmitsNothingWithoutAReader) {
    run([&]() -> task<> {
        auto socket = context_.connected_socket();
        auto stream = socket.recv_stream();
        co_await yield();
        EXPECT_EQ(receives(), 0u);
    });
}

TEST_P(RecvStream, ReturnsContiguousBytesInOneChunk) {
    run([&]() -> task<> {
        auto socket = context_.connected_socket();
        auto stream = socket.recv_stream();
        arrive({"a", "b", "c"});
        EXPECT_EQ(co_await text_of_next(stream), "a");
        const unsigned enters = script().enters();
        if (GetParam()) {
            EXPECT_EQ(co_await text_of_next(stream), "bc");
        } else {
            EXPECT_EQ(co_await text_of_next(stream), "b");
            EXPECT_EQ(co_await text_of_next(stream), "c");
        }
        EXPECT_EQ(script().enters(), enters);
    });
}

TEST_P(RecvStream, KeepsConnectionsApart) {
    run([&]() -> task<> {
        auto one = context_.connected_socket();
        auto two = context_.connected_socket();
        auto from_one = one.recv_stream();
        auto from_two = two.recv_stream();
        std::string first, second;
        const auto collect = [](recv_stream& stream, std::string& all) -> task<> {
            while (auto chunk = co_await stream.next())
                all += chunk->text();
        };
        auto a = co_spawn(context_.io(), collect, std::ref(from_one), std::ref(first));
        auto b = co_spawn(context_.io(), collect, std::ref(from_two), std::ref(second));
        for (int i = 0; i < 20; ++i) {
            context_.then([&] {
                const auto waiting = script().in_flight(IORING_OP_RECV);
                script().answer(waiting[0], "1" + std::string(40, 'x'));
                script().answer(waiting[1], "2" + std::string(70, 'y'));
                script().answer(waiting[0], "3");
            });
        }
        context_.then([&] {
            context_.answer(IORING_OP_RECV, 0);
            context_.answer(IORING_OP_RECV, 0);
        });
        co_await a.join();
        co_await b.join();
        std::string expected_one, expected_two;
        for (int i = 0; i < 20; ++i) {
            expected_one += "1" + std::string(40, 'x') + "3";
            expected_two += "2" + std::string(70, 'y');
        }
        EXPECT_EQ(first, expected_one);
        EXPECT_EQ(second, expected_two);
        EXPECT_EQ(context_.io().pool().metrics().pinned, 0u);
    });
}

TEST_P(RecvStream, ReportsAnErrorOnceAfterTheBytes) {
    run([&]() -> task<> {
        auto socket = context_.connected_socket();
        auto stream = socket.recv_stream();
        context_.then([&] {
            context_.answer(IORING_OP_RECV, "one");
            context_.answer(IORING_OP_RECV, "two");
            context_.answer(IORING_OP_RECV, -ECONNRESET);
        });
        EXPECT_EQ(co_await text_of_next(stream), "one");
        EXPECT_EQ(co_await text_of_next(stream), "two");
        co_await yield();
        try {
            co_await stream.next();
            ADD_FAILURE() << "no error";
        } catch (const transfer_error& failure) {
            EXPECT_EQ(failure.code(), error::connection_reset);
            EXPECT_NE(std::string(failure.what()).find("recv (peer "), std::string::npos);
        }
        context_.answer_next(0);
        EXPECT_EQ(co_await text_of_next(stream), ".");
    });
}

TEST_P(RecvStream, RearmsAMultishotEndedByAnOverflow) {
    run([&]() -> task<> {
        auto socket = context_.connected_socket();
        auto stream = socket.recv_stream();
        context_.then([&] { context_.answer(IORING_OP_RECV, reply("one").last()); });
        arrive({"two"});
        EXPECT_EQ(co_await text_of_next(stream), "one");
        EXPECT_EQ(co_await text_of_next(stream), "two");
        EXPECT_EQ(receives(), 2u);
    });
}

// ---- ahead ------------------------------------------------------------------------------------------------

TEST_P(RecvStream, StopsReceivingAtAheadMax) {
    run([&]() -> task<> {
        auto socket = context_.connected_socket();
        auto stream = socket.recv_stream();
        context_.then([&] {
            context_.answer(IORING_OP_RECV, "x");
            context_.answer(IORING_OP_RECV, std::string(600, 'a'));
            context_.answer(IORING_OP_RECV, std::string(600, 'b'));
        });
        EXPECT_EQ(co_await text_of_next(stream), "x");
        co_await yield();
        EXPECT_TRUE(script().in_flight(IORING_OP_RECV).empty());
        std::string all;
        while (all.size() < 1200)
            all += co_await text_of_next(stream);
        EXPECT_EQ(all, std::string(600, 'a') + std::string(600, 'b'));
        EXPECT_EQ(receives(), 1u);
        context_.answer_next("y");
        EXPECT_EQ(co_await text_of_next(stream), "y");
        EXPECT_EQ(receives(), 2u);
    });
}

TEST_P(RecvStream, KeepsBytesThatArriveDuringACancel) {
    run([&]() -> task<> {
        auto socket = context_.connected_socket();
        std::optional stream(socket.recv_stream());
        arrive({"one"});
        EXPECT_EQ(co_await text_of_next(*stream), "one");
        script().when_cancelled("two");
        stream.reset();
        auto next = socket.recv_stream();
        arrive({"three"});
        EXPECT_EQ(co_await text_of_next(next), "two");
        EXPECT_EQ(co_await text_of_next(next), "three");
    });
}

// ---- unread bytes belong to the socket --------------------------------------------------------------------

TEST_P(RecvStream, RecvReadsUnreadBytesFirst) {
    run([&]() -> task<> {
        auto socket = context_.connected_socket();
        {
            auto stream = socket.recv_stream();
            arrive({"one", "two"});
            EXPECT_EQ(co_await text_of_next(stream), "one");
        }
        std::array<char, 2> two;
        std::array<char, 10> ten;
        EXPECT_EQ(co_await socket.recv(two, message_flags::peek), 2u);
        EXPECT_EQ(co_await socket.recv(two), 2u);
        EXPECT_EQ(std::string_view(two.data(), 2), "tw");
        EXPECT_EQ(co_await socket.recv(ten), 1u);
        EXPECT_EQ(ten[0], 'o');
        context_.answer_next("three");
        EXPECT_EQ(co_await socket.recv(two, ten), 5u);
        EXPECT_EQ(std::string_view(ten.data(), 3), "ree");
    });
}

TEST_P(RecvStream, ScatteredRecvReadsSeveralChunks) {
    run([&]() -> task<> {
        auto socket = context_.connected_socket();
        auto stream = socket.recv_stream();
        arrive({"x", "abc", "defg"});
        EXPECT_EQ(co_await text_of_next(stream), "x");
        std::array<char, 2> two;
        std::array<char, 3> three;
        EXPECT_EQ(co_await socket.recv(two, three), 5u);
        EXPECT_EQ(std::string(two.data(), 2) + std::string(three.data(), 3), "abcde");
        EXPECT_EQ(co_await text_of_next(stream), "fg");
    });
}

TEST_P(RecvStream, RecvWaitsForTheMultishot) {
    run([&]() -> task<> {
        auto socket = context_.connected_socket();
        auto stream = socket.recv_stream();
        arrive({"one"});
        arrive({"two"});
        EXPECT_EQ(co_await text_of_next(stream), "one");
        std::array<char, 10> buffer;
        EXPECT_EQ(co_await socket.recv(buffer), 3u);  // from the multishot
        EXPECT_EQ(receives(), 1u);
    });
}

TEST_P(RecvStream, RecvSubmitsAfterTheStreamEnds) {
    run([&]() -> task<> {
        auto socket = context_.connected_socket();
        std::optional stream(socket.recv_stream());
        arrive({"one"});
        EXPECT_EQ(co_await text_of_next(*stream), "one");
        stream.reset();  // the cancel is queued
        std::array<char, 10> buffer;
        arrive({"two"});
        EXPECT_EQ(co_await socket.recv(buffer), 3u);
        EXPECT_EQ(receives(), 2u);
        EXPECT_FALSE(script().latest().flags & IOSQE_BUFFER_SELECT);
    });
}

TEST_P(RecvStream, PoolRecvIsOneShot) {
    run([&]() -> task<> {
        auto socket = context_.connected_socket();
        for (const char* text: {"one", "two"}) {
            context_.answer_next(text);
            auto received = co_await socket.recv_chunk();
            EXPECT_EQ(received.text(), text);
            EXPECT_FALSE(script().latest().ioprio & IORING_RECV_MULTISHOT);
        }
        context_.answer_next(0);
        EXPECT_TRUE((co_await socket.recv_chunk()).empty());
        EXPECT_EQ(receives(), 3u);
    });
}

TEST_P(RecvStream, ReleaseFailsWithUnreadBytes) {
    run([&]() -> task<> {
        auto socket = context_.connected_socket();
        {
            auto stream = socket.recv_stream();
            arrive({"one", "two"});
            EXPECT_EQ(co_await text_of_next(stream), "one");
        }
        try {
            static_cast<void>(socket.release());
            ADD_FAILURE() << "no error";
        } catch (const std::system_error& failure) {
            EXPECT_EQ(failure.code(), error::unread_bytes);
        }
        std::array<char, 10> buffer;
        EXPECT_EQ(co_await socket.recv(buffer), 3u);
        const int number = socket.release();
        EXPECT_TRUE(script().in_flight().empty());
        script().close(number);
    });
}

// The kernel reports a reset only once: the next owner of the descriptor would see a clean end of the stream.
TEST_P(RecvStream, ReleaseFailsWithAnUnreportedError) {
    for (const bool is_collected: {true, false}) {
        run([&]() -> task<> {
            auto socket = context_.connected_socket();
            auto stream = socket.recv_stream();
            arrive({"first"});
            EXPECT_EQ((co_await stream.next())->text(), "first");
            if (is_collected) {
                context_.then([&] { context_.answer(IORING_OP_RECV, -ECONNRESET); });
                co_await sleep_for(std::chrono::milliseconds(1));
            } else {
                script().when_cancelled(-ECONNRESET);  // arrives with the cancel of release()
            }
            EXPECT_THROW(static_cast<void>(socket.release()), std::system_error);
            EXPECT_TRUE(socket.is_open());
            auto [ec, chunk] = co_await as_tuple(stream.next());
            EXPECT_EQ(ec, error::connection_reset);
            const int number = socket.release();
            EXPECT_GE(number, 0);
            script().close(number);
        });
    }
}

// ---- cancel, close, destroy -------------------------------------------------------------------------------

TEST_P(RecvStream, CancelKeepsTheMultishot) {
    run([&]() -> task<> {
        auto socket = context_.connected_socket();
        auto stream = socket.recv_stream();
        auto waiting = co_spawn(context_.io(), [&]() -> task<> { co_await stream.next(); });
        co_await yield();
        waiting.request_stop();
        auto [ec] = co_await as_tuple(waiting.join());
        EXPECT_EQ(ec, error::operation_aborted);
        EXPECT_EQ(script().in_flight(IORING_OP_RECV).size(), 1u);
        arrive({"later"});
        EXPECT_EQ(co_await text_of_next(stream), "later");
        EXPECT_EQ(receives(), 1u);
    });
}

TEST_P(RecvStream, DestroyedReaderLeavesItsChunk) {
    auto socket = context_.connected_socket();
    auto stream = socket.recv_stream();
    {
        auto destroyed = stream.next().operation_in(context_.io().foreign_environment());
        destroyed.await_suspend(std::noop_coroutine());
        context_.poll();
        context_.answer(IORING_OP_RECV, "one");
        context_.answer(IORING_OP_RECV, "two");
        context_.io().post([] {});
        context_.io().restart();
        context_.io().poll_one();  // runs the post and collects the bytes
        EXPECT_EQ(context_.io().pool().metrics().pinned, GetParam() ? 1u : 2u);
    }
    run([&]() -> task<> {
        std::string text;
        while (text.size() < 6)
            text += co_await text_of_next(stream);
        EXPECT_EQ(text, "onetwo");
    });
}

TEST_P(RecvStream, ContextReleasesUnreadChunks) {
    auto socket = context_.connected_socket();
    auto stream = socket.recv_stream();
    auto waiting = context_.spawn([&]() -> task<> { co_await stream.next(); });
    context_.poll();
    context_.answer(IORING_OP_RECV, "one");
    context_.answer(IORING_OP_RECV, "two");
    context_.io().post([] {});
    context_.io().restart();
    context_.io().poll_one();
    context_.destroy();  // the scripted kernel checks that every buffer was returned
}

TEST_P(RecvStream, DestroyedReaderKeepsTheMultishot) {
    auto socket = context_.connected_socket();
    auto stream = socket.recv_stream();
    {
        auto destroyed = stream.next().operation_in(context_.io().foreign_environment());
        destroyed.await_suspend(std::noop_coroutine());
        context_.poll();
    }
    arrive({"one"});
    run([&]() -> task<> { EXPECT_EQ(co_await text_of_next(stream), "one"); });
    EXPECT_EQ(receives(), 1u);
}

TEST_P(RecvStream, SocketCancelEndsTheMultishot) {
    run([&]() -> task<> {
        auto socket = context_.connected_socket();
        auto stream = socket.recv_stream();
        auto waiting = co_spawn(context_.io(), [&]() -> task<std::error_code> {
            auto received = co_await as_tuple(stream.next());
            co_return received.error();
        });
        co_await yield();
        socket.cancel();
        EXPECT_EQ(co_await waiting.join(), error::operation_aborted);
        arrive({"one"});
        EXPECT_EQ(co_await text_of_next(stream), "one");
        EXPECT_EQ(receives(), 2u);
    });
}

TEST_P(RecvStream, CloseReturnsUnreadBytesToThePool) {
    run([&]() -> task<> {
        auto socket = context_.connected_socket();
        auto stream = socket.recv_stream();
        arrive({"one", "two"});
        EXPECT_EQ(co_await text_of_next(stream), "one");
        script().when_cancelled("three");
        socket.close();
        EXPECT_EQ(context_.io().pool().metrics().pinned, 0u);
        auto received = co_await as_tuple(stream.next());
        EXPECT_EQ(received.error(), error::bad_descriptor);
    });
}

TEST_P(RecvStream, OwnShutdownIsAnAbort) {
    run([&]() -> task<> {
        auto socket = context_.connected_socket();
        auto stream = socket.recv_stream();
        context_.then([&] {
            socket.shutdown(socket_base::shutdown_receive);
            context_.answer(IORING_OP_RECV, 0);
        });
        auto received = co_await as_tuple(stream.next());
        EXPECT_EQ(received.error(), error::operation_aborted);
    });
}

TEST_P(RecvStream, MovesWithItsSocket) {
    run([&]() -> task<> {
        auto socket = context_.connected_socket();
        auto stream = socket.recv_stream();
        tcp::socket moved;
        context_.then([&] {
            moved = std::move(socket);
            context_.answer(IORING_OP_RECV, "one");
        });
        EXPECT_EQ(co_await text_of_next(stream), "one");
        recv_stream other = std::move(stream);
        arrive({"two"});
        EXPECT_EQ(co_await text_of_next(other), "two");
        EXPECT_EQ(receives(), 1u);
    });
}

// ---- chunks and their pool --------------------------------------------------------------------------------

TEST_P(RecvStream, DetachCopiesAChunk) {
    run([&]() -> task<> {
        auto socket = context_.connected_socket();
        context_.answer_next("hello");
        auto kept = co_await socket.recv_chunk();
        EXPECT_EQ(context_.io().pool().metrics().pinned, 1u);
        const auto* before = kept.data();
        kept.detach();
        EXPECT_EQ(context_.io().pool().metrics().pinned, 0u);
        EXPECT_NE(kept.data(), before);
        EXPECT_EQ(kept.text(), "hello");
        kept.remove_prefix(2);
        EXPECT_EQ(kept.text(), "llo");
        chunk moved = std::move(kept);
        EXPECT_TRUE(kept.empty());
        moved.remove_prefix(100);
        EXPECT_TRUE(moved.empty());
    });
}

TEST_P(RecvStream, DeliversInOrderWithBytesAlwaysAhead) {
    run([&]() -> task<> {
        auto socket = context_.connected_socket();
        auto other = context_.connected_socket();
        auto stream = socket.recv_stream();
        auto between = other.recv_stream();
        arrive({"x", "y"});
        EXPECT_EQ(co_await text_of_next(stream), "x");
        std::string received, sent = "y";
        // Some bytes are always ahead, and in pieces, because the bytes of the other connection lie between
        // them.
        auto reading = co_spawn(context_.io(), [&]() -> task<> { co_await between.next(); });
        const auto arrives = [&](const tcp::socket& at, const std::string& text) {
            for (const auto& each: script().in_flight(IORING_OP_RECV))
                if (each.descriptor() == at.native_handle())
                    script().answer(each, text);
        };
        for (int i = 0; i < 3; ++i)
            co_await yield();  // the receives are submitted
        for (int i = 0; i < 200; ++i) {
            for (int piece = 0; piece < 2; ++piece) {
                const std::string text = std::to_string(i) + (piece == 0 ? "," : ";");
                arrives(socket, text);
                arrives(other, "-");
                sent += text;
            }
            co_await yield();
            received += co_await text_of_next(stream);
            while (sent.size() - received.size() > 500)
                received += co_await text_of_next(stream);
        }
        while (received.size() < sent.size())
            received += co_await text_of_next(stream);
        EXPECT_EQ(received, sent);
        co_await reading.join();
    });
}

// ---- a pool that is low -----------------------------------------------------------------------------------

// A low pool copies what arrives, so a reader that keeps its chunks does not block others.
TEST_P(RecvStream, KeptChunksDoNotBlockOthers) {
    run([&]() -> task<> {
        auto socket = context_.connected_socket();
        auto& pool = context_.io().pool();
        const std::size_t entries = pool.size() / pool.entry_size();
        std::vector<chunk> kept;
        for (std::size_t i = 0; i < 3 * entries; ++i) {
            std::string text = entry_of(std::to_string(i));
            if (i >= entries)
                text.resize(reserve_entry);
            context_.answer_next(text);
            kept.push_back(co_await socket.recv_chunk());
            EXPECT_TRUE(kept.back().text() == text) << i;
        }
        EXPECT_LE(pool.metrics().pinned, entries);
        EXPECT_GE(context_.io().metrics().copied, 2 * entries);
        EXPECT_EQ(pool.metrics().starved, 0u);
        kept.clear();
        EXPECT_EQ(pool.metrics().pinned, 0u);
    });
}

// A server of large messages has the whole pool in sends that end soon. Regression: all receives were copied
// meanwhile, which was a quarter slower than waiting.
TEST_P(RecvStream, LargeReceiveWaitsForAFreeEntry) {
    run([&]() -> task<> {
        auto socket = context_.connected_socket();
        auto& pool = context_.io().pool();
        const time_point begin = context_.io().now();
        std::vector<chunk> sending = co_await exhaust(socket);
        for (int i = 0; i < 20; ++i) {
            context_.after(std::chrono::microseconds(900), [&] {
                sending.erase(sending.begin());
                context_.answer_next(entry_of("next"));
            });
            sending.push_back(co_await socket.recv_chunk());
        }
        EXPECT_EQ(pool.metrics().copied, 0u);
        EXPECT_EQ(context_.io().now() - begin, std::chrono::microseconds(20 * 900));
    });
}

TEST_P(RecvStream, CopiesAfterAMillisecondWithoutAnEntry) {
    run([&]() -> task<> {
        auto socket = context_.connected_socket();
        auto& pool = context_.io().pool();
        std::vector<chunk> kept = co_await exhaust(socket);
        const time_point begin = context_.io().now();
        const auto receive = [&](std::size_t size) -> task<std::size_t> {
            context_.answer_next(std::string(size, 'x'));
            co_return (co_await socket.recv_chunk()).size();
        };
        for (int i = 0; i < 100; ++i)
            EXPECT_EQ(co_await receive(reserve_entry), reserve_entry);
        EXPECT_EQ(context_.io().metrics().copied, 100u);
        // The millisecond passes once, not for each receive.
        EXPECT_LT(context_.io().now() - begin, std::chrono::microseconds(1100));
        EXPECT_GE(context_.io().now() - begin, std::chrono::microseconds(1000));

        // Copying stops when entries are free again.
        kept.clear();
        const std::size_t entries = pool.size() / pool.entry_size();
        for (std::size_t i = 0; i < 2 * entries; ++i)
            EXPECT_EQ(co_await receive(pool.entry_size()), pool.entry_size());
        EXPECT_EQ(context_.io().metrics().copied, 100u);
    });
}

TEST_P(RecvStream, CopiesSmallReceivesInALowPool) {
    scripted_context context(script(GetParam()), {.pool_size = 4 << 20});
    context.run([&]() -> task<> {
        auto socket = context.connected_socket();
        auto& pool = context.io().pool();
        const time_point begin = context.io().now();
        const std::size_t entries = pool.size() / pool.entry_size();
        std::vector<chunk> kept;
        while (kept.size() <= entries / 4 * 3) {
            context.answer_next(std::string(pool.entry_size(), 'x'));
            kept.push_back(co_await socket.recv_chunk());
        }
        EXPECT_EQ(pool.metrics().copied, 0u);
        for (std::size_t i = 0; i < 2 * entries; ++i) {
            context.answer_next(std::to_string(i));
            kept.push_back(co_await socket.recv_chunk());
            EXPECT_EQ(kept.back().text(), std::to_string(i));
        }
        EXPECT_EQ(pool.metrics().copied, 2 * entries);
        EXPECT_EQ(pool.metrics().pinned, entries / 4 * 3 + 1);
        EXPECT_EQ(context.io().now(), begin);
    });
}

TEST_P(RecvStream, WaitingStreamsAreServedInFifoOrder) {
    run([&]() -> task<> {
        std::vector<tcp::socket> sockets;
        for (int i = 0; i < 4; ++i)
            sockets.push_back(context_.connected_socket());
        std::vector<chunk> kept = co_await exhaust(sockets[3]);
        std::vector<join_handle<std::string>> reading;
        for (int i = 0; i < 3; ++i)
            reading.push_back(co_spawn(
                context_.io(),
                [&](int number) -> task<std::string> {
                    auto stream = sockets[static_cast<std::size_t>(number)].recv_stream();
                    co_return co_await text_of_next(stream);
                },
                i));
        for (int i = 0; i < 3; ++i)
            co_await yield();
        EXPECT_TRUE(script().in_flight(IORING_OP_RECV).empty());

        kept.pop_back();
        for (std::size_t i = 0; i < 3; ++i) {
            co_await yield();
            const auto receives = script().in_flight(IORING_OP_RECV);
            CO_ASSERT_FALSE(receives.empty());
            EXPECT_EQ(receives.front().descriptor(), sockets[i].native_handle());
            EXPECT_FALSE(script().latest().ioprio & IORING_RECV_MULTISHOT);
            script().answer(receives.front(), entry_of(std::to_string(i)));
            EXPECT_EQ((co_await reading[i].join()).front(), static_cast<char>('0' + i));
        }
    });
}

// Regression: 2,000 streams that had found the pool empty all retried every millisecond, and 33,000 receives
// found no buffer.
TEST_P(RecvStream, RetriesOnlyAsEntriesAreFreed) {
    constexpr std::size_t count = 100;
    run([&]() -> task<> {
        auto hoarder = context_.connected_socket();
        std::vector<tcp::socket> sockets;
        std::vector<recv_stream> streams;
        for (std::size_t i = 0; i < count; ++i) {
            sockets.push_back(context_.connected_socket());
            streams.push_back(sockets.back().recv_stream());
        }
        std::vector<chunk> kept = co_await exhaust(hoarder);
        kept.pop_back();  // one entry for all
        script().answer_every(IORING_OP_RECV, entry_of("x"));
        const auto read = [](recv_stream& stream) -> task<std::size_t> {
            auto held = co_await stream.next();
            co_await sleep_for(std::chrono::microseconds(500));
            co_return held->size();
        };
        std::vector<join_handle<std::size_t>> reading;
        for (auto& each: streams)
            reading.push_back(co_spawn(context_.io(), read, std::ref(each)));
        for (auto& each: reading)
            EXPECT_EQ(co_await each.join(), context_.io().pool().entry_size());
        EXPECT_LE(context_.io().metrics().starved, 2 * count);
        script().stop_answering(IORING_OP_RECV);
    });
}

// ---- bytes held beside the pool ---------------------------------------------------------------------------

/// A context with a pool of 4 MiB, which hoard() makes low.
class HeldBytes : public RecvStream {
public:
    explicit HeldBytes(const io_context::options& chosen = {.pool_size = 4 << 20, .held_max = 64 << 10})
        : RecvStream(chosen) {}

protected:
    task<> hoard(tcp::socket& socket) {
        buffer_pool& pool = context_.io().pool();
        const std::size_t entries = pool.size() / pool.entry_size();
        while (hoarded_.size() <= entries / 4 * 3) {
            context_.answer_next(entry_of("x"));
            hoarded_.push_back(co_await socket.recv_chunk());
        }
    }
    /// Opens `count` connections, each with an armed stream that is not read from then on.
    task<> connect(std::size_t count) {
        sockets_.reserve(count);
        for (std::size_t i = 0; i < count; ++i) {
            sockets_.push_back(context_.connected_socket());
            streams_.push_back(sockets_.back().recv_stream());
            arrive_on(sockets_.back(), "first");
            EXPECT_EQ(co_await text_of_next(streams_.back()), "first");
        }
    }
    /// This text arrives `times` times in one iteration of the loop, when it would block.
    void arrive_on(tcp::socket& socket, std::string text, std::size_t times = 1) {
        context_.then([this, number = socket.native_handle(), text = std::move(text), times] {
            for (const auto& each: script().in_flight(IORING_OP_RECV))
                for (std::size_t i = 0; each.descriptor() == number && i < times; ++i)
                    script().answer(each, text);
        });
    }
    /// Each peer sends this text if a receive is in flight on its connection.
    task<> send_to_all(std::string text) {
        context_.then([this, text = std::move(text)] {
            for (const auto& each: script().in_flight(IORING_OP_RECV))
                script().answer(each, text);
        });
        for (int i = 0; i < 4; ++i)
            co_await sleep_for(std::chrono::microseconds(1));
    }
    std::size_t held() { return context_.io().metrics().held; }

    std::vector<chunk> hoarded_;
    std::vector<tcp::socket> sockets_;
    std::vector<recv_stream> streams_;
};

TEST_P(HeldBytes, CountCopiesUntilTheyAreRead) {
    run([&]() -> task<> {
        auto socket = context_.connected_socket();
        co_await hoard(socket);
        EXPECT_EQ(held(), 0u);
        context_.answer_next("hello");
        chunk one = co_await socket.recv_chunk();
        EXPECT_GE(held(), 5u);
        EXPECT_LE(held(), 32u);
        chunk other = std::move(one);
        EXPECT_GE(held(), 5u);
        other.detach();  // now owned by the program
        EXPECT_EQ(held(), 0u);
        EXPECT_EQ(other.text(), "hello");
        context_.answer_next("hello");
        other = co_await socket.recv_chunk();
        EXPECT_GE(held(), 5u);
        other.remove_prefix(5);
        EXPECT_EQ(held(), 0u);
    });
}

// Regression: bytes that a peer sent one by one took a chunk of 24 bytes and a block of 32 bytes each.
TEST_P(HeldBytes, PackSingleBytes) {
    constexpr std::size_t count = 4000;
    run([&]() -> task<> {
        auto hoarder = context_.connected_socket();
        co_await hoard(hoarder);
        co_await connect(1);
        for (std::size_t i = 0; i < count / 40; ++i) {
            arrive_on(sockets_[0], std::string(1, static_cast<char>('a' + i % 26)), 40);
            co_await sleep_for(std::chrono::microseconds(1));
            co_await sleep_for(std::chrono::microseconds(1));
        }
        EXPECT_GE(held(), count);
        EXPECT_LE(held(), count + 5000);
        std::string received;
        while (received.size() < count)
            received += co_await text_of_next(streams_[0]);
        for (std::size_t i = 0; i < count; ++i)
            CO_ASSERT_EQ(received[i], static_cast<char>('a' + i / 40 % 26));
        EXPECT_EQ(held(), 0u);
    });
}

TEST_P(HeldBytes, AreBoundedForEachStream) {
    run([&]() -> task<> {
        auto hoarder = context_.connected_socket();
        co_await hoard(hoarder);
        co_await connect(1);
        for (int i = 0; i < 40; ++i)
            co_await send_to_all(std::string(1000, 'x'));
        EXPECT_GE(held(), 16'000u);
        EXPECT_LE(held(), 20'000u);
    });
}

TEST_P(HeldBytes, ReachAheadMaxIfThePoolIsNotLow) {
    run([&]() -> task<> {
        co_await connect(2);
        for (int i = 0; i < 250; ++i)
            co_await send_to_all(std::string(100, 'x'));  // alternating, so not contiguous
        EXPECT_GE(held(), 2u * 250 * 90);
        EXPECT_EQ(context_.io().metrics().ahead_stops, 0u);
        EXPECT_EQ(script().in_flight(IORING_OP_RECV).size(), 2u);
    });
}

// Regression: 500 peers that sent and never read exhausted a server with 64 MiB. Each of them took 277 KB.
TEST_P(HeldBytes, AreBoundedForAllStreamsTogether) {
    constexpr std::size_t peers = 100;
    run([&]() -> task<> {
        auto hoarder = context_.connected_socket();
        co_await hoard(hoarder);
        co_await connect(peers);
        for (int i = 0; i < 20; ++i)
            co_await send_to_all(std::string(1000, 'x'));
        EXPECT_GE(held(), 60u << 10);
        EXPECT_LE(held(), (64u << 10) + 4096);

        // A stream that is read continues, and no byte of the others is lost.
        auto active = context_.connected_socket();
        auto stream = active.recv_stream();
        for (int i = 0; i < 50; ++i) {
            arrive_on(active, "hello");
            EXPECT_EQ(co_await text_of_next(stream), "hello");
        }
        for (auto& each: streams_) {
            auto first = co_await each.next();
            CO_ASSERT_TRUE(first.has_value());
            EXPECT_EQ(first->size() % 1000, 0u);
        }
    });
}

TEST_P(HeldBytes, DoNotStarveAReaderInAFullPool) {
    constexpr std::size_t peers = 100;
    run([&]() -> task<> {
        co_await connect(peers);
        // Receives that are too large to be copied fill the pool.
        for (int i = 0; i < 5; ++i)
            co_await send_to_all(std::string(60'000, 'x'));
        EXPECT_FALSE(context_.io().pool().has_room());
        auto active = context_.connected_socket();
        auto stream = active.recv_stream();
        script().answer_every(IORING_OP_RECV, "hello");
        for (int i = 0; i < 50; ++i)
            EXPECT_EQ(co_await text_of_next(stream), "hello");
        script().stop_answering(IORING_OP_RECV);
        EXPECT_LE(held(), (64u << 10) + 4096);
    });
}

// More bytes arrive in one iteration than the pool holds: the kernel finds no buffer, and the rest waits in
// the socket.
TEST_P(RecvStream, ExhaustedPoolLosesNothing) {
    run([&]() -> task<> {
        auto socket = context_.connected_socket();
        auto stream = socket.recv_stream();
        std::string all;
        for (int i = 0; all.size() < 3 * context_.io().pool().size(); ++i)
            all += std::to_string(i) + std::string(500, ' ');
        context_.then([&] { context_.answer(IORING_OP_RECV, reply(all).last()); });
        std::string received;
        while (received.size() < all.size())
            received += co_await text_of_next(stream);
        EXPECT_EQ(received, all);
        EXPECT_GE(context_.io().pool().metrics().starved, 1u);
        EXPECT_LT(script().enters(), 300u);
    });
}

// Regression: a pool that could not be created terminated the program, because recv_stream() created it in a
// noexcept function.
TEST_P(RecvStream, ThrowsIfThePoolCannotBeCreated) {
    script().refuse_buffer_rings();
    run([&]() -> task<> {
        auto socket = context_.connected_socket();
        for (int attempts = 0; attempts < 2; ++attempts) {
            EXPECT_THROW(static_cast<void>(socket.recv_stream()), std::system_error);
            EXPECT_THROW(static_cast<void>(co_await socket.recv_chunk()), std::system_error);
        }
        std::array<char, 10> buffer;
        context_.answer_next("hello");
        EXPECT_EQ(co_await socket.recv(buffer), 5u);  // the socket remains usable
    });
}

// ---- bulk entries, without incremental buffers ------------------------------------------------------------

// Regression: with 16 messages of 16 KiB in flight, each took an entry, a send and an iteration of its own,
// at half the speed of Asio with a large buffer. A stream with more unread bytes than an entry holds gets
// larger entries.
class BulkStream : public RecvStream {
protected:
    BulkStream() : RecvStream({.pool_size = 4 << 20}) {}

    /// The buffer group of the latest receive.
    std::uint16_t latest_group() {
        const auto& history = script().history();
        for (auto each = history.rbegin(); each != history.rend(); ++each)
            if (each->opcode() == IORING_OP_RECV)
                return each->sqe().buf_group;
        return 0xffff;
    }
    buffer_pool& pool() { return context_.io().pool(); }
    buffer_pool& bulk_pool() { return *context_.io().pools().bulk(); }

    /// Sends a burst that fills three common entries, and reads it.
    task<> become_bulk(recv_stream& stream) {
        context_.then([this] { context_.answer(IORING_OP_RECV, std::string(burst, 'x')); });
        for (std::size_t received = 0; received < burst;)
            received += (co_await text_of_next(stream)).size();
    }
    /// Sends `sent` bytes, and returns the size of the next chunk.
    task<std::size_t> size_of_next(recv_stream& stream, std::size_t sent) {
        context_.then([this, sent] { context_.answer(IORING_OP_RECV, std::string(sent, 'y')); });
        co_return (co_await text_of_next(stream)).size();
    }

    static constexpr std::size_t burst = 3 * 16 * 1024;
};

TEST_P(BulkStream, GetsLargeEntriesWhenMuchIsUnread) {
    run([&]() -> task<> {
        auto socket = context_.connected_socket();
        auto stream = socket.recv_stream();
        co_await become_bulk(stream);
        EXPECT_EQ(co_await size_of_next(stream, 100'000), 100'000u);
        EXPECT_EQ(latest_group(), GetParam() ? detail::pool_group::streams : detail::pool_group::bulk);
        if (GetParam()) {
            EXPECT_EQ(receives(), 1u);
            EXPECT_EQ(context_.io().pools().bulk(), nullptr);
        } else {
            EXPECT_EQ(receives(), 2u);
            EXPECT_EQ(bulk_pool().entry_size(), 128u * 1024);
            EXPECT_EQ(bulk_pool().size(), pool().size() / 4);
        }
    });
}

TEST_P(BulkStream, ReturnsToCommonEntriesWhenLittleArrives) {
    run([&]() -> task<> {
        auto socket = context_.connected_socket();
        auto stream = socket.recv_stream();
        co_await become_bulk(stream);
        EXPECT_EQ(co_await size_of_next(stream, 100'000), 100'000u);
        for (int i = 0; i < 7; ++i)
            EXPECT_EQ(co_await size_of_next(stream, 1), 1u);
        EXPECT_EQ(co_await size_of_next(stream, 100'000), 100'000u);
        EXPECT_EQ(receives(), GetParam() ? 1u : 2u);  // a single large receive keeps it in bulk
        for (int i = 0; i < 9; ++i)
            EXPECT_EQ(co_await size_of_next(stream, 1), 1u);
        EXPECT_EQ(receives(), GetParam() ? 1u : 3u);
        EXPECT_EQ(latest_group(), detail::pool_group::streams);
    });
}

// Regression: an echo of single messages of exactly one entry got larger entries after each message, which
// was slower.
TEST_P(BulkStream, IgnoresSingleMessagesOfEntrySize) {
    run([&]() -> task<> {
        auto socket = context_.connected_socket();
        auto stream = socket.recv_stream();
        for (int i = 0; i < 20; ++i)
            EXPECT_EQ(co_await size_of_next(stream, 16 * 1024), 16u * 1024);
        EXPECT_EQ(receives(), 1u);
        // The next message may also arrive before the reader is back.
        for (int i = 0; i < 20; ++i) {
            context_.then([this] { context_.answer(IORING_OP_RECV, std::string(16 * 1024, 'y')); });
            co_await yield();
            co_await yield();
            EXPECT_EQ((co_await text_of_next(stream)).size(), 16u * 1024);
        }
        EXPECT_EQ(receives(), 1u);
    });
}

TEST_P(BulkStream, LosesNoByteWhenTheEntrySizeChanges) {
    run([&]() -> task<> {
        auto socket = context_.connected_socket();
        auto stream = socket.recv_stream();
        std::string sent, received;
        for (int round = 0; round < 50; ++round) {
            std::string portion = std::to_string(round);
            portion.resize(round % 5 == 0 ? 150'000 : 10, static_cast<char>('a' + round % 26));
            sent += portion;
            context_.then([this, portion] { context_.answer(IORING_OP_RECV, portion); });
            while (received.size() < sent.size())
                received += co_await text_of_next(stream);
        }
        EXPECT_TRUE(received == sent);
        EXPECT_EQ(context_.io().metrics().pinned, 0u);
    });
}

TEST_P(BulkStream, KeepsCommonEntriesWithoutABulkPool) {
    run([&]() -> task<> {
        auto socket = context_.connected_socket();
        auto stream = socket.recv_stream();
        EXPECT_EQ(co_await size_of_next(stream, 1), 1u);
        script().refuse_buffer_rings();
        for (int i = 0; i < 4; ++i)
            co_await become_bulk(stream);
        EXPECT_EQ(context_.io().pools().bulk(), nullptr);
        EXPECT_EQ(latest_group(), detail::pool_group::streams);
        EXPECT_EQ(receives(), 1u);
    });
}

// A stream that waits for a buffer receives one chunk at a time, so a single full chunk makes it a bulk
// stream.
TEST_P(BulkStream, WaitingStreamGetsALargeEntry) {
    run([&]() -> task<> {
        auto hoarder = context_.connected_socket();
        auto socket = context_.connected_socket();
        auto stream = socket.recv_stream();
        std::vector<chunk> kept = co_await exhaust(hoarder);
        auto reading = co_spawn(context_.io(), [&]() -> task<std::size_t> {
            const std::size_t first = (co_await text_of_next(stream)).size();
            co_return first + (co_await text_of_next(stream)).size();
        });
        co_await yield();
        kept.pop_back();
        context_.then([&] { context_.answer(IORING_OP_RECV, std::string(16 * 1024, 'y')); });
        context_.then([&] { context_.answer(IORING_OP_RECV, std::string(100'000, 'y')); });
        EXPECT_EQ(co_await reading.join(), 16u * 1024 + 100'000);
        EXPECT_EQ(latest_group(), GetParam() ? detail::pool_group::streams : detail::pool_group::bulk);
    });
}

// Regression: on another thread, a chunk of the pool aborted with a message, but a chunk that was copied out
// silently changed the count of held bytes.
TEST_P(HeldBytes, BelongToTheThreadOfTheirContext) {
    const auto story = [&](void (*release)(chunk&)) {
        chunk copied;
        run([&]() -> task<> {
            auto socket = context_.connected_socket();
            co_await hoard(socket);
            context_.answer_next("hello");
            copied = co_await socket.recv_chunk();
            EXPECT_TRUE(buffer_pool::is_copy(copied));
        });
        std::thread([&] { release(copied); }).join();
    };
    const char* words = "chunk: destroyed or reset on the wrong thread; use post";
    EXPECT_DEATH(story([](chunk& copied) { copied.reset(); }), words);
    run([&]() -> task<> {
        auto socket = context_.connected_socket();
        co_await hoard(socket);
        context_.answer_next("hello");
        chunk own = co_await socket.recv_chunk();
        own.detach();
        std::thread([&] { own.reset(); }).join();
    });
}

using ChunkDeathTest = RecvStream;

TEST_P(ChunkDeathTest, AbortsIfItOutlivesItsContext) {
    const auto outlive = [] {
        chunk kept;
        scripted_context context(script(GetParam()), small());
        auto socket = context.connected_socket();
        context.run([&]() -> task<> {
            context.answer_next("hello");
            kept = co_await socket.recv_chunk();
        });
        context.destroy();
    };
    EXPECT_DEATH(outlive(), "chunk: outlives its io_context; destroy it before, or detach\\(\\)");
}

INSTANTIATE_TEST_SUITE_P(With, BulkStream, testing::Bool(),
                         [](const auto& given) { return given.param ? "Incremental" : "Classic"; });
INSTANTIATE_TEST_SUITE_P(With, ChunkDeathTest, testing::Bool(),
                         [](const auto& given) { return given.param ? "Incremental" : "Classic"; });
INSTANTIATE_TEST_SUITE_P(With, HeldBytes, testing::Bool(),
                         [](const auto& given) { return given.param ? "Incremental" : "Classic"; });
INSTANTIATE_TEST_SUITE_P(With, RecvStream, testing::Bool(),
                         [](const auto& given) { return given.param ? "Incremental" : "Classic"; });

}  // namespace
}  // namespace coil::test
