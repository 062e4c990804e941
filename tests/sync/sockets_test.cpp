// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT

// Combinators over kernel operations: no result from the kernel is lost.

#include <array>
#include <chrono>
#include <string>
#include <string_view>
#include <system_error>
#include <thread>
#include <utility>

#include <linux/io_uring.h>

#include <coil/algo/timeout.hpp>
#include <coil/algo/write.hpp>
#include <coil/coro/shield.hpp>
#include <coil/coro/stop_when.hpp>
#include <coil/io/sleep.hpp>
#include <coil/sync/event.hpp>
#include <coil/sync/task_group.hpp>
#include <coil/sync/when_all.hpp>
#include <coil/sync/when_any.hpp>

#include "support/real_context.hpp"
#include "support/scripted_context.hpp"

namespace coil::test {
namespace {

using namespace std::chrono_literals;

class Composed : public testing::Test {
protected:
    template <class F>
    void run(F&& story) {
        context_.run(story);
    }
    std::string_view first(std::size_t n) const { return {one_.data(), n}; }
    std::string_view second(std::size_t n) const { return {other_.data(), n}; }

    scripted_context context_;
    tcp::socket a_ = context_.connected_socket();
    tcp::socket b_ = context_.connected_socket();
    std::array<char, 16> one_{};
    std::array<char, 16> other_{};
};

TEST_F(Composed, LoserIsCancelledInTheKernel) {
    run([&]() -> task<> {
        context_.then([&] { context_.answer(IORING_OP_RECV, "hello"); });
        auto race = co_await when_any(a_.recv(one_), b_.recv(other_));
        EXPECT_EQ(race.index(), 0u);
        EXPECT_EQ(first(race.get<0>().value()), "hello");
        EXPECT_EQ(race.get<1>().error(), error::operation_aborted);
        EXPECT_TRUE(context_.script().in_flight().empty());
    });
}

TEST_F(Composed, ResultsOfTheSameBatchAreKept) {
    run([&]() -> task<> {
        context_.answer_next("hello");
        context_.answer_next("world");
        auto race = co_await when_any(a_.recv(one_), b_.recv(other_));
        EXPECT_EQ(race.index(), 0u);
        EXPECT_EQ(first(race.get<0>().value()), "hello");
        EXPECT_EQ(second(race.get<1>().value()), "world");
    });
}

TEST_F(Composed, LateCancelKeepsTheLosersBytes) {
    for (const bool later: {false, true}) {
        run([&]() -> task<> {
            context_.answer_next("hello");
            if (later)
                context_.script().when_cancelled_later("world");
            else
                context_.script().when_cancelled("world");
            auto race = co_await when_any(a_.recv(one_), b_.recv(other_));
            EXPECT_EQ(race.index(), 0u);
            EXPECT_EQ(second(race.get<1>().value()), "world");
        });
    }
}

TEST_F(Composed, ConnectionWithTheWinnerIsKept) {
    auto acceptor = context_.acceptor();
    run([&]() -> task<> {
        context_.answer_next("hello");
        context_.answer_next(reply::connection());
        auto race = co_await when_any(a_.recv(one_), acceptor.accept());
        EXPECT_EQ(race.index(), 0u);
        EXPECT_TRUE(race.get<1>().value().is_open());
        acceptor.close();
    });
}

TEST_F(Composed, ConnectionBeforeTheCancelIsKept) {
    auto acceptor = context_.acceptor();
    run([&]() -> task<> {
        context_.answer_next("hello");
        context_.script().when_cancelled(reply::connection());
        auto race = co_await when_any(a_.recv(one_), acceptor.accept());
        EXPECT_EQ(race.index(), 0u);
        EXPECT_TRUE(race.get<1>().value().is_open());
        acceptor.close();
    });
}

TEST_F(Composed, LaterConnectionGoesToTheNextAccept) {
    auto acceptor = context_.acceptor();
    run([&]() -> task<> {
        context_.answer_next("hello");
        auto race = co_await when_any(a_.recv(one_), acceptor.accept());
        EXPECT_EQ(race.get<1>().error(), error::operation_aborted);
        context_.answer_next(reply::connection());
        auto peer = co_await acceptor.accept();
        EXPECT_TRUE(peer.is_open());
        acceptor.close();
    });
}

TEST_F(Composed, FailureCancelsOthersAndNamesItself) {
    run([&]() -> task<> {
        context_.then([&] { context_.answer(IORING_OP_RECV, -ECONNRESET); });
        try {
            static_cast<void>(co_await when_all(a_.recv(one_), b_.recv(other_), sleep_for(1h)));
            ADD_FAILURE() << "nothing was thrown";
        } catch (const transfer_error& failure) {
            EXPECT_EQ(failure.code(), std::errc::connection_reset);
            EXPECT_NE(std::string(failure.what()).find("recv"), std::string::npos) << failure.what();
        }
        EXPECT_TRUE(context_.script().in_flight().empty());
    });
}

TEST_F(Composed, DeadlineAroundARaceIsATimeout) {
    run([&]() -> task<> {
        auto r = co_await as_tuple(timeout(when_any(a_.recv(one_), b_.recv(other_)), 5s));
        EXPECT_EQ(r.error(), error::timed_out);
        try {
            static_cast<void>(co_await timeout(when_all(a_.recv(one_), b_.recv(other_)), 5s));
            ADD_FAILURE() << "nothing was thrown";
        } catch (const std::system_error& failure) {
            EXPECT_EQ(failure.code(), error::timed_out);
        }
        auto [ec] = co_await as_tuple(timeout(with_group([&](task_group& group) -> task<> {
                                                  group.start(
                                                      [](tcp::socket& from) -> task<> {
                                                          std::array<char, 4> own;
                                                          co_await from.recv(own);
                                                      },
                                                      std::ref(a_));
                                                  co_await b_.recv(other_);
                                              }),
                                              5s));
        EXPECT_EQ(ec, error::timed_out);
        EXPECT_TRUE(context_.script().in_flight().empty());
    });
}

TEST_F(Composed, RaceKeepsResultsBeforeItsDeadline) {
    run([&]() -> task<> {
        context_.after(5s, [&] { context_.answer(IORING_OP_RECV, "hello"); });
        auto r = co_await as_tuple(timeout(when_any(a_.recv(one_), b_.recv(other_)), 5s));
        EXPECT_EQ(r.error(), std::error_code());
        EXPECT_EQ(first(r->get<0>().value()), "hello");
    });
}

TEST_F(Composed, DeadlinesInsideARaceAreCompletions) {
    run([&]() -> task<> {
        auto race =
            co_await when_any(timeout(a_.recv(one_), 2s), timeout(b_.recv(other_), 1s), sleep_for(3s));
        EXPECT_EQ(race.index(), 1u);
        EXPECT_EQ(race.get<1>().error(), error::timed_out);
        EXPECT_EQ(race.get<0>().error(), error::operation_aborted);
    });
}

TEST_F(Composed, StoppedTaskMayWriteUnderAShield) {
    const auto polite = [&]() -> task<> {
        auto [ec, n] = co_await as_tuple(a_.recv(one_));
        EXPECT_EQ(ec, error::operation_aborted);
        auto [failed, sent] = co_await as_tuple(shield(timeout(write(a_, "bye"), 1s)));
        EXPECT_FALSE(failed);
        auto [late, none] = co_await as_tuple(shield(timeout(write(b_, "never sent"), 1s)));
        EXPECT_EQ(late, error::timed_out);
    };
    run([&]() -> task<> {
        auto worker = co_spawn(context_.io(), polite);
        co_await yield();
        context_.then([&] { context_.answer(IORING_OP_SEND, reply::all()); });
        worker.request_stop();
        co_await worker.join();
    });
    EXPECT_EQ(context_.script().sent(a_.native_handle()), "bye");
}

// Regression: a timeout checked if its operation was ready before its own scope had seen the stop, so a
// stopped task took messages.
TEST_F(Composed, StoppedTaskTakesNoReadyResult) {
    event ready;
    ready.set();
    const inplace_stop_source unstopped;
    const auto stopped = [&]() -> task<> {
        (co_await own_environment).request_stop();
        auto [alone] = co_await as_tuple(ready.wait());
        auto [within] = co_await as_tuple(timeout(ready.wait(), 5s));
        auto [watched] = co_await as_tuple(stop_when(ready.wait(), unstopped.get_token()));
        auto raced = co_await as_tuple(when_any(ready.wait(), ready.wait()));
        auto [shielded] = co_await as_tuple(shield(ready.wait()));
        for (const std::error_code& each: {alone, within, watched, raced.error()})
            EXPECT_EQ(each, error::operation_aborted);
        EXPECT_FALSE(shielded);
    };
    run([&]() -> task<> {
        auto worker = co_spawn(context_.io(), stopped);
        co_await worker.join();
    });
}

TEST_F(Composed, ContextMayEndWithRacesInFlight) {
    const auto children = [](tcp::socket& one, tcp::socket& other) -> task<> {
        co_await with_group([&](task_group& group) -> task<> {
            group.start(
                [](tcp::socket& from) -> task<> {
                    std::array<char, 4> own;
                    co_await from.recv(own);
                },
                std::ref(one));
            std::array<char, 4> own;
            static_cast<void>(co_await when_any(other.recv(own), sleep_for(1h)));
        });
    };
    auto worker = co_spawn(context_.io(), children, std::ref(a_), std::ref(b_));
    context_.poll();
    EXPECT_EQ(context_.script().in_flight(IORING_OP_RECV).size(), 2u);
    context_.destroy();
    EXPECT_FALSE(worker);
}

// ---- the real kernel --------------------------------------------------------------------------------------

TEST(ComposedReal, RaceOfReceivesLosesNoByte) {
    real_context context;
    auto one = context.connection();
    auto other = context.connection();
    context.run([&]() -> task<> {
        std::size_t received = 0;
        constexpr std::size_t rounds = 500;
        for (std::size_t i = 0; i < rounds; ++i) {
            one.second.send("x");
            if (i % 2)
                other.second.send("x");
            std::array<char, 1> a;
            std::array<char, 1> b;
            auto race = co_await when_any(one.first.recv(a), other.first.recv(b));
            received += race.get<0>() ? *race.get<0>() : 0;
            received += race.get<1>() ? *race.get<1>() : 0;
        }
        while (received < rounds + rounds / 2) {
            std::array<char, 1> a;
            std::array<char, 1> b;
            auto race = co_await when_any(one.first.recv(a), other.first.recv(b));
            received += race.get<0>() ? *race.get<0>() : 0;
            received += race.get<1>() ? *race.get<1>() : 0;
        }
    });
}

TEST(ComposedReal, StopOfAnotherThreadEndsAReceive) {
    real_context context;
    auto [socket, peer] = context.connection();
    for (int round = 0; round < 50; ++round) {
        inplace_stop_source source;
        std::thread other;
        context.run([&]() -> task<> {
            std::array<char, 1> byte;
            other = std::thread([&] { source.request_stop(); });
            auto [ec, n] = co_await as_tuple(stop_when(socket.recv(byte), source.get_token()));
            EXPECT_EQ(ec, error::operation_aborted);
        });
        other.join();
    }
}

}  // namespace
}  // namespace coil::test
