// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#include <functional>
#include <optional>
#include <string>
#include <tuple>

#include <gtest/gtest.h>

#include <coil/algo/buffered_reader.hpp>
#include <coil/algo/write.hpp>
#include <coil/coro/as_tuple.hpp>
#include <coil/coro/async_generator.hpp>
#include <coil/coro/shield.hpp>
#include <coil/coro/yield.hpp>
#include <coil/sync/channel.hpp>
#include <coil/sync/event.hpp>
#include <coil/sync/mutex.hpp>
#include <coil/sync/one_shot.hpp>
#include <coil/sync/semaphore.hpp>
#include <coil/test/stream_pair.hpp>

#include "coro/manual_scheduler.hpp"

// A task whose awaits all complete inline must not starve other tasks. Each case awaits one primitive in a
// loop. A neighbour task is always ready; the loop may overtake it by the inline budget of one resumption.

namespace coil::test {
namespace {

constexpr int awaits = 1'000;

class InlineBudget : public testing::Test {
protected:
    /// Returns the largest number of awaits of `step` that complete between two resumptions of the neighbour.
    int longest_run(std::function<task<>()> step) {
        int since = 0, longest = 0;
        bool is_over = false;
        const auto busy = [&]() -> task<> {
            for (int i = 0; i < awaits; ++i) {
                co_await step();
                longest = ++since > longest ? since : longest;
            }
            is_over = true;
        };
        const auto neighbour = [&]() -> task<> {
            while (!is_over) {
                since = 0;
                co_await yield();
            }
        };
        auto first = loop_.start(busy());
        auto second = loop_.start(neighbour());
        loop_.run();
        first.result();
        second.result();
        return longest;
    }

    void expect_bounded(std::function<task<>()> step) {
        const int longest = longest_run(std::move(step));
        EXPECT_LE(longest, static_cast<int>(detail::scheduler::inline_max) + 1);
        EXPECT_GE(longest, static_cast<int>(detail::scheduler::inline_max) / 2)
            << "completes inline within the budget";
    }

    manual_scheduler loop_;
};

TEST_F(InlineBudget, BoundsASetEvent) {
    event set;
    set.set();
    expect_bounded([&]() -> task<> { co_await set.wait(); });
}

TEST_F(InlineBudget, BoundsAFreeMutex) {
    mutex free;
    expect_bounded([&]() -> task<> { auto lock = co_await free.lock(); });
}

TEST_F(InlineBudget, BoundsASemaphore) {
    semaphore permits(awaits);
    expect_bounded([&]() -> task<> { co_await permits.acquire(); });
}

TEST_F(InlineBudget, BoundsSendsToAChannel) {
    channel<int> room(awaits);
    expect_bounded([&]() -> task<> { co_await room.send(1); });
}

TEST_F(InlineBudget, BoundsReceivesFromAChannel) {
    channel<int> full(awaits);
    for (int i = 0; i < awaits; ++i)
        ASSERT_TRUE(full.try_send(1));
    expect_bounded([&]() -> task<> { EXPECT_TRUE(co_await full.receive()); });
}

TEST_F(InlineBudget, BoundsABufferedReader) {
    stream_pair pair;
    const std::string text(awaits * 2, '\n');
    const auto fill = [&]() -> task<> { co_await write(pair.first, text); };
    buffered_reader reader(std::move(pair.second), {.initial = 4 * awaits});
    loop_.run(fill());
    expect_bounded([&]() -> task<> { EXPECT_TRUE(co_await reader.read_line()); });
}

TEST_F(InlineBudget, BoundsAGenerator) {
    const auto numbers = []() -> async_generator<int> {
        for (int i = 0;; ++i)
            co_yield i;
    };
    auto values = numbers();
    int expected = 0;
    expect_bounded([&]() -> task<> { EXPECT_EQ(co_await values.next(), expected++); });
}

TEST_F(InlineBudget, IsSharedByAllPrimitives) {
    event set;
    set.set();
    mutex free;
    semaphore permits(awaits);
    EXPECT_LE(3 * longest_run([&]() -> task<> {
                  co_await set.wait();
                  auto lock = co_await free.lock();
                  co_await permits.acquire();
              }),
              static_cast<int>(detail::scheduler::inline_max) + 3);
}

TEST_F(InlineBudget, IsSharedThroughAdapters) {
    event set;
    set.set();
    expect_bounded([&]() -> task<> { co_await shield(as_tuple(set.wait())); });
}

TEST_F(InlineBudget, CompletedOneShotAlwaysSuspends) {
    const int longest = longest_run([&]() -> task<> {
        one_shot<int> done;
        done.get_completer().set_value(1);
        EXPECT_EQ(co_await done.wait(), 1);
    });
    EXPECT_LE(longest, 1);
}

// If the budget is spent, next() runs the generator's body in a later resumption. A stop before that still
// takes effect.
TEST_F(InlineBudget, StopReachesADeferredGenerator) {
    const auto numbers = []() -> async_generator<int> {
        for (int i = 0;; ++i)
            co_yield i;
    };
    auto values = numbers();
    int count = 0;
    const auto story = [&]() -> task<> {
        while (const auto value = co_await values.next())
            ++count;
    };
    auto root = loop_.start(story());
    loop_.run_one();
    EXPECT_EQ(count, static_cast<int>(detail::scheduler::inline_max));
    root.env().request_stop();
    loop_.run();
    EXPECT_THROW(root.result(), std::system_error);
    EXPECT_EQ(count, static_cast<int>(detail::scheduler::inline_max));
    const auto next = [&]() -> task<int> { co_return *co_await values.next(); };
    EXPECT_EQ(loop_.run(next()), static_cast<int>(detail::scheduler::inline_max));
}

TEST_F(InlineBudget, DeferredGeneratorMayBeDestroyed) {
    const auto numbers = []() -> async_generator<int> {
        for (int i = 0;; ++i)
            co_yield i;
    };
    auto values = numbers();
    const auto story = [&]() -> task<> {
        while (const auto value = co_await values.next()) {}
    };
    auto root = loop_.start(story());
    loop_.run_one();
    root.destroy();
    loop_.run();
    EXPECT_FALSE(values);
}

}  // namespace
}  // namespace coil::test
