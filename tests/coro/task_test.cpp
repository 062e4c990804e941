// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#include <coil/coro/task.hpp>

#include <algorithm>
#include <cstdint>
#include <memory>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <vector>

#include <gtest/gtest.h>

#include <coil/coro/as_tuple.hpp>
#include <coil/coro/async_generator.hpp>
#include <coil/coro/shield.hpp>
#include <coil/coro/yield.hpp>

#include "coro/manual_scheduler.hpp"

namespace coil::test {
namespace {

static_assert(!std::is_copy_constructible_v<task<>> && std::is_nothrow_move_constructible_v<task<>>);
static_assert(!std::is_aggregate_v<task<>> && !std::is_aggregate_v<task<>::operation>);
static_assert(std::is_same_v<task<>, task<void>>);
static_assert(detail::description<task<int>> && !detail::description<task<int>&>,
              "a task is awaited once: only an rvalue can be awaited");

/// Logs its name when it is destroyed.
class witness {
public:
    witness(std::string name, std::vector<std::string>& log) : name_(std::move(name)), log_(&log) {}
    witness(witness&& other) noexcept
        : name_(std::move(other.name_)), log_(std::exchange(other.log_, nullptr)) {}
    ~witness() {
        if (log_)
            log_->push_back(name_);
    }

private:
    std::string name_;
    std::vector<std::string>* log_;
};

using names = std::vector<std::string>;

task<int> value_of(int value) { co_return value; }

// ---- results ----------------------------------------------------------------------------------------------

TEST(Task, ReturnsResultToAwaiter) {
    manual_scheduler loop;
    const auto sum = []() -> task<int> { co_return co_await value_of(40) + co_await value_of(2); };
    EXPECT_EQ(loop.run(sum()), 42);
}

TEST(Task, ConvertsResult) {
    manual_scheduler loop;
    const auto text = []() -> task<std::string> { co_return "hello"; };
    EXPECT_EQ(loop.run(text()), "hello");
}

TEST(Task, MovesMoveOnlyResult) {
    manual_scheduler loop;
    const auto make = []() -> task<std::unique_ptr<int>> { co_return std::make_unique<int>(5); };
    const auto pass_on = [&]() -> task<std::unique_ptr<int>> { co_return co_await make(); };
    EXPECT_EQ(*loop.run(pass_on()), 5);
}

TEST(Task, ResultNeedsNoDefaultConstructor) {
    struct number {
        explicit number(int given) : value(given) {}
        int value;
    };
    manual_scheduler loop;
    const auto make = []() -> task<number> { co_return number(7); };
    EXPECT_EQ(loop.run(make()).value, 7);
}

TEST(Task, ReturnsReference) {
    manual_scheduler loop;
    int target = 1;
    const auto refer = [&]() -> task<int&> { co_return target; };
    const auto change = [&]() -> task<const int&> {
        int& there = co_await refer();
        there = 2;
        co_return there;
    };
    EXPECT_EQ(&loop.run(change()), &target);
    EXPECT_EQ(target, 2);
}

TEST(Task, DestroysUnusedResultOnce) {
    manual_scheduler loop;
    names log;
    const auto make = [&]() -> task<witness> { co_return witness("result", log); };
    {
        auto root = loop.start(make());
        loop.run();
        EXPECT_TRUE(root.done());
        EXPECT_EQ(log, names());
    }
    EXPECT_EQ(log, names{"result"});
}

// ---- exceptions -------------------------------------------------------------------------------------------

TEST(Task, ExceptionReachesAwaiter) {
    manual_scheduler loop;
    const auto fail = []() -> task<int> {
        throw std::runtime_error("no");
        co_return 1;
    };
    const auto recover = [&]() -> task<std::string> {
        try {
            co_await fail();
        } catch (const std::runtime_error& failure) {
            co_return failure.what();
        }
        co_return "nothing was thrown";
    };
    EXPECT_EQ(loop.run(recover()), "no");
}

TEST(Task, ExceptionUnwindsAllAwaiters) {
    manual_scheduler loop;
    names log;
    const auto nested = [&](const auto& self, int depth) -> task<> {
        const witness here(std::to_string(depth), log);
        if (depth == 3)
            throw 17;
        co_await self(self, depth + 1);
    };
    EXPECT_THROW(loop.run(nested(nested, 0)), int);
    EXPECT_EQ(log, (names{"3", "2", "1", "0"}));
}

TEST(Task, ExceptionAfterSuspensionPropagates) {
    manual_scheduler loop;
    const auto fail = []() -> task<int&> {
        co_await yield();
        throw std::runtime_error("late");
    };
    EXPECT_THROW(loop.run(fail()), std::runtime_error);
}

TEST(Task, ThrowingMoveOfResultPropagates) {
    struct bomb {
        bomb() = default;
        bomb(bomb&&) { throw std::runtime_error("moved"); }
    };
    manual_scheduler loop;
    const auto make = []() -> task<bomb> { co_return bomb(); };
    EXPECT_THROW(loop.run(make()), std::runtime_error);
}

// ---- start ------------------------------------------------------------------------------------------------

TEST(Task, StartsWhenAwaited) {
    manual_scheduler loop;
    names log;
    const auto child = [&]() -> task<> {
        log.push_back("child");
        co_return;
    };
    const auto parent = [&]() -> task<> {
        task<> later = child();
        log.push_back("parent");
        co_await std::move(later);
        log.push_back("parent again");
    };
    loop.run(parent());
    EXPECT_EQ(log, (names{"parent", "child", "parent again"}));
}

TEST(Task, StartsWithoutReadyList) {
    manual_scheduler loop;
    const auto parent = [&]() -> task<int> { co_return co_await value_of(1) + co_await value_of(2); };
    auto root = loop.start(parent());
    EXPECT_EQ(loop.run(), 1u);
    EXPECT_EQ(root.result(), 3);
}

TEST(Task, DroppedTaskDestroysArguments) {
    names log;
    bool ran = false;
    const auto child = [&](witness) -> task<> {
        ran = true;
        co_return;
    };
    {
        const task<> dropped = child(witness("argument", log));
        EXPECT_EQ(log, names());
    }
    EXPECT_EQ(log, names{"argument"});
    EXPECT_FALSE(ran);
}

TEST(Task, ArgumentsLiveInFrame) {
    manual_scheduler loop;
    const auto echo = [](std::string text) -> task<std::string> {
        co_await yield();
        co_return text;
    };
    auto root = loop.start(echo(std::string(100, 'x')));
    loop.run();
    EXPECT_EQ(root.result(), std::string(100, 'x'));
}

// ---- moves ------------------------------------------------------------------------------------------------

TEST(Task, IsEmptyAfterMoveOrAwait) {
    manual_scheduler loop;
    const auto parent = [&]() -> task<> {
        auto first = value_of(1);
        EXPECT_TRUE(first);
        auto second = std::move(first);
        EXPECT_FALSE(first);
        EXPECT_EQ(co_await std::move(second), 1);
        EXPECT_FALSE(second);
    };
    loop.run(parent());
}

TEST(Task, AssignmentDestroysOldTask) {
    names log;
    const auto child = [](witness) -> task<> { co_return; };
    auto kept = child(witness("old", log));
    kept = child(witness("new", log));
    EXPECT_EQ(log, names{"old"});
    auto& self = kept;
    kept = std::move(self);
    EXPECT_TRUE(kept);
    EXPECT_EQ(log, names{"old"});
}

TEST(Task, SwapExchanges) {
    manual_scheduler loop;
    auto first = value_of(1);
    auto second = value_of(2);
    first.swap(second);
    EXPECT_EQ(loop.run(std::move(first)), 2);
    EXPECT_EQ(loop.run(std::move(second)), 1);
}

TEST(TaskDeathTest, AbortsIfAwaitedTwice) {
    EXPECT_DEATH(
        {
            manual_scheduler loop;
            const auto parent = []() -> task<> {
                auto child = value_of(1);
                co_await std::move(child);
                co_await std::move(child);
            };
            loop.run(parent());
        },
        "task: awaited twice, or moved from");
}

// ---- destruction ------------------------------------------------------------------------------------------

TEST(Task, DestroysInnermostFirst) {
    manual_scheduler loop;
    gate closed;
    names log;
    const auto child = [&](witness) -> task<> {
        const witness local("child's local", log);
        co_await closed.wait();
        log.push_back("this never runs");
    };
    const auto parent = [&]() -> task<> {
        const witness local("parent's local", log);
        co_await child(witness("child's argument", log));
        log.push_back("nor this");
    };
    auto root = loop.start(parent());
    loop.run();
    EXPECT_TRUE(closed.has_waiter());
    EXPECT_EQ(log, names());
    root.destroy();
    EXPECT_EQ(log, (names{"child's local", "child's argument", "parent's local"}));
    EXPECT_FALSE(closed.has_waiter()) << "the awaited operation unlinks itself";
}

TEST(Task, DestroyedReadyTaskIsNotResumed) {
    manual_scheduler loop;
    gate opened;
    const auto wait = [&]() -> task<> {
        co_await opened.wait();
        ADD_FAILURE() << "resumed after its destruction";
    };
    auto root = loop.start(wait());
    loop.run();
    opened.open();
    root.destroy();
    EXPECT_EQ(loop.run(), 0u);
}

TEST(Task, UnstartedTaskDestroysArguments) {
    manual_scheduler loop;
    names log;
    const auto child = [](witness) -> task<> { co_return; };
    auto root = loop.start(child(witness("argument", log)));
    root.destroy();
    EXPECT_EQ(log, names{"argument"});
    EXPECT_EQ(loop.run(), 0u);
}

TEST(Task, ChildIsDestroyedBeforeAwaiterResumes) {
    manual_scheduler loop;
    names log;
    const auto child = [](witness) -> task<> { co_return; };
    const auto parent = [&]() -> task<> {
        co_await child(witness("child", log));
        log.push_back("parent continues");
    };
    loop.run(parent());
    EXPECT_EQ(log, (names{"child", "parent continues"}));
}

// ---- the stack --------------------------------------------------------------------------------------------

TEST(Task, InlineTasksDoNotGrowStack) {
    manual_scheduler loop;
    const auto count = [](int to) -> task<long> {
        long total = 0;
        for (int i = 0; i < to; ++i)
            total += co_await value_of(1);
        co_return total;
    };
    EXPECT_EQ(loop.run(count(200'000)), 200'000);
}

TEST(Task, DeepRecursionUsesNoStack) {
    manual_scheduler loop;
    const auto sink = [](const auto& self, int depth) -> task<int> {
        if (depth == 0)
            co_return 0;
        co_return 1 + co_await self(self, depth - 1);
    };
    EXPECT_EQ(loop.run(sink(sink, 100'000)), 100'000);
}

TEST(Task, DeepRecursionUnwindsAfterSuspension) {
    manual_scheduler loop;
    const auto sink = [](const auto& self, int depth) -> task<int> {
        if (depth == 0) {
            co_await yield();
            throw std::runtime_error("from the bottom");
        }
        co_return 1 + co_await self(self, depth - 1);
    };
    EXPECT_THROW(loop.run(sink(sink, 5'000)), std::runtime_error);
}

// ---- chains and environments ------------------------------------------------------------------------------

// Destruction recursed through the frames: 200,000 suspended tasks overflowed the stack.
class stack_probe {
public:
    explicit stack_probe(int level, int& next_level, std::uintptr_t& lowest, std::uintptr_t& highest) noexcept
        : level_(level), next_level_(&next_level), lowest_(&lowest), highest_(&highest) {}
    ~stack_probe() {
        volatile char here = 0;
        const auto at = reinterpret_cast<std::uintptr_t>(&here);
        *lowest_ = std::min(*lowest_, at);
        *highest_ = std::max(*highest_, at);
        EXPECT_EQ((*next_level_)++, level_);  // locals are destroyed before their caller's
    }

private:
    int level_;
    int* next_level_;
    std::uintptr_t* lowest_;
    std::uintptr_t* highest_;
};

struct chain {
    gate never;
    int next_level = 0;
    std::uintptr_t lowest = UINTPTR_MAX;
    std::uintptr_t highest = 0;

    task<> tasks(int level) {
        const stack_probe probe(level, next_level, lowest, highest);
        if (level == 0)
            co_await never.wait();
        else
            co_await tasks(level - 1);
    }
    task<> scopes(int level) {
        const stack_probe probe(level, next_level, lowest, highest);
        if (level == 0)
            co_await never.wait();
        else
            co_await as_tuple(shield(scopes(level - 1)));
    }
    task<> generators(int level) {
        const stack_probe probe(level, next_level, lowest, highest);
        const auto once = [this](int inner) -> async_generator<int> {
            co_await tasks(inner);
            co_yield 1;
        };
        auto values = once(level - 1);
        co_await values.next();
    }
};

TEST(Task, DeepChainIsDestroyedWithoutRecursion) {
    constexpr int length = 5'000;
    for (auto tasks: {&chain::tasks, &chain::scopes, &chain::generators}) {
        chain deep;
        manual_scheduler loop;
        {
            auto root = loop.start((deep.*tasks)(length));
            loop.run();
        }
        EXPECT_EQ(deep.next_level, length + 1);
        EXPECT_LE(deep.highest - deep.lowest, 16u * 1024);
    }
}

TEST(Task, FailedChainLeavesNoLink) {
    chain deep;
    manual_scheduler loop;
    gate second;
    const auto story = [&]() -> task<> {
        auto [failure] = co_await as_tuple(deep.tasks(10));
        EXPECT_EQ(failure, std::errc::broken_pipe);
        EXPECT_EQ(deep.next_level, 11);
        co_await second.wait();
    };
    auto root = loop.start(story());
    loop.run();
    deep.never.fail(std::make_error_code(std::errc::broken_pipe));
    loop.run();
    EXPECT_TRUE(second.has_waiter());
    root.destroy();
    EXPECT_FALSE(second.has_waiter());
}

TEST(Task, EnvironmentKnowsLineAndOperation) {
    manual_scheduler loop;
    gate closed;
    unsigned line = 0;
    const auto wait = [&]() -> task<> {
        line = __LINE__ + 1;
        co_await closed.wait();
    };
    const auto parent = [&]() -> task<> { co_await wait(); };
    auto root = loop.start(parent());
    EXPECT_EQ(root.env().awaiting(), nullptr);
    loop.run();
    ASSERT_NE(root.env().awaiting(), nullptr);
    EXPECT_EQ(root.env().awaiting()->describe(), "a gate");
    EXPECT_EQ(root.env().where().line(), line);
    closed.open();
    EXPECT_NE(root.env().awaiting(), nullptr) << "until the task is resumed";
    loop.run();
    EXPECT_EQ(root.env().awaiting(), nullptr);
    EXPECT_TRUE(root.done());
}

TEST(Task, SharesAwaitersEnvironment) {
    manual_scheduler loop;
    const auto child = []() -> task<detail::environment*> { co_return &co_await this_environment; };
    const auto parent = [&]() -> task<> {
        detail::environment& own = co_await this_environment;
        EXPECT_EQ(co_await child(), &own);
    };
    auto root = loop.start(parent());
    loop.run();
    root.result();
}

// Flowing off the end of a task<T> returned a value that was never constructed. g++ 12 does not warn.
TEST(Task, AbortsWithoutValue) {
    const char* text = "coil: task: a task<T> ended without co_return, so it has no value";
    EXPECT_DEATH(detail::result_slot<int>().take(), text);
    EXPECT_DEATH(detail::result_slot<std::string>().take(), text);
    EXPECT_DEATH(detail::result_slot<int&>().take(), text);
}

#if defined(__GNUC__) && !defined(__clang__)
task<int> has_a_path_without_co_return(bool ends_well) {
    if (ends_well)
        co_return 1;
    co_await yield();
}

TEST(Task, AbortsWhenItFlowsOffTheEnd) {
    manual_scheduler loop;
    EXPECT_EQ(loop.run(has_a_path_without_co_return(true)), 1);
    EXPECT_DEATH(static_cast<void>(loop.run(has_a_path_without_co_return(false))), "ended without co_return");
}
#endif

}  // namespace
}  // namespace coil::test
