// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#include <coil/sync/when_any.hpp>

#include <memory>
#include <stdexcept>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include <coil/coro/as_tuple.hpp>
#include <coil/coro/shield.hpp>
#include <coil/coro/task.hpp>
#include <coil/coro/this_coro.hpp>
#include <coil/coro/yield.hpp>

#include "coro/manual_scheduler.hpp"
#include "sync/errors.hpp"

namespace coil::test {
namespace {

class WhenAny : public testing::Test {
protected:
    task<std::string> number(gate& at) { co_return std::to_string(co_await at.wait()); }

    manual_scheduler loop_;
    gate a_, b_, c_;
};

TEST_F(WhenAny, FirstCompletionWinsAndStopsTheOthers) {
    const auto story = [&]() -> task<> {
        auto race = co_await when_any(a_.wait(), number(b_), c_.wait());
        EXPECT_EQ(race.index(), 1u);
        EXPECT_EQ(race.get<1>().value(), "2");
        EXPECT_EQ(race.get<0>().error(), error::operation_aborted);
        EXPECT_EQ(race.get<2>().error(), error::operation_aborted);
        EXPECT_FALSE(co_await this_coro::stop_requested);
    };
    auto root = loop_.start(story());
    loop_.run();
    b_.open(2);
    loop_.run();
    root.result();
    EXPECT_FALSE(a_.has_waiter() || c_.has_waiter());
}

TEST_F(WhenAny, ErrorIsACompletion) {
    const auto story = [&]() -> task<> {
        auto race = co_await when_any(a_.wait(), b_.wait());
        EXPECT_EQ(race.index(), 0u);
        EXPECT_EQ(race.get<0>().error(), broken);
        EXPECT_THROW(race.get<0>().value(), std::system_error);
    };
    auto root = loop_.start(story());
    loop_.run();
    a_.fail(broken);
    loop_.run();
    root.result();
}

TEST_F(WhenAny, ReturnsResultsOfCompletedLosers) {
    const auto story = [&]() -> task<> {
        auto race = co_await when_any(a_.wait(), b_.wait(), c_.wait());
        EXPECT_EQ(race.index(), 1u);
        EXPECT_EQ(race.get<0>().value(), 1);
        EXPECT_EQ(race.get<1>().value(), 2);
        EXPECT_EQ(race.get<2>().error(), error::operation_aborted);
    };
    auto root = loop_.start(story());
    loop_.run();
    b_.open(2);
    a_.open(1);
    loop_.run();
    root.result();
}

TEST_F(WhenAny, CancelWithoutAStopIsACompletion) {
    const auto story = [&]() -> task<> {
        auto race = co_await when_any(a_.wait(), b_.wait());
        EXPECT_EQ(race.index(), 1u);
        EXPECT_EQ(race.get<1>().error(), error::operation_aborted);
    };
    auto root = loop_.start(story());
    loop_.run();
    b_.fail(error::operation_aborted);
    loop_.run();
    root.result();
}

TEST_F(WhenAny, InlineCompletionBeatsLaterBranches) {
    const auto now = []() -> task<int> { co_return 1; };
    const auto story = [&]() -> task<> {
        auto race = co_await when_any(now(), a_.wait());
        EXPECT_EQ(race.index(), 0u);
        auto second = co_await when_any(this_coro::stop_requested, a_.wait());
        EXPECT_EQ(second.index(), 0u);
        EXPECT_EQ(second.get<1>().error(), error::operation_aborted);
    };
    loop_.run(story());
    EXPECT_FALSE(a_.has_waiter());
}

TEST_F(WhenAny, IsAbortedIfStopped) {
    const auto story = [&]() -> task<> {
        auto r = co_await as_tuple(when_any(a_.wait(), number(b_)));
        EXPECT_EQ(r.error(), error::operation_aborted);
        try {
            static_cast<void>(co_await when_any(a_.wait(), b_.wait()));
            ADD_FAILURE() << "nothing was thrown";
        } catch (const std::system_error& failure) {
            EXPECT_EQ(failure.code(), error::operation_aborted);
        }
    };
    auto root = loop_.start(story());
    loop_.run();
    root.env().request_stop();
    loop_.run();
    root.result();
}

TEST_F(WhenAny, CompletionBeforeTheStopIsReturned) {
    const auto story = [&]() -> task<> {
        auto race = co_await when_any(a_.wait(), b_.wait());
        EXPECT_EQ(race.index(), 1u);
        EXPECT_EQ(race.get<1>().value(), 7);
    };
    auto root = loop_.start(story());
    loop_.run();
    b_.open(7);
    root.env().request_stop();
    loop_.run();
    root.result();
}

TEST_F(WhenAny, PropagatesBugs) {
    const auto buggy = [&]() -> task<> {
        co_await a_.wait();
        throw std::out_of_range("a bug");
    };
    const auto story = [&]() -> task<> {
        EXPECT_THROW(static_cast<void>(co_await when_any(buggy(), b_.wait())), std::out_of_range);
        EXPECT_THROW(static_cast<void>(co_await as_tuple(when_any(buggy(), b_.wait()))), std::out_of_range);
        EXPECT_THROW(static_cast<void>(co_await first_success(buggy(), b_.wait())), std::out_of_range);
    };
    auto root = loop_.start(story());
    for (int i = 0; i < 3; ++i) {
        loop_.run();
        a_.open();
    }
    loop_.run();
    root.result();
}

TEST_F(WhenAny, RangeReturnsOutcomesByIndex) {
    const auto story = [&]() -> task<> {
        std::vector<task<std::string>> tasks;
        for (gate* each: {&a_, &b_, &c_})
            tasks.push_back(number(*each));
        auto race = co_await when_any(std::move(tasks));
        EXPECT_EQ(race.size(), 3u);
        EXPECT_EQ(race.index(), 2u);
        EXPECT_EQ(race.winner().value(), "3");
        EXPECT_EQ(race[0].error(), error::operation_aborted);
        auto none = co_await as_tuple(when_any(std::vector<task<int>>()));
        EXPECT_EQ(none.error(), error::not_found);
        auto no_success = co_await as_tuple(first_success(std::vector<task<int>>()));
        EXPECT_EQ(no_success.error(), error::not_found);
    };
    auto root = loop_.start(story());
    loop_.run();
    c_.open(3);
    loop_.run();
    root.result();
}

TEST_F(WhenAny, LeavesNoWaitersIfStoppedOrDestroyed) {
    for (const bool destroyed: {false, true}) {
        for (int steps = 0; steps < 7; ++steps) {
            auto held = std::make_shared<int>(0);
            const auto worker = [&](gate& at, std::shared_ptr<int> kept) -> task<int> {
                auto [ec, value] = co_await as_tuple(at.wait());
                co_await shield(yield());
                ++*kept;
                co_return value;
            };
            const auto story = [&]() -> task<> {
                auto r = co_await as_tuple(when_any(worker(a_, held), b_.wait(), worker(c_, held)));
                EXPECT_FALSE(r.error());
            };
            auto root = loop_.start(story());
            for (int i = 0; i < steps; ++i) {
                if (i == 3)
                    b_.open();
                loop_.run_one();
            }
            if (destroyed)
                root.destroy();
            else
                root.env().request_stop();
            loop_.run();
            if (!destroyed)
                root.result();
            EXPECT_EQ(held.use_count(), 1);
            EXPECT_FALSE(a_.has_waiter() || b_.has_waiter() || c_.has_waiter());
        }
    }
}

// ---- first_success ----------------------------------------------------------------------------------------

TEST_F(WhenAny, FirstSuccessIgnoresFailures) {
    const auto story = [&]() -> task<> {
        auto race = co_await first_success(a_.wait(), number(b_), c_.wait());
        EXPECT_EQ(race.index(), 2u);
        EXPECT_EQ(race.get<2>().value(), 3);
        EXPECT_EQ(race.get<0>().error(), broken);
        EXPECT_EQ(race.get<1>().error(), error::operation_aborted);
    };
    auto root = loop_.start(story());
    loop_.run();
    a_.fail(broken);
    loop_.run();
    EXPECT_FALSE(root.done());
    c_.open(3);
    loop_.run();
    root.result();
}

TEST_F(WhenAny, FirstSuccessThrowsTheLatestFailure) {
    const auto story = [&]() -> task<> {
        try {
            static_cast<void>(co_await first_success(a_.wait(), b_.wait()));
            ADD_FAILURE() << "nothing was thrown";
        } catch (const std::system_error& failure) {
            EXPECT_EQ(failure.code(), broken);
        }
        auto r = co_await as_tuple(first_success(a_.wait(), b_.wait()));
        EXPECT_EQ(r.error(), broken);
    };
    auto root = loop_.start(story());
    for (int i = 0; i < 2; ++i) {
        loop_.run();
        b_.fail(refused);
        loop_.run();
        a_.fail(broken);
    }
    loop_.run();
    root.result();
}

TEST_F(WhenAny, FirstSuccessIsAbortedIfStopped) {
    const auto story = [&]() -> task<> {
        auto r = co_await as_tuple(first_success(a_.wait(), b_.wait()));
        EXPECT_EQ(r.error(), error::operation_aborted);
    };
    auto root = loop_.start(story());
    loop_.run();
    root.env().request_stop();
    loop_.run();
    root.result();
}

}  // namespace
}  // namespace coil::test
