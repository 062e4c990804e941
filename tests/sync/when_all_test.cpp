// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#include <coil/sync/when_all.hpp>

#include <memory>
#include <stdexcept>
#include <string>
#include <system_error>
#include <tuple>
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

class WhenAll : public testing::Test {
protected:
    task<std::string> number(gate& at) { co_return std::to_string(co_await at.wait()); }
    task<> nothing_of(gate& at) { co_await at.wait(); }

    manual_scheduler loop_;
    gate a_, b_, c_;
};

TEST_F(WhenAll, ReturnsTheValuesInBranchOrder) {
    const auto story = [&]() -> task<> {
        auto [one, two, three] = co_await when_all(a_.wait(), number(b_), c_.wait());
        EXPECT_EQ(one, 1);
        EXPECT_EQ(two, "2");
        EXPECT_EQ(three, 3);
    };
    auto root = loop_.start(story());
    loop_.run();
    c_.open(3);
    loop_.run();
    a_.open(1);
    loop_.run();
    EXPECT_FALSE(root.done());
    b_.open(2);
    loop_.run();
    root.result();
}

TEST_F(WhenAll, StartsOperationsInlineAndTasksLater) {
    std::string log;
    const auto say = [&](const char* what) -> task<> {
        log += what;
        co_return;
    };
    const auto story = [&]() -> task<> { co_await when_all(say("1"), a_.wait(), say("2"), say("3")); };
    auto root = loop_.start(story());
    loop_.run_one();
    EXPECT_TRUE(a_.has_waiter());
    EXPECT_EQ(log, "");
    loop_.run();
    EXPECT_EQ(log, "123");
    a_.open();
    loop_.run();
    root.result();
}

TEST_F(WhenAll, VoidBranchesReturnVoidOrNothing) {
    const auto story = [&]() -> task<> {
        static_assert(std::is_void_v<detail::result_of<decltype(when_all(nothing_of(a_), yield()))>>);
        co_await when_all(nothing_of(a_), yield());
        auto [none, value] = co_await when_all(nothing_of(a_), b_.wait());
        static_assert(std::is_same_v<decltype(none), nothing>);
        EXPECT_EQ(value, 2);
    };
    auto root = loop_.start(story());
    loop_.run();
    a_.open();
    loop_.run();
    a_.open();
    b_.open(2);
    loop_.run();
    root.result();
}

TEST_F(WhenAll, ReturnsReferencesAsPointers) {
    int value = 5;
    const auto reference = [&]() -> task<int&> { co_return value; };
    const auto owner = []() -> task<std::unique_ptr<int>> { co_return std::make_unique<int>(6); };
    const auto story = [&]() -> task<> {
        auto results = co_await when_all(reference(), owner());
        EXPECT_EQ(std::get<0>(results), &value);
        EXPECT_EQ(*std::get<1>(results), 6);
    };
    loop_.run(story());
}

TEST_F(WhenAll, FirstFailureStopsOthersAndIsThrown) {
    const auto story = [&]() -> task<> {
        try {
            co_await when_all(a_.wait(), b_.wait(), nothing_of(c_));
            ADD_FAILURE() << "nothing was thrown";
        } catch (const std::system_error& failure) {
            EXPECT_EQ(failure.code(), broken);
            EXPECT_NE(std::string(failure.what()).find("a gate"), std::string::npos) << failure.what();
        }
        EXPECT_FALSE(co_await this_coro::stop_requested);
    };
    auto root = loop_.start(story());
    loop_.run();
    b_.fail(broken);
    loop_.run();
    root.result();
    EXPECT_FALSE(a_.has_waiter());
    EXPECT_FALSE(c_.has_waiter());
}

TEST_F(WhenAll, KeepsTheExceptionOfATask) {
    const auto failing = [&]() -> task<int> {
        co_await b_.wait();
        throw std::system_error(broken, "text of the task");
    };
    const auto story = [&]() -> task<> {
        try {
            co_await when_all(a_.wait(), shield(failing()));
            ADD_FAILURE() << "nothing was thrown";
        } catch (const std::system_error& failure) {
            EXPECT_NE(std::string(failure.what()).find("text of the task"), std::string::npos);
        }
    };
    auto root = loop_.start(story());
    loop_.run();
    b_.open();
    loop_.run();
    root.result();
}

TEST_F(WhenAll, WaitsForBranchesThatStopSlowly) {
    const auto slow = [&]() -> task<> {
        auto [ec, value] = co_await as_tuple(a_.wait());
        EXPECT_EQ(ec, error::operation_aborted);
        co_await shield(c_.wait());
    };
    const auto story = [&]() -> task<> {
        auto [ec, values] = co_await as_tuple(when_all(slow(), b_.wait()));
        EXPECT_EQ(ec, broken);
    };
    auto root = loop_.start(story());
    loop_.run();
    b_.fail(broken);
    loop_.run();
    EXPECT_FALSE(root.done());
    c_.open();
    loop_.run();
    root.result();
}

TEST_F(WhenAll, BugTakesPrecedenceOverASystemError) {
    const auto buggy = [&]() -> task<> {
        static_cast<void>(co_await as_tuple(a_.wait()));
        throw std::out_of_range("a bug");
    };
    const auto story = [&]() -> task<> {
        EXPECT_THROW(co_await when_all(b_.wait(), buggy()), std::out_of_range);
        EXPECT_THROW(static_cast<void>(co_await as_tuple(when_all(b_.wait(), buggy()))), std::out_of_range);
    };
    auto root = loop_.start(story());
    for (int i = 0; i < 2; ++i) {
        loop_.run();
        b_.fail(broken);
    }
    loop_.run();
    root.result();
}

TEST_F(WhenAll, AsTuplePerBranchKeepsAllOutcomes) {
    const auto story = [&]() -> task<> {
        auto [one, two] = co_await when_all(as_tuple(a_.wait()), as_tuple(number(b_)));
        EXPECT_EQ(one.error(), broken);
        EXPECT_EQ(*two, "2");
        std::error_code ec;
        auto [three, four] = co_await when_all(redirect_error(a_.wait(), ec), b_.wait());
        EXPECT_EQ(ec, broken);
        EXPECT_EQ(four, 4);
    };
    auto root = loop_.start(story());
    loop_.run();
    a_.fail(broken);
    b_.open(2);
    loop_.run();
    a_.fail(broken);
    loop_.run();
    b_.open(4);
    loop_.run();
    root.result();
}

TEST_F(WhenAll, RangeReturnsAVector) {
    const auto story = [&]() -> task<> {
        std::vector<task<std::string>> tasks;
        for (gate* each: {&a_, &b_, &c_})
            tasks.push_back(number(*each));
        const std::vector<std::string> values = co_await when_all(std::move(tasks));
        EXPECT_EQ(values, (std::vector<std::string>{"1", "2", "3"}));
        std::vector<task<>> voids;
        voids.push_back(nothing_of(a_));
        co_await when_all(std::move(voids));
        const auto none = co_await when_all(std::vector<task<int>>());
        EXPECT_TRUE(none.empty());
    };
    auto root = loop_.start(story());
    loop_.run();
    b_.open(2);
    c_.open(3);
    a_.open(1);
    loop_.run();
    a_.open();
    loop_.run();
    root.result();
}

TEST_F(WhenAll, StopAtAnyStepEndsAll) {
    for (int steps = 0; steps < 12; ++steps) {
        int ended = 0;
        const auto worker = [&](gate& at) -> task<> {
            static_cast<void>(co_await as_tuple(at.wait()));
            ++ended;
            co_await yield();
        };
        bool stopped = false, completed = false;
        const auto story = [&]() -> task<> {
            auto [ec] = co_await as_tuple(when_all(worker(a_), worker(b_), worker(c_)));
            stopped = ec == error::operation_aborted;
            completed = !ec;
        };
        auto root = loop_.start(story());
        for (int i = 0; i < steps; ++i) {
            if (i == 6)
                for (gate* each: {&a_, &b_, &c_})
                    each->open();
            if (i < 4 || i >= 6)
                loop_.run_one();
        }
        root.env().request_stop();
        root.env().request_stop();
        loop_.run();
        ASSERT_TRUE(root.done()) << "steps " << steps;
        EXPECT_NE(stopped, completed);
        EXPECT_TRUE(ended == 3) << "steps " << steps;
    }
}

TEST_F(WhenAll, DestructionAtAnyStepEndsAll) {
    for (int steps = 0; steps < 5; ++steps) {
        auto held = std::make_shared<int>(0);
        const auto worker = [&](gate& at, std::shared_ptr<int> kept) -> task<> {
            co_await at.wait();
            ++*kept;
        };
        const auto story = [&]() -> task<> {
            co_await when_all(worker(a_, held), b_.wait(), worker(c_, held));
        };
        auto root = loop_.start(story());
        for (int i = 0; i < steps; ++i)
            loop_.run_one();
        root.destroy();
        loop_.run();
        EXPECT_EQ(held.use_count(), 1);
        EXPECT_FALSE(a_.has_waiter() || b_.has_waiter() || c_.has_waiter());
    }
}

TEST_F(WhenAll, NestsAndCompletesWithoutWaiting) {
    const auto now = [](int value) -> task<int> { co_return value; };
    const auto story = [&]() -> task<> {
        int sum = 0;
        for (int i = 0; i < 100; ++i) {
            auto results = co_await when_all(when_all(now(1), now(2)), now(3));
            sum +=
                std::get<0>(std::get<0>(results)) + std::get<1>(std::get<0>(results)) + std::get<1>(results);
        }
        EXPECT_EQ(sum, 600);
    };
    loop_.run(story());
}

// Regression: a client's socket, which was a parameter, stayed open until the server had ended, and the
// server waited for the end of the stream.
TEST_F(WhenAll, EndOfABranchDestroysItsParameters) {
    const auto held = std::make_shared<int>();
    const auto owner = [](std::shared_ptr<int>, gate& at) -> task<> { co_await at.wait(); };
    const auto story = [&]() -> task<> {
        co_await when_all(owner(held, a_), shield(owner(held, b_)), c_.wait());
    };
    auto root = loop_.start(story());
    loop_.run();
    EXPECT_EQ(held.use_count(), 3);
    a_.open();
    loop_.run();
    EXPECT_EQ(held.use_count(), 2);
    b_.open();
    loop_.run();
    EXPECT_EQ(held.use_count(), 1);
    c_.open();
    loop_.run();
    root.result();
}

TEST_F(WhenAll, DescribesItsBranches) {
    const auto story = [&]() -> task<> { co_await when_all(a_.wait(), number(b_)); };
    auto root = loop_.start(story());
    loop_.run();
    EXPECT_EQ(root.env().awaiting()->describe(), "a gate, task");
}

}  // namespace
}  // namespace coil::test
