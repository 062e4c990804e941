// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#include <coil/algo/timeout.hpp>

#include <array>
#include <cerrno>
#include <chrono>
#include <coroutine>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>

#include <coil/algo/read.hpp>
#include <coil/algo/write.hpp>
#include <coil/coro/yield.hpp>
#include <coil/io/sleep.hpp>
#include <coil/io/steady_timer.hpp>
#include <coil/test/stream_pair.hpp>

#include "support/scripted_context.hpp"

namespace coil::test {
namespace {

using namespace std::chrono_literals;

/// Stories with one scripted socket, in virtual time.
class Timeout : public testing::Test {
protected:
    template <class F>
    void run(F&& story) {
        socket_ = context_.connected_socket();
        began_ = context_.io().now();
        context_.run(story);
        socket_.close();
    }

    [[nodiscard]] auto elapsed() { return context_.io().now() - began_; }
    scripted_context& context() { return context_; }
    io_context& io() { return context_; }
    tcp::socket& socket() { return socket_; }

    /// A task that never ends by itself.
    task<int> stuck() {
        char byte[1];
        co_await socket_.recv(byte);
        co_return 1;
    }

    std::array<char, 10> buffer_{};

private:
    scripted_context context_;
    tcp::socket socket_;
    time_point began_;
};

// ---- completion against deadline --------------------------------------------------------------------------

TEST_F(Timeout, FiresAtDeadline) {
    run([&]() -> task<> {
        auto [ec, n] = co_await as_tuple(timeout(socket().recv(buffer_), 5s));
        EXPECT_EQ(ec, error::timed_out);
        EXPECT_EQ(n, 0u);
        EXPECT_GE(elapsed(), 5s);
        EXPECT_LT(elapsed(), 5s + 10us);
    });
}

TEST_F(Timeout, CompletionInTimeRemovesTimer) {
    run([&]() -> task<> {
        context().after(3s, [&] { context().answer(IORING_OP_RECV, "abc"); });
        EXPECT_EQ(co_await timeout(socket().recv(buffer_), 5s), 3u);
        EXPECT_EQ(elapsed(), 3s);
        EXPECT_EQ(std::string_view(buffer_.data(), 3), "abc");
    });
    EXPECT_EQ(elapsed(), 3s);  // the loop did not wait for the timer
}

// In Asio, the handler of an expired timer still runs after cancel(). It may then close a socket whose read
// has just completed.
TEST_F(Timeout, LateExpiryHasNoEffect) {
    run([&]() -> task<> {
        context().script().after(4s, [&] {
            context().script().answer(IORING_OP_RECV, "abc");
            context().script().advance(2s);  // the loop finds the bytes and the expired deadline together
        });
        EXPECT_EQ(co_await timeout(socket().recv(buffer_), 5s), 3u);
        EXPECT_EQ(elapsed(), 6s);
        context().script().when_cancelled("de");  // the bytes arrive while the deadline is being handled
        EXPECT_EQ(co_await timeout(socket().recv(buffer_), 5s), 2u);
        context().after(100s, [&] { context().answer(IORING_OP_RECV, "f"); });
        EXPECT_EQ(co_await socket().recv(buffer_), 1u);
        EXPECT_GE(elapsed(), 110s);
    });
}

TEST_F(Timeout, ReturnsBytesThatBeatTheCancel) {
    run([&]() -> task<> {
        context().script().when_cancelled("abc");
        auto [ec, n] = co_await as_tuple(timeout(socket().recv(buffer_), 5s));
        EXPECT_FALSE(ec) << ec.message();
        EXPECT_EQ(n, 3u);
        EXPECT_GE(elapsed(), 5s);
    });
}

TEST_F(Timeout, WaitsForResultWhenCancelIsLate) {
    run([&]() -> task<> {
        context().script().when_cancelled_later("abcd");
        EXPECT_EQ(co_await timeout(socket().recv(buffer_), 5s), 4u);
    });
}

TEST_F(Timeout, ReturnsErrorThatBeatsTheCancel) {
    run([&]() -> task<> {
        context().script().when_cancelled(-ECONNRESET);
        auto [ec, n] = co_await as_tuple(timeout(socket().recv(buffer_), 5s));
        EXPECT_EQ(ec, error::connection_reset);
        context().script().when_cancelled(-ECONNRESET);
        try {
            co_await timeout(socket().recv(buffer_), 5s);
            ADD_FAILURE() << "no error";
        } catch (const transfer_error& failure) {
            EXPECT_EQ(failure.code(), error::connection_reset);
        }
    });
}

TEST_F(Timeout, DiffersFromKernelTimeout) {
    run([&]() -> task<> {
        context().answer_next(-ETIMEDOUT);
        auto [ec, n] = co_await as_tuple(timeout(socket().recv(buffer_), 5s));
        EXPECT_EQ(ec, std::errc::timed_out);
        EXPECT_NE(ec, error::timed_out);
        auto [ours, m] = co_await as_tuple(timeout(socket().recv(buffer_), 5s));
        EXPECT_EQ(ours, std::errc::timed_out);
        EXPECT_EQ(ours, error::timed_out);
        EXPECT_NE(ours, ec);
        EXPECT_NE(ours, error::operation_aborted);
    });
}

TEST_F(Timeout, ErrorNamesOperationAndBytes) {
    run([&]() -> task<> {
        context().script().when_cancelled("abc");
        try {
            co_await timeout(read(socket(), buffer_), 5s);
            ADD_FAILURE() << "no error";
        } catch (const transfer_error& failure) {
            EXPECT_EQ(failure.code(), error::timed_out);
            EXPECT_EQ(failure.bytes_transferred(), 3u);
            EXPECT_NE(std::string_view(failure.what()).find("recv"), std::string_view::npos)
                << failure.what();
        }
        try {
            co_await timeout(sleep_for(1h), 5s);
            ADD_FAILURE() << "no error";
        } catch (const std::system_error& failure) {
            EXPECT_EQ(failure.code(), error::timed_out);
            EXPECT_NE(std::string_view(failure.what()).find("sleep"), std::string_view::npos)
                << failure.what();
        }
    });
}

TEST_F(Timeout, LeavesTaskUnstopped) {
    run([&]() -> task<> {
        for (int i = 0; i < 100; ++i) {
            auto [ec, n] = co_await as_tuple(timeout(socket().recv(buffer_), 1ms));
            EXPECT_EQ(ec, error::timed_out);
        }
        context().answer_next("abc");
        EXPECT_EQ(co_await socket().recv(buffer_), 3u);
        co_await yield();
    });
}

// ---- nested -----------------------------------------------------------------------------------------------

TEST_F(Timeout, ShorterOfTwoNestedFires) {
    run([&]() -> task<> {
        auto [inner, n] = co_await as_tuple(timeout(timeout(socket().recv(buffer_), 1s), 5s));
        EXPECT_EQ(inner, error::timed_out);
        EXPECT_LT(elapsed(), 2s);
        auto [outer, m] = co_await as_tuple(timeout(timeout(socket().recv(buffer_), 5s), 1s));
        EXPECT_EQ(outer, error::timed_out);
        EXPECT_LT(elapsed(), 3s);
        auto [both, k] = co_await as_tuple(timeout(timeout(socket().recv(buffer_), 1s), 1s));
        EXPECT_EQ(both, error::timed_out);
        EXPECT_LT(elapsed(), 4s);
    });
}

TEST_F(Timeout, OuterDeadlineAbortsInner) {
    run([&]() -> task<> {
        std::error_code seen_inside;
        const auto inside = [&]() -> task<std::size_t> {
            auto [ec, n] = co_await as_tuple(timeout(socket().recv(buffer_), 5s));
            seen_inside = ec;
            if (ec)
                throw std::system_error(ec);
            co_return n;
        };
        auto [ec, n] = co_await as_tuple(timeout(inside(), 1s));
        EXPECT_EQ(seen_inside, error::operation_aborted);
        EXPECT_EQ(ec, error::timed_out);
    });
}

TEST_F(Timeout, InnerDeadlineDoesNotAffectOuter) {
    run([&]() -> task<> {
        const auto inside = [&]() -> task<int> {
            auto [ec, n] = co_await as_tuple(timeout(socket().recv(buffer_), 1s));
            EXPECT_EQ(ec, error::timed_out);
            context().after(1s, [&] { context().answer(IORING_OP_RECV, "abc"); });
            co_return static_cast<int>(co_await socket().recv(buffer_));
        };
        EXPECT_EQ(co_await timeout(inside(), 5s), 3);
        EXPECT_GE(elapsed(), 2s);
    });
}

TEST_F(Timeout, ManyNestedEndTogether) {
    run([&]() -> task<> {
        auto [ec, n] = co_await as_tuple(
            timeout(timeout(timeout(timeout(timeout(timeout(stuck(), 9s), 8s), 1s), 7s), 6s), 5s));
        EXPECT_EQ(ec, error::timed_out);
        EXPECT_LT(elapsed(), 2s);
    });
}

// ---- around every kind of awaitable -----------------------------------------------------------------------

TEST_F(Timeout, UnwindsWholeTask) {
    run([&]() -> task<> {
        bool unwound = false;
        const auto deep = [&](auto& self, int depth) -> task<int> {
            struct on_exit {
                bool& flag;
                ~on_exit() { flag = true; }
            } mark{unwound};
            if (depth > 0)
                co_return co_await self(self, depth - 1);
            co_return co_await stuck();
        };
        auto [ec, value] = co_await as_tuple(timeout(deep(deep, 10), 5s));
        EXPECT_EQ(ec, error::timed_out);
        EXPECT_EQ(value, 0);
        EXPECT_TRUE(unwound);
    });
}

TEST_F(Timeout, LateTaskResultWins) {
    run([&]() -> task<> {
        const auto stubborn = [&]() -> task<std::unique_ptr<int>> {
            auto [ec, n] = co_await as_tuple(socket().recv(buffer_));
            EXPECT_EQ(ec, error::operation_aborted);
            co_return std::make_unique<int>(7);
        };
        const std::unique_ptr<int> seven = co_await timeout(stubborn(), 5s);
        EXPECT_EQ(*seven, 7);
        EXPECT_GE(elapsed(), 5s);
    });
}

TEST_F(Timeout, ExpiredTaskCannotWaitAgain) {
    run([&]() -> task<> {
        int refused = 0;
        const auto stubborn = [&]() -> task<> {
            for (int i = 0; i < 5; ++i) {
                auto [ec, n] = co_await as_tuple(socket().recv(buffer_));
                refused += ec == error::operation_aborted;
            }
            auto [ec] = co_await as_tuple(sleep_for(1h));
            refused += ec == error::operation_aborted;
        };
        co_await timeout(stubborn(), 5s);
        EXPECT_EQ(refused, 6);
        EXPECT_LT(elapsed(), 6s);
    });
}

TEST_F(Timeout, PassesOtherExceptions) {
    run([&]() -> task<> {
        const auto failing = [&](bool late) -> task<> {
            if (late) {
                auto [ec, n] = co_await as_tuple(socket().recv(buffer_));
                EXPECT_EQ(ec, error::operation_aborted);
            }
            throw std::out_of_range("a bug");
        };
        for (const bool late: {false, true}) {
            try {
                co_await timeout(failing(late), 5s);
                ADD_FAILURE() << "no exception";
            } catch (const std::out_of_range&) {}
        }
    });
}

TEST_F(Timeout, SupportsReferenceAndVoidTasks) {
    run([&]() -> task<> {
        int value = 1;
        const auto reference = [&]() -> task<int&> {
            std::error_code ec;
            co_await redirect_error(socket().recv(buffer_), ec);
            co_return value;
        };
        int& result = co_await timeout(reference(), 5s);
        EXPECT_EQ(&result, &value);
        context().answer_next("abc");
        EXPECT_EQ(&co_await timeout(reference(), 5s), &value);
        const auto nothing = [&]() -> task<> { co_await socket().recv(buffer_); };
        auto [ec] = co_await as_tuple(timeout(nothing(), 5s));
        EXPECT_EQ(ec, error::timed_out);
    });
}

TEST_F(Timeout, ReadTimeoutCarriesCount) {
    run([&]() -> task<> {
        context().answer_next("abc");
        auto [ec, n] = co_await as_tuple(timeout(read(socket(), buffer_), 5s));
        EXPECT_EQ(ec, error::timed_out);
        EXPECT_EQ(n, 3u);
        EXPECT_EQ(std::string_view(buffer_.data(), 3), "abc");
        context().answer_next("abc");
        context().script().when_cancelled("de");
        auto [late_ec, late_n] = co_await as_tuple(timeout(read(socket(), buffer_), 5s));
        EXPECT_EQ(late_ec, error::timed_out);
        EXPECT_EQ(late_n, 5u);
        EXPECT_EQ(std::string_view(buffer_.data(), 5), "abcde");
        context().answer_next("abc");
        context().script().when_cancelled("defghij");
        EXPECT_EQ(co_await timeout(read(socket(), buffer_), 5s), 10u);
    });
}

TEST_F(Timeout, WriteTimeoutCarriesCount) {
    run([&]() -> task<> {
        context().answer_next(4);
        context().script().when_cancelled(3);
        auto [ec, n] = co_await as_tuple(timeout(write(socket(), "0123456789"), 5s));
        EXPECT_EQ(ec, error::timed_out);
        EXPECT_EQ(n, 7u);
    });
    EXPECT_EQ(context().script().sent(ring::scripted_kernel::first_descriptor), "0123456");
}

TEST_F(Timeout, AcceptLosesNoConnection) {
    run([&]() -> task<> {
        auto acceptor = context().acceptor();
        // The connection comes after the deadline and before the cancel takes effect: accept returns it.
        context().script().when_cancelled(reply::connection());
        auto late = co_await as_tuple(timeout(acceptor.accept(), 5s));
        auto& [ec, peer] = late;
        EXPECT_FALSE(ec);
        EXPECT_TRUE(peer.is_open());
        auto none = co_await as_tuple(timeout(acceptor.accept(), 5s));
        EXPECT_EQ(none.error(), error::timed_out);
    });
}

TEST_F(Timeout, ConnectTimeoutClosesSocket) {
    run([&]() -> task<> {
        tcp::socket other(context());
        auto [ec] = co_await as_tuple(timeout(other.connect({ip::address_v4::loopback(), 1}), 5s));
        EXPECT_EQ(ec, error::timed_out);
        EXPECT_FALSE(other.is_open());
        context().answer_next(0);
        co_await timeout(other.connect({ip::address_v4::loopback(), 1}), 5s);
        EXPECT_TRUE(other.is_open());
    });
}

TEST_F(Timeout, WrapsTimerAndSleep) {
    run([&]() -> task<> {
        auto [slept] = co_await as_tuple(timeout(sleep_for(1h), 5s));
        EXPECT_EQ(slept, error::timed_out);
        steady_timer timer(context(), 1h);
        auto [waited] = co_await as_tuple(timeout(timer.wait(), 5s));
        EXPECT_EQ(waited, error::timed_out);
        co_await timeout(sleep_for(1s), 5s);
        EXPECT_LT(elapsed(), 12s);
        EXPECT_EQ(timer.cancel(), 0u);
    });
}

TEST_F(Timeout, JoinTimeoutLeavesTaskJoinable) {
    run([&]() -> task<> {
        auto worker = co_spawn(io(), stuck());
        auto [ec, value] = co_await as_tuple(timeout(worker.join(), 5s));
        EXPECT_EQ(ec, error::timed_out);
        EXPECT_FALSE(worker.done());
        context().after(1s, [&] { context().answer(IORING_OP_RECV, "x"); });
        EXPECT_EQ(co_await timeout(worker.join(), 5s), 1);
    });
}

TEST_F(Timeout, WrapsRecvfrom) {
    run([&]() -> task<> {
        auto udp = context().datagram_socket();
        auto [ec, received] = co_await as_tuple(timeout(udp.recvfrom(buffer_), 5s));
        EXPECT_EQ(ec, error::timed_out);
        context().script().when_cancelled(reply("abc"));
        auto [late_ec, late] = co_await as_tuple(timeout(udp.recvfrom(buffer_), 5s));
        EXPECT_FALSE(late_ec);
        EXPECT_EQ(late.size, 3u);
    });
}

TEST_F(Timeout, WrapsMemoryStream) {
    run([&]() -> task<> {
        stream_pair pair;
        co_await write(pair.first, "abc");
        auto [ec, n] = co_await as_tuple(timeout(read(pair.second, buffer_), 5s));
        EXPECT_EQ(ec, error::timed_out);
        EXPECT_EQ(n, 3u);
    });
}

TEST_F(Timeout, InlineCompletionBeatsZeroTimeout) {
    run([&]() -> task<> {
        EXPECT_EQ(co_await timeout(socket().recv(mutable_buffer()), 0s), 0u);
        EXPECT_EQ(co_await timeout(write(socket(), ""), -1s), 0u);
        co_await timeout(socket().close(), 0s);
        const auto seven = []() -> task<int> { co_return 7; };
        EXPECT_EQ(co_await timeout(seven(), 0s), 7);
        EXPECT_EQ(elapsed(), 0s);
    });
}

TEST_F(Timeout, WorksWithRedirectError) {
    run([&]() -> task<> {
        std::error_code ec;
        EXPECT_EQ(co_await redirect_error(timeout(socket().recv(buffer_), 5s), ec), 0u);
        EXPECT_EQ(ec, error::timed_out);
        context().answer_next("abc");
        EXPECT_EQ(co_await redirect_error(timeout(socket().recv(buffer_), 5s), ec), 3u);
        EXPECT_FALSE(ec);
    });
}

// ---- a stop from outside ----------------------------------------------------------------------------------

TEST_F(Timeout, TaskStopIsNotTimeout) {
    run([&]() -> task<> {
        std::error_code seen;
        auto worker = co_spawn(io(), [&]() -> task<> {
            auto [ec, n] = co_await as_tuple(timeout(socket().recv(buffer_), 5s));
            seen = ec;
        });
        co_await sleep_for(1s);
        worker.request_stop();
        co_await worker.join();
        EXPECT_EQ(seen, error::operation_aborted);
        EXPECT_LT(elapsed(), 2s);
    });
}

TEST_F(Timeout, StoppedTaskIsRefused) {
    run([&]() -> task<> {
        std::error_code of_recv;
        std::error_code of_task;
        auto worker = co_spawn(io(), [&]() -> task<> {
            auto [ec, n] = co_await as_tuple(timeout(socket().recv(buffer_), 5s));
            of_recv = ec;
            auto [task_ec, value] = co_await as_tuple(timeout(stuck(), 0s));
            of_task = task_ec;
        });
        worker.request_stop();
        co_await worker.join();
        EXPECT_EQ(of_recv, error::operation_aborted);
        EXPECT_EQ(of_task, error::operation_aborted);
        EXPECT_EQ(elapsed(), 0s);
        EXPECT_EQ(context().script().submitted(IORING_OP_RECV), 0u);
    });
}

TEST_F(Timeout, StopAfterDeadlineIsIgnored) {
    run([&]() -> task<> {
        std::error_code seen;
        context().script().when_cancelled_later(-ECANCELED);
        auto worker = co_spawn(io(), [&]() -> task<> {
            auto [ec, n] = co_await as_tuple(timeout(socket().recv(buffer_), 5s));
            seen = ec;
        });
        co_await sleep_for(5s);
        co_await yield();
        worker.request_stop();
        co_await worker.join();
        EXPECT_EQ(seen, error::timed_out);
    });
}

/// An awaitable that a stop cannot end. The test resumes it.
struct stubborn_awaitable {
    std::coroutine_handle<> waiter;

    bool await_ready() const noexcept { return false; }
    void await_suspend(std::coroutine_handle<> handle) noexcept { waiter = handle; }
    void await_resume() const noexcept {}
};

TEST_F(Timeout, EarlierStopIsNotTimeout) {
    run([&]() -> task<> {
        stubborn_awaitable stubborn;
        const auto slow = [&]() -> task<> {
            co_await stubborn;
            co_await sleep_for(1h);  // refused
        };
        std::error_code seen;
        auto worker = co_spawn(io(), [&]() -> task<> {
            auto [ec] = co_await as_tuple(timeout(slow(), 5s));
            seen = ec;
        });
        context().after(4s, [&] { worker.request_stop(); });
        context().after(6s, [&] { stubborn.waiter.resume(); });
        co_await worker.join();
        EXPECT_EQ(elapsed(), 6s);
        EXPECT_EQ(seen, error::operation_aborted);
    });
}

TEST_F(Timeout, SocketCancelIsNotTimeout) {
    run([&]() -> task<> {
        std::error_code seen;
        auto worker = co_spawn(io(), [&]() -> task<> {
            auto [ec, n] = co_await as_tuple(timeout(socket().recv(buffer_), 5s));
            seen = ec;
        });
        co_await yield();
        socket().cancel();
        co_await worker.join();
        EXPECT_EQ(seen, error::operation_aborted);
    });
}

// ---- deadlines --------------------------------------------------------------------------------------------

TEST_F(Timeout, PastDeadlineFiresNextIteration) {
    run([&]() -> task<> {
        for (const auto duration: {0ns, -1ns, std::chrono::nanoseconds::min()}) {
            auto [ec, n] = co_await as_tuple(timeout(socket().recv(buffer_), duration));
            EXPECT_EQ(ec, error::timed_out);
        }
        auto [ec, n] = co_await as_tuple(timeout_at(socket().recv(buffer_), time_point()));
        EXPECT_EQ(ec, error::timed_out);
        auto [min_ec, min_n] = co_await as_tuple(timeout_at(socket().recv(buffer_), time_point::min()));
        EXPECT_EQ(min_ec, error::timed_out);
        EXPECT_LT(elapsed(), 1ms);
    });
}

TEST_F(Timeout, MaximumDurationNeverFires) {
    run([&]() -> task<> {
        for (const auto duration: {std::chrono::nanoseconds::max(), 2562047h + 0ns}) {
            context().after(24h * 365 * 50, [&] { context().answer(IORING_OP_RECV, "abc"); });
            EXPECT_EQ(co_await timeout(socket().recv(buffer_), duration), 3u);
        }
        context().answer_next("abc");
        EXPECT_EQ(co_await timeout(socket().recv(buffer_), std::chrono::hours::max()), 3u);
        context().answer_next("abc");
        EXPECT_EQ(co_await timeout_at(socket().recv(buffer_), time_point::max()), 3u);
    });
}

TEST_F(Timeout, TakesAnyDuration) {
    run([&]() -> task<> {
        auto [ec, n] = co_await as_tuple(timeout(socket().recv(buffer_), std::chrono::duration<double>(0.5)));
        EXPECT_EQ(ec, error::timed_out);
        EXPECT_GE(elapsed(), 500ms);
        EXPECT_LT(elapsed(), 501ms);
        auto [day_ec, day_n] = co_await as_tuple(timeout(socket().recv(buffer_), std::chrono::days(2)));
        EXPECT_EQ(day_ec, error::timed_out);
        EXPECT_GE(elapsed(), 48h);
    });
}

TEST_F(Timeout, FiresAtTimePoint) {
    run([&]() -> task<> {
        const time_point deadline = context().io().now() + 5s;
        co_await sleep_for(3s);
        auto [ec, n] = co_await as_tuple(timeout_at(socket().recv(buffer_), deadline));
        EXPECT_EQ(ec, error::timed_out);
        EXPECT_GE(elapsed(), 5s);
        EXPECT_LT(elapsed(), 5s + 10us);
    });
}

TEST_F(Timeout, CountsFromAwait) {
    run([&]() -> task<> {
        auto limited = timeout(stuck(), 5s);
        co_await sleep_for(1h);
        auto [ec, value] = co_await as_tuple(std::move(limited));
        EXPECT_EQ(ec, error::timed_out);
        EXPECT_GE(elapsed(), 1h + 5s);
    });
}

TEST_F(Timeout, ContextDestructionCancelsNested) {
    const auto waiting = [this]() -> task<> { co_await timeout(timeout(stuck(), 5s), 6s); };
    run([&]() -> task<> {
        co_spawn(io(), waiting(), detached);
        co_await yield();
        co_await yield();
        EXPECT_EQ(context().script().in_flight(IORING_OP_RECV).size(), 1u);
        context().io().stop();
    });
    context().destroy();
}

}  // namespace
}  // namespace coil::test
