// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT

// A stop, a deadline or a cancel ends a read of a buffered_reader without losing received bytes.

#include <coil/algo/buffered_reader.hpp>

#include <array>
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include <coil/algo/read.hpp>
#include <coil/algo/timeout.hpp>
#include <coil/algo/write.hpp>
#include <coil/coro/yield.hpp>
#include <coil/io/sleep.hpp>
#include <coil/sync/when_any.hpp>
#include <coil/test/stream_pair.hpp>

#include "support/scripted_context.hpp"

namespace coil::test {
namespace {

using namespace std::chrono_literals;

class BufferedReaderCancel : public testing::Test {
protected:
    BufferedReaderCancel() : reader_(std::make_unique<socket_reader>(context_.connected_socket())) {}

    using socket_reader = buffered_reader<tcp::socket>;

    template <class F>
    void run(F&& story) {
        context_.run(story);
    }
    scripted_context& context() { return context_; }
    io_context& io() { return context_; }
    ring::scripted_kernel& script() { return context_.script(); }
    socket_reader& reader() { return *reader_; }

    /// Expects that read_line() is aborted.
    task<> aborted_read() {
        auto [ec, line] = co_await as_tuple(reader().read_line());
        EXPECT_EQ(ec, error::operation_aborted) << ec.message();
        EXPECT_EQ(line, std::nullopt);
    }

private:
    scripted_context context_;
    std::unique_ptr<socket_reader> reader_;
};

TEST_F(BufferedReaderCancel, StopKeepsReceivedBytes) {
    run([&]() -> task<> {
        auto reading = co_spawn(io(), aborted_read());
        script().then([&] { script().answer(IORING_OP_RECV, "hal"); });
        context().then([&] {
            script().when_cancelled(-ECANCELED);
            reading.request_stop();
            reading.request_stop();
        });
        co_await reading.join();
        EXPECT_EQ(reader().leftover(), "hal");
        context().answer_next("f\n");
        EXPECT_EQ(co_await reader().read_line(), "half");
    });
}

TEST_F(BufferedReaderCancel, KeepsBytesReceivedWithStop) {
    run([&]() -> task<> {
        auto reading = co_spawn(io(), aborted_read());
        context().then([&] {
            script().when_cancelled("hal");
            reading.request_stop();
        });
        co_await reading.join();
        EXPECT_EQ(reader().leftover(), "hal");
        EXPECT_EQ(script().submitted(IORING_OP_RECV), 1u);  // no recv for the rest
    });
}

TEST_F(BufferedReaderCancel, CompleteLineBeatsStop) {
    run([&]() -> task<> {
        auto reading = co_spawn(io(), [&]() -> task<> { EXPECT_EQ(co_await reader().read_line(), "whole"); });
        context().then([&] {
            script().when_cancelled("whole\n");
            reading.request_stop();
        });
        co_await reading.join();
    });
}

// The completion is in the ring, or in the ready list, when the stop comes.
TEST_F(BufferedReaderCancel, IgnoresStopInCompletionBatch) {
    run([&]() -> task<> {
        auto reading = co_spawn(io(), [&]() -> task<> { EXPECT_EQ(co_await reader().read_line(), "whole"); });
        script().then([&] {
            io().post([&] { reading.request_stop(); });
            script().answer(IORING_OP_RECV, "whole\nnext");
        });
        co_await reading.join();
        EXPECT_EQ(reader().leftover(), "next");
    });
}

TEST_F(BufferedReaderCancel, StopBetweenStepsIsNotLost) {
    run([&]() -> task<> {
        auto reading = co_spawn(io(), aborted_read());
        script().then([&] {
            io().post([&] { reading.request_stop(); });
            script().answer(IORING_OP_RECV, "hal");
        });
        co_await reading.join();
        EXPECT_EQ(reader().leftover(), "hal");
    });
}

TEST_F(BufferedReaderCancel, LateStopEndsNextRead) {
    run([&]() -> task<> {
        auto reading = co_spawn(io(), [&]() -> task<> {
            EXPECT_EQ(co_await reader().read_line(), "one");
            (co_await own_environment).request_stop();
            co_await aborted_read();
        });
        context().answer_next("one\ntwo\n");
        co_await reading.join();
        EXPECT_EQ(reader().leftover(), "two\n");
        EXPECT_EQ(co_await reader().read_line(), "two");
    });
}

TEST_F(BufferedReaderCancel, StoppedScopeGetsNoData) {
    run([&]() -> task<> {
        context().answer_next("one\ntwo\nthree");
        EXPECT_EQ(co_await reader().read_line(), "one");
        auto reading = co_spawn(io(), [&]() -> task<> {
            (co_await own_environment).request_stop();
            const auto resumptions = io().metrics().resumptions;
            co_await aborted_read();
            EXPECT_GT(io().metrics().resumptions, resumptions);  // refused through the ready list
            std::array<char, 2> buffer;
            auto [ec, n] = co_await as_tuple(reader().recv(buffer));
            EXPECT_EQ(ec, error::operation_aborted);
            EXPECT_EQ(n, 0u);
            auto [whole_ec, whole_n] = co_await as_tuple(reader().read_exactly(buffer));
            EXPECT_EQ(whole_ec, error::operation_aborted);
            EXPECT_EQ(whole_n, 0u);
            auto [peek_ec, view] = co_await as_tuple(reader().peek(1));
            EXPECT_EQ(peek_ec, error::operation_aborted);
        });
        co_await reading.join();
        EXPECT_EQ(reader().leftover(), "two\nthree");
        EXPECT_EQ(script().submitted(IORING_OP_RECV), 1u);
    });
}

TEST_F(BufferedReaderCancel, StreamCancelKeepsBytes) {
    for (const bool closes: {false, true}) {
        run([&]() -> task<> {
            reader() = socket_reader(context().connected_socket());
            auto reading = co_spawn(io(), aborted_read());
            script().then([&] {
                io().post([&] {
                    if (closes)
                        reader().stream().close();
                    else
                        reader().stream().cancel();
                });
                // The cancel comes between this step and the next.
                script().answer(IORING_OP_RECV, "hal");
            });
            co_await reading.join();
            EXPECT_EQ(reader().leftover(), "hal");
        });
    }
}

TEST_F(BufferedReaderCancel, DeadlineKeepsBytes) {
    run([&]() -> task<> {
        script().after(1s, [&] { script().answer(IORING_OP_RECV, "ha"); });
        script().after(3s, [&] { script().when_cancelled("l"); });
        auto [ec, line] = co_await as_tuple(timeout(reader().read_line(), 5s));
        EXPECT_EQ(ec, error::timed_out);
        EXPECT_EQ(reader().leftover(), "hal");
        context().answer_next("f\n");
        EXPECT_EQ(co_await timeout(reader().read_line(), 5s), "half");
    });
}

// Stops reads of every kind after each received byte.
TEST_F(BufferedReaderCancel, StopsAtEveryByte) {
    run([&]() -> task<> {
        const std::string_view bytes = "a line\r\nhead--12345\nxyz";
        stream_pair pair;
        buffered_reader reader(std::move(pair.first), {.initial = 1, .limit = 10});
        std::size_t sent = 0;
        std::size_t aborts = 0;
        // Repeats `once()`, and stops it after each byte, until it succeeds.
        const auto insist = [&](auto once) -> task<std::string> {
            for (;;) {
                std::optional<std::string> result;
                auto reading = co_spawn(io(), [&]() -> task<> {
                    auto [ec, view] = co_await as_tuple(once());
                    EXPECT_TRUE(!ec || ec == error::operation_aborted) << ec.message();
                    if (!ec)
                        result.emplace(std::optional<std::string_view>(view).value_or("the end"));
                });
                if (sent < bytes.size())
                    co_await write(pair.second, bytes.substr(sent++, 1));
                for (int i = 0; i < 4; ++i)
                    co_await yield();
                reading.request_stop();
                co_await reading.join();
                if (result)
                    co_return *result;
                ++aborts;
            }
        };
        const auto line = [&] { return reader.read_line(); };
        const auto until = [&] { return reader.read_until("--"); };
        const auto five = [&] { return reader.read_exactly(5); };
        const auto peek = [&] { return reader.peek(3); };
        EXPECT_EQ(co_await insist(line), "a line");
        EXPECT_EQ(co_await insist(until), "head");
        EXPECT_EQ(co_await insist(five), "12345");
        EXPECT_EQ(co_await insist(line), "");
        EXPECT_EQ(co_await insist(peek), "xyz");
        EXPECT_EQ(aborts, bytes.size() - 5);
        EXPECT_EQ(reader.leftover(), "xyz");
    });
}

// The inline budget is spent: the read goes through the ready list although its bytes are buffered.
TEST_F(BufferedReaderCancel, YieldingReadIgnoresStop) {
    run([&]() -> task<> {
        constexpr unsigned until_spent =
            1 + detail::scheduler::inline_max;  // the first read waits for the bytes
        std::string bytes;
        for (unsigned i = 0; i < until_spent; ++i)
            bytes += std::to_string(i % 10) + "\n";
        bytes += "x\n";
        context().answer_next(bytes);
        auto reading = co_spawn(io(), [&]() -> task<> {
            for (unsigned i = 0; i < until_spent; ++i)
                EXPECT_EQ(co_await reader().read_line(), std::to_string(i % 10));
            io().post([task = &co_await own_environment] { task->request_stop(); });
            EXPECT_EQ(co_await reader().read_line(), "x");
            co_await aborted_read();
        });
        co_await reading.join();
    });
}

TEST_F(BufferedReaderCancel, LostRaceKeepsBytes) {
    run([&]() -> task<> {
        script().after(1s, [&] { script().answer(IORING_OP_RECV, "hal"); });
        script().after(2s, [&] { script().when_cancelled("f\n"); });
        auto late = co_await when_any(reader().read_line(), sleep_for(3s));
        EXPECT_EQ(late.index(), 1u);
        EXPECT_EQ(*late.template get<0>(), "half");  // both have completed
        script().after(1s, [&] { script().answer(IORING_OP_RECV, "hal"); });
        script().after(2s, [&] { script().when_cancelled(-ECANCELED); });
        auto lost = co_await when_any(reader().read_line(), sleep_for(3s));
        EXPECT_EQ(lost.index(), 1u);
        EXPECT_EQ(reader().leftover(), "hal");
    });
}

TEST_F(BufferedReaderCancel, ContextDestructionCancelsRead) {
    auto reading = context().spawn([&]() -> task<> {
        co_await reader().read_line();
        ADD_FAILURE() << "the read continued";
    });
    context().poll();
    EXPECT_EQ(script().in_flight(IORING_OP_RECV).size(), 1u);
    context().destroy();
}

TEST_F(BufferedReaderCancel, UnusedResultStaysBuffered) {
    run([&]() -> task<> {
        context().answer_next("one\ntwo\n");
        EXPECT_EQ(co_await reader().read_line(), "one");
        detail::environment& task = co_await own_environment;
        {
            auto read = reader().read_line().operation_in(task);
            EXPECT_TRUE(read.await_ready());
        }
        EXPECT_EQ(reader().leftover(), "two\n");
        EXPECT_EQ(co_await reader().read_line(), "two");
    });
}

}  // namespace
}  // namespace coil::test
