// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#include <coil/coro/stop_when.hpp>

#include <optional>
#include <stop_token>
#include <system_error>
#include <thread>

#include <gtest/gtest.h>

#include <coil/coro/as_tuple.hpp>
#include <coil/coro/std_stop_token.hpp>
#include <coil/coro/task.hpp>
#include <coil/coro/this_coro.hpp>
#include <coil/coro/yield.hpp>

#include "coro/manual_scheduler.hpp"

namespace coil::test {
namespace {

class StopWhen : public testing::Test {
protected:
    // Waits until the gate opens or the source requests a stop.
    task<> wait() {
        auto [ec, value] = co_await as_tuple(stop_when(door_.wait(), source_.get_token()));
        ec_ = ec;
        value_ = value;
    }

    manual_scheduler loop_;
    gate door_;
    inplace_stop_source source_;
    std::error_code ec_;
    int value_ = 0;
};

TEST_F(StopWhen, TokenStopEndsOperation) {
    auto root = loop_.start(wait());
    loop_.run();
    source_.request_stop();
    EXPECT_TRUE(door_.has_waiter()) << "the stop is posted to the task's thread first";
    loop_.run();
    root.result();
    EXPECT_EQ(ec_, error::operation_aborted);
    EXPECT_FALSE(root.env().stop_requested()) << "the awaiting task is not stopped";
}

TEST_F(StopWhen, ReturnsUnstoppedResult) {
    auto root = loop_.start(wait());
    loop_.run();
    door_.open(4);
    loop_.run();
    root.result();
    EXPECT_FALSE(ec_);
    EXPECT_EQ(value_, 4);
    source_.request_stop();
    EXPECT_EQ(loop_.run(), 0u);
}

TEST_F(StopWhen, CompletionBeatsPostedStop) {
    auto root = loop_.start(wait());
    loop_.run();
    source_.request_stop();
    door_.open(5);
    loop_.run();
    root.result();
    EXPECT_FALSE(ec_);
    EXPECT_EQ(value_, 5);
}

TEST_F(StopWhen, StopAfterCompletionIsIgnored) {
    auto root = loop_.start(wait());
    loop_.run();
    door_.open(5);
    source_.request_stop();
    loop_.run();
    root.result();
    EXPECT_EQ(value_, 5);
}

TEST_F(StopWhen, StoppedTokenRefuses) {
    source_.request_stop();
    auto root = loop_.start(wait());
    loop_.run();
    root.result();
    EXPECT_EQ(ec_, error::operation_aborted);
}

TEST_F(StopWhen, TaskStopEndsOperation) {
    auto root = loop_.start(wait());
    loop_.run();
    root.env().request_stop();
    source_.request_stop();
    loop_.run();
    root.result();
    EXPECT_EQ(ec_, error::operation_aborted);
}

TEST_F(StopWhen, StoppedTaskIsRefused) {
    auto root = loop_.start(wait());
    root.env().request_stop();
    loop_.run();
    root.result();
    EXPECT_EQ(ec_, error::operation_aborted);
}

TEST_F(StopWhen, EmptyTokenHasNoEffect) {
    const auto story = [&]() -> task<> {
        EXPECT_EQ(co_await stop_when(door_.wait(), inplace_stop_token()), 6);
    };
    auto root = loop_.start(story());
    loop_.run();
    door_.open(6);
    loop_.run();
    root.result();
}

TEST_F(StopWhen, StopsWholeTask) {
    const auto worker = [&]() -> task<int> {
        auto [ec, value] = co_await as_tuple(door_.wait());
        EXPECT_EQ(ec, error::operation_aborted);
        EXPECT_TRUE(co_await this_coro::stop_requested);
        co_return 9;
    };
    const auto story = [&]() -> task<> {
        EXPECT_EQ(co_await stop_when(worker(), source_.get_token()), 9);
        EXPECT_FALSE(co_await this_coro::stop_requested);
    };
    auto root = loop_.start(story());
    loop_.run();
    source_.request_stop();
    loop_.run();
    root.result();
}

TEST_F(StopWhen, DestructionUnregistersCallback) {
    auto root = loop_.start(wait());
    loop_.run();
    root.destroy();
    source_.request_stop();
    EXPECT_EQ(loop_.run(), 0u);
}

TEST_F(StopWhen, DestructionDropsPostedStop) {
    auto root = loop_.start(wait());
    loop_.run();
    source_.request_stop();
    root.destroy();
    EXPECT_EQ(loop_.run(), 1u);  // the posted stop finds no operation
}

TEST_F(StopWhen, TakesAStdStopToken) {
    std::stop_source source;
    const auto story = [&]() -> task<> {
        auto [ec, value] = co_await as_tuple(stop_when(door_.wait(), source.get_token()));
        EXPECT_EQ(ec, error::operation_aborted);
    };
    auto root = loop_.start(story());
    loop_.run();
    source.request_stop();
    loop_.run();
    root.result();
}

// Another thread requests the stop while the operation starts, completes or is destroyed.
TEST_F(StopWhen, AnyThreadCanStopAtAnyTime) {
    int stopped = 0, completed = 0;
    for (int round = 0; round < 2000; ++round) {
        inplace_stop_source source;
        const auto story = [&]() -> task<> {
            auto [ec, value] = co_await as_tuple(stop_when(door_.wait(), source.get_token()));
            ++(ec ? stopped : completed);
        };
        std::optional<started<void>> root(loop_.start(story()));
        std::thread other([&] { source.request_stop(); });
        loop_.run();
        if (round % 3 == 0)
            root.reset();
        else if (round % 3 == 1 && door_.has_waiter())
            door_.open();
        loop_.run();
        other.join();
        loop_.run();
        EXPECT_TRUE(!root || root->done());
    }
    EXPECT_GT(stopped, 0);
}

}  // namespace
}  // namespace coil::test
