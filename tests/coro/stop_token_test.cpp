// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#include <coil/coro/stop_token.hpp>

#include <atomic>
#include <chrono>
#include <fstream>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include <unistd.h>

#include <gtest/gtest.h>

#include <coil/coro/std_stop_token.hpp>
#include <coil/coro/task.hpp>
#include <coil/coro/this_coro.hpp>
#include <coil/coro/yield.hpp>

#include "coro/manual_scheduler.hpp"

namespace coil::test {
namespace {

TEST(StopToken, EmptyIsNeverStopped) {
    const inplace_stop_token token;
    EXPECT_FALSE(token.stop_possible());
    EXPECT_FALSE(token.stop_requested());
    bool called = false;
    {
        const inplace_stop_callback callback(token, [&] { called = true; });
    }
    EXPECT_FALSE(called);
}

TEST(StopToken, RequestSucceedsOnce) {
    inplace_stop_source source;
    const auto token = source.get_token();
    EXPECT_TRUE(token.stop_possible());
    EXPECT_FALSE(token.stop_requested());
    EXPECT_TRUE(source.request_stop());
    EXPECT_FALSE(source.request_stop());
    EXPECT_TRUE(token.stop_requested());
    EXPECT_TRUE(source.stop_requested());
    EXPECT_EQ(token, source.get_token());
    EXPECT_NE(token, inplace_stop_token());
}

TEST(StopToken, CallbackRunsOnRequestingThread) {
    inplace_stop_source source;
    std::thread::id where;
    int calls = 0;
    const inplace_stop_callback callback(source.get_token(), [&] {
        EXPECT_TRUE(source.stop_requested());
        where = std::this_thread::get_id();
        ++calls;
    });
    std::thread other([&] {
        source.request_stop();
        source.request_stop();
    });
    const auto expected = other.get_id();
    other.join();
    EXPECT_EQ(where, expected);
    EXPECT_EQ(calls, 1);
}

TEST(StopToken, LateCallbackRunsImmediately) {
    inplace_stop_source source;
    source.request_stop();
    int calls = 0;
    {
        const inplace_stop_callback callback(source.get_token(), [&] { ++calls; });
        EXPECT_EQ(calls, 1);
    }
    EXPECT_EQ(calls, 1);
}

TEST(StopToken, DestroyedCallbackIsNotCalled) {
    inplace_stop_source source;
    int first = 0, second = 0, third = 0;
    const inplace_stop_callback one(source.get_token(), [&] { ++first; });
    {
        const inplace_stop_callback two(source.get_token(), [&] { ++second; });
        const inplace_stop_callback three(source.get_token(), [&] { ++third; });
    }
    source.request_stop();
    EXPECT_EQ(first, 1);
    EXPECT_EQ(second + third, 0);
}

TEST(StopToken, CallbackCanDestroyItselfAndOthers) {
    inplace_stop_source source;
    int calls = 0;
    struct cell {
        std::optional<inplace_stop_callback<std::function<void()>>> callback;
    };
    std::vector<std::unique_ptr<cell>> cells;
    for (int i = 0; i < 3; ++i)
        cells.push_back(std::make_unique<cell>());
    for (auto& each: cells)
        each->callback.emplace(source.get_token(), std::function<void()>([&] {
                                   ++calls;
                                   cells.clear();
                               }));
    source.request_stop();
    EXPECT_EQ(calls, 1);
    EXPECT_TRUE(cells.empty());
}

// After its destruction a callback does not run on another thread.
TEST(StopToken, DestructorWaitsForRunningCallback) {
    for (int round = 0; round < 2000; ++round) {
        inplace_stop_source source;
        std::thread other([&] { source.request_stop(); });
        {
            auto value = std::make_unique<int>(0);
            const inplace_stop_callback callback(source.get_token(), [p = value.get()] { ++*p; });
            if (round % 2)
                std::this_thread::yield();
        }
        other.join();
    }
}

TEST(StopToken, OneOfManyRequestsSucceeds) {
    for (int round = 0; round < 500; ++round) {
        inplace_stop_source source;
        std::atomic<int> calls = 0;
        std::atomic<int> successes = 0;
        std::optional<inplace_stop_callback<std::function<void()>>> callback;
        callback.emplace(source.get_token(), std::function<void()>([&] { ++calls; }));
        std::thread one([&] { successes += source.request_stop(); });
        successes += source.request_stop();
        one.join();
        EXPECT_EQ(successes, 1);
        EXPECT_EQ(calls, 1);
    }
}

// ---- this_coro --------------------------------------------------------------------------------------------

TEST(ThisCoro, ReportsStopRequested) {
    manual_scheduler loop;
    bool before = true, after = false;
    const auto story = [&]() -> task<> {
        before = co_await this_coro::stop_requested;
        auto& own = co_await this_environment;
        own.request_stop();
        after = co_await this_coro::stop_requested;
    };
    loop.run(story());
    EXPECT_FALSE(before);
    EXPECT_TRUE(after);
}

TEST(ThisCoro, ProvidesStopToken) {
    manual_scheduler loop;
    inplace_stop_token token;
    int calls = 0;
    gate closed;
    const auto story = [&]() -> task<> {
        token = co_await this_coro::stop_token;
        const inplace_stop_callback callback(token, [&] { ++calls; });
        co_await closed.wait();
    };
    auto root = loop.start(story());
    loop.run();
    EXPECT_FALSE(token.stop_requested());
    root.env().request_stop();
    EXPECT_TRUE(token.stop_requested());
    EXPECT_EQ(calls, 1);
    loop.run();
    EXPECT_THROW(root.result(), std::system_error);
}

// ---- std::stop_token --------------------------------------------------------------------------------------

TEST(StdStopBridge, ForwardsToStdStopToken) {
    inplace_stop_source source;
    std::stop_token kept;
    {
        const std_stop_bridge bridge(source.get_token());
        kept = bridge.get_token();
        EXPECT_FALSE(kept.stop_requested());
        int calls = 0;
        const std::stop_callback callback(kept, [&] { ++calls; });
        source.request_stop();
        EXPECT_TRUE(kept.stop_requested());
        EXPECT_EQ(calls, 1);
    }
    EXPECT_TRUE(kept.stop_requested());
}

/// The number of times that a thread of this process has gone to sleep.
long sleeps_of(long thread) {
    std::ifstream status("/proc/self/task/" + std::to_string(thread) + "/status");
    const std::string wanted = "voluntary_ctxt_switches:";
    for (std::string line; std::getline(status, line);)
        if (line.starts_with(wanted))
            return std::stol(line.substr(wanted.size()));
    return -1;
}

// A destructor that waited for a long call on another thread spun. It used a whole core, and under SCHED_FIFO
// it took the core of the other thread, too.
TEST(StopToken, DestructorSleepsDuringLongCall) {
    inplace_stop_source source;
    std::atomic<bool> is_called{false};
    std::atomic<bool> is_waiting{false};
    const long waiter = ::gettid();
    bool slept = false;
    const auto call = [&] {
        is_called = true;
        while (!is_waiting)
            std::this_thread::yield();
        const long before = sleeps_of(waiter);
        const auto patience_end = std::chrono::steady_clock::now() + std::chrono::seconds(5);
        while (!slept && std::chrono::steady_clock::now() < patience_end)
            slept = sleeps_of(waiter) > before + 1;
    };
    std::thread other;
    {
        const inplace_stop_callback callback(source.get_token(), call);
        other = std::thread([&] { source.request_stop(); });
        while (!is_called)
            std::this_thread::yield();
        is_waiting = true;
    }
    EXPECT_TRUE(slept);
    other.join();
}

TEST(StdStopBridge, StartsStoppedAfterRequest) {
    inplace_stop_source source;
    source.request_stop();
    EXPECT_TRUE(std_stop_bridge(source.get_token()).get_token().stop_requested());
}

TEST(StdStopBridge, ForwardsNothingOnceDestroyed) {
    inplace_stop_source source;
    const std::stop_token kept = std_stop_bridge(source.get_token()).get_token();
    source.request_stop();
    EXPECT_FALSE(kept.stop_requested());
}

}  // namespace
}  // namespace coil::test
