// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#include <coil/sync/offload.hpp>

#include <atomic>
#include <chrono>
#include <memory>
#include <optional>
#include <semaphore>
#include <stdexcept>
#include <string>
#include <system_error>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include <coil/algo/timeout.hpp>
#include <coil/coro/as_tuple.hpp>
#include <coil/coro/task.hpp>
#include <coil/coro/yield.hpp>
#include <coil/loop/co_spawn.hpp>
#include <coil/loop/io_context.hpp>

#include "coro/manual_scheduler.hpp"
#include "support/small_rings.hpp"
#include "sync/lingering_scheduler.hpp"

namespace coil::test {
namespace {

using namespace std::chrono_literals;

/// A function that runs until finish() is called.
class blocking_function {
public:
    int operator()() {
        began_.release();
        may_end_.acquire();
        ended_ = true;
        return 17;
    }

    void wait_until_begun() { began_.acquire(); }
    void finish() { may_end_.release(); }
    [[nodiscard]] bool has_ended() const { return ended_; }

private:
    std::binary_semaphore began_{0};
    std::binary_semaphore may_end_{0};
    std::atomic<bool> ended_{false};
};

int add(int a, int b) { return a + b; }

class Offload : public testing::Test {
protected:
    task<int> run(blocking_function& function) { co_return co_await offload(pool_, std::ref(function)); }
    task<std::error_code> error_of(blocking_function& function) {
        const auto outcome = co_await as_tuple(offload(pool_, std::ref(function)));
        co_return outcome.error();
    }

    // Runs `loop_` until the task has ended.
    template <class T>
    void finish(const started<T>& root) {
        for (loop_.run(); !root.done(); loop_.run())
            std::this_thread::yield();
    }

    manual_scheduler loop_;
    thread_pool pool_{1};
};

// ---- completion -------------------------------------------------------------------------------------------

TEST_F(Offload, RunsElsewhereAndResumesOnItsThread) {
    const auto here = std::this_thread::get_id();
    const auto story = [&]() -> task<int> {
        const auto there = co_await offload(pool_, [] { return std::this_thread::get_id(); });
        EXPECT_NE(there, here);
        EXPECT_EQ(std::this_thread::get_id(), here);
        const int sum = co_await offload(add, 3, 4);
        co_return sum;
    };
    EXPECT_EQ(loop_.run_with_threads(story()), 7);
}

TEST_F(Offload, DoesNotBlockOtherTasks) {
    blocking_function function;
    auto root = loop_.start(run(function));
    loop_.run();
    function.wait_until_begun();
    bool other_ran = false;
    const auto other = [&]() -> task<> {
        co_await yield();
        other_ran = true;
    };
    loop_.run(other());
    EXPECT_TRUE(other_ran);
    EXPECT_FALSE(root.done());
    ASSERT_NE(root.env().awaiting(), nullptr);
    EXPECT_EQ(root.env().awaiting()->describe(), "offload");
    function.finish();
    finish(root);
    EXPECT_EQ(root.result(), 17);
}

TEST_F(Offload, ReturnsVoidReferencesAndMoveOnly) {
    static int object;
    object = 1;
    const auto story = [&]() -> task<> {
        co_await offload(pool_, [] { ++object; });
        EXPECT_EQ(object, 2);
        int& lent = co_await offload(pool_, []() -> int& { return object; });
        EXPECT_EQ(&lent, &object);
        const auto made = co_await offload(pool_, [] { return std::make_unique<int>(3); });
        EXPECT_EQ(*made, 3);
        auto text = std::make_unique<std::string>("kept");
        const auto lend_rvalue = [](std::unique_ptr<std::string>&& given) -> std::unique_ptr<std::string>&& {
            return std::move(given);
        };
        const auto kept = co_await offload(pool_, lend_rvalue, std::move(text));
        EXPECT_EQ(*kept, "kept");
    };
    loop_.run_with_threads(story());
}

TEST_F(Offload, KeepsFunctionAndArguments) {
    struct database {
        std::string name;
        std::string find(const std::string& key) const { return name + "." + key; }
    };
    const auto story = [&]() -> task<> {
        database main;
        main.name = "main";
        const std::string of_pointer = co_await offload(pool_, &database::find, &main, "key");
        EXPECT_EQ(of_pointer, "main.key");
        const std::string of_object = co_await offload(pool_, &database::find, main, std::string("a"));
        EXPECT_EQ(of_object, "main.a");
        const std::string member = co_await offload(pool_, &database::name, std::ref(main));
        EXPECT_EQ(member, "main");
        int count = 0;
        const auto increment = [](int& target) { ++target; };
        co_await offload(pool_, increment, std::ref(count));
        EXPECT_EQ(count, 1);
        const auto owner = [held = std::make_shared<int>(4)]() { return *held; };
        const int four = co_await offload(pool_, owner);
        EXPECT_EQ(four, 4);
        const auto take = [](std::unique_ptr<int> given) { return *given; };
        const int five = co_await offload(pool_, take, std::make_unique<int>(5));
        EXPECT_EQ(five, 5);
    };
    loop_.run_with_threads(story());
}

TEST_F(Offload, PropagatesExceptions) {
    const auto bug = []() -> int { throw std::runtime_error("a bug"); };
    const auto world = []() -> int { throw std::system_error(std::make_error_code(std::errc::io_error)); };
    const auto story = [&]() -> task<> {
        EXPECT_THROW(co_await offload(pool_, bug), std::runtime_error);
        EXPECT_THROW(static_cast<void>(co_await as_tuple(offload(pool_, bug))), std::runtime_error);
        EXPECT_THROW(co_await offload(pool_, world), std::system_error);
        const auto [ec, value] = co_await as_tuple(offload(pool_, world));
        EXPECT_EQ(ec, std::errc::io_error);
    };
    loop_.run_with_threads(story());
}

TEST_F(Offload, WakesASleepingIoContext) {
    io_context context;
    int sum = 0;
    const auto story = [&]() -> task<> {
        for (int i = 0; i < 100; ++i) {
            const int next = co_await offload(pool_, add, i, 1);
            sum += next;
        }
    };
    co_spawn(context, story(), detached);
    context.run_for(30s);
    EXPECT_EQ(sum, 100 * 101 / 2);
}

TEST_F(Offload, ReturnsEachTaskItsOwnResult) {
    thread_pool several(4);
    io_context context;
    int right = 0;
    const auto one = [&](int i) -> task<> {
        for (int round = 0; round < 20; ++round) {
            const int got = co_await offload(several, add, i, round);
            right += got == i + round;
        }
    };
    for (int i = 0; i < 50; ++i)
        co_spawn(context, one(i), detached);
    context.run_for(30s);
    EXPECT_EQ(right, 1000);
}

// ---- stop -------------------------------------------------------------------------------------------------

TEST_F(Offload, IsRefusedInAStoppedScope) {
    blocking_function function;
    auto root = loop_.start(error_of(function));
    root.env().request_stop();
    loop_.run();
    EXPECT_EQ(root.result(), error::operation_aborted);
    EXPECT_EQ(pool_.metrics().threads, 0u);
}

TEST_F(Offload, NeverStartsIfStoppedInTheQueue) {
    blocking_function first;
    blocking_function second;
    auto running = loop_.start(run(first));
    loop_.run();
    first.wait_until_begun();
    auto queued = loop_.start(error_of(second));
    loop_.run();
    EXPECT_EQ(pool_.metrics().queued, 1u);
    queued.env().request_stop();
    queued.env().request_stop();
    EXPECT_EQ(pool_.metrics().queued, 0u);
    EXPECT_FALSE(queued.done()) << "it ends in its own resumption, not inside request_stop()";
    loop_.run();
    EXPECT_EQ(queued.result(), error::operation_aborted);
    first.finish();
    finish(running);
    EXPECT_EQ(running.result(), 17);
    EXPECT_FALSE(second.has_ended());
}

TEST_F(Offload, StopWhileRunningKeepsTheResult) {
    blocking_function function;
    auto root = loop_.start(run(function));
    loop_.run();
    function.wait_until_begun();
    root.env().request_stop();
    root.env().request_stop();
    EXPECT_EQ(loop_.run(), 0u);
    EXPECT_FALSE(root.done());
    function.finish();
    finish(root);
    EXPECT_EQ(root.result(), 17);
}

TEST_F(Offload, StopAfterReturnKeepsTheResult) {
    blocking_function function;
    auto root = loop_.start(run(function));
    loop_.run();
    function.wait_until_begun();
    function.finish();
    while (pool_.metrics().running > 0)
        std::this_thread::yield();
    root.env().request_stop();
    loop_.run();
    EXPECT_EQ(root.result(), 17);
}

TEST_F(Offload, StopTokenReportsTheStop) {
    std::binary_semaphore began{0};
    const auto count = [&began](inplace_stop_token stop, int steps) {
        began.release();
        while (!stop.stop_requested()) {
            ++steps;
            std::this_thread::yield();
        }
        return steps;
    };
    const auto story = [&]() -> task<int> { co_return co_await offload(pool_, count, 1000); };
    auto root = loop_.start(story());
    loop_.run();
    began.acquire();
    root.env().request_stop();
    finish(root);
    EXPECT_GE(root.result(), 1000);
}

TEST_F(Offload, DeadlineStopsTheFunctionViaItsToken) {
    std::binary_semaphore began{0};
    const auto until_stopped = [&](inplace_stop_token stop) {
        began.release();
        while (!stop.stop_requested())
            std::this_thread::yield();
        return 5;
    };
    io_context context;
    int result = 0;
    const auto story = [&]() -> task<> { result = co_await timeout(offload(pool_, until_stopped), 1ms); };
    const auto block_loop_until_begun = [&]() -> task<> {
        began.acquire();
        co_return;
    };
    co_spawn(context, story(), detached);
    co_spawn(context, block_loop_until_begun(), detached);
    context.run_for(30s);
    EXPECT_EQ(result, 5);
}

// ---- lifetime ---------------------------------------------------------------------------------------------

TEST_F(Offload, NeverStartsIfDestroyedInTheQueue) {
    blocking_function first;
    blocking_function second;
    auto running = loop_.start(run(first));
    loop_.run();
    first.wait_until_begun();
    {
        auto queued = loop_.start(run(second));
        loop_.run();
    }
    EXPECT_EQ(pool_.metrics().queued, 0u);
    first.finish();
    finish(running);
    EXPECT_FALSE(second.has_ended());
}

TEST_F(Offload, DestructorWaitsForTheFunction) {
    blocking_function function;
    std::thread other;
    {
        auto root = loop_.start(run(function));
        loop_.run();
        function.wait_until_begun();
        other = std::thread([&] { function.finish(); });
    }
    EXPECT_TRUE(function.has_ended());
    other.join();
    loop_.run();
}

TEST_F(Offload, DestructorStopsTheFunctionViaItsToken) {
    std::binary_semaphore began{0};
    std::atomic<bool> saw_stop{false};
    const auto until_stopped = [&](inplace_stop_token stop) {
        began.release();
        while (!stop.stop_requested())
            std::this_thread::yield();
        saw_stop = true;
    };
    const auto story = [&]() -> task<> { co_await offload(pool_, until_stopped); };
    {
        auto root = loop_.start(story());
        loop_.run();
        began.acquire();
    }
    EXPECT_TRUE(saw_stop);
    loop_.run();
}

TEST_F(Offload, DestroyedBeforeResumptionIsDropped) {
    blocking_function function;
    {
        auto root = loop_.start(run(function));
        loop_.run();
        function.wait_until_begun();
        function.finish();
        while (pool_.metrics().running > 0)
            std::this_thread::yield();
    }
    loop_.run();
}

TEST_F(Offload, ContextsEndWaitsForRunningFunctions) {
    std::binary_semaphore began{0};
    std::atomic<int> ended{0};
    const auto until_stopped = [&](inplace_stop_token stop) {
        began.release();
        while (!stop.stop_requested())
            std::this_thread::yield();
        ++ended;
    };
    {
        io_context context;
        const auto story = [&]() -> task<> { co_await offload(pool_, until_stopped); };
        for (int i = 0; i < 3; ++i)
            co_spawn(context, story(), detached);
        context.poll();
        began.acquire();
    }
    EXPECT_GE(ended, 1);
    EXPECT_EQ(pool_.metrics().queued, 0u);
}

TEST_F(Offload, NeverRunsIfNotAwaited) {
    const auto held = std::make_shared<int>(1);
    const auto function = [held] { ADD_FAILURE() << "it ran"; };
    static_cast<void>(offload(pool_, function));
    EXPECT_EQ(held.use_count(), 2);
}

TEST_F(Offload, AllocatesNothingWhenWarm) {
    const auto story = [&]() -> task<std::size_t> {
        std::size_t allocated = 0;
        for (int i = 0; i < 1500; ++i) {  // the first rounds fill the quarantine of test builds
            if (i == 500)
                allocated = detail::frame_statistics_of_thread().allocated;
            const int got = co_await offload(pool_, add, i, 1);
            EXPECT_EQ(got, i + 1);
        }
        co_return detail::frame_statistics_of_thread().allocated - allocated;
    };
    EXPECT_EQ(loop_.run_with_threads(story()), 0u);
}

// ---- races ------------------------------------------------------------------------------------------------

// Delays for a different time in each round, so that each side of the race comes first in some rounds.
void delay(int round) {
    if (round % 2)
        std::this_thread::yield();
    std::atomic<int> left = round % 256 * 20;
    while (left.fetch_sub(1, std::memory_order_relaxed) > 0)
        ;
}

constexpr int rounds = 2000;

TEST_F(Offload, RacesAStop) {
    int aborted = 0;
    for (int i = 0; i < rounds; ++i) {
        const auto story = [&]() -> task<std::error_code> {
            const auto outcome = co_await as_tuple(offload(pool_, add, i, 1));
            EXPECT_TRUE(outcome.error() || *outcome == i + 1);
            co_return outcome.error();
        };
        auto root = loop_.start(story());
        loop_.run();
        delay(i);
        root.env().request_stop();
        finish(root);
        const auto error = root.result();
        EXPECT_TRUE(!error || error == error::operation_aborted);
        aborted += error == error::operation_aborted;
    }
    RecordProperty("aborted", aborted);
}

TEST_F(Offload, RacesTheEndOfTaskAndLoop) {
    for (int i = 0; i < rounds; ++i) {
        const auto loop = std::make_unique<manual_scheduler>();
        int local = i;
        const auto story = [&]() -> task<> { co_await offload(pool_, [&local] { ++local; }); };
        {
            auto root = loop->start(story());
            loop->run();
            delay(i);
        }
        EXPECT_TRUE(local == i || local == i + 1);
        loop->run();
    }
}

// The task has its value while the pool's thread may still be waking the loop.
TEST_F(Offload, LoopMayEndOnceTheValueIsThere) {
    for (int i = 0; i < rounds / 10; ++i) {
        const auto loop = std::make_unique<lingering_scheduler>();
        const auto story = [&]() -> task<> { EXPECT_EQ(co_await offload(pool_, add, i, 1), i + 1); };
        loop->run(story());
    }
}

TEST_F(Offload, RacesTheEndOfAnIoContext) {
    for (int i = 0; i < 200; ++i) {
        int local = i;
        const auto context = std::make_unique<io_context>(test::small_rings);
        const auto story = [&]() -> task<> { co_await offload(pool_, [&local] { ++local; }); };
        co_spawn(*context, story(), detached);
        context->poll();
        if (i % 2)
            context->run_one();
    }
}

}  // namespace
}  // namespace coil::test
