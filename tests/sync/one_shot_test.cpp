// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#include <coil/sync/one_shot.hpp>

#include <atomic>
#include <chrono>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <system_error>
#include <thread>

#include <gtest/gtest.h>

#include <coil/algo/timeout.hpp>
#include <coil/coro/as_tuple.hpp>
#include <coil/coro/frame_allocator.hpp>
#include <coil/coro/task.hpp>
#include <coil/loop/co_spawn.hpp>
#include <coil/loop/io_context.hpp>

#include "coro/manual_scheduler.hpp"
#include "support/small_rings.hpp"
#include "sync/courier.hpp"
#include "sync/lingering_scheduler.hpp"

namespace coil::test {
namespace {

task<int> value_of(one_shot<int>& answer) { co_return co_await answer.wait(); }

task<std::error_code> error_of(one_shot<int>& answer) {
    const auto outcome = co_await as_tuple(answer.wait());
    co_return outcome.error();
}

// ---- completion -------------------------------------------------------------------------------------------

TEST(OneShot, ReturnsAValueSetBeforeTheWait) {
    manual_scheduler loop;
    one_shot<int> answer;
    EXPECT_FALSE(answer.done());
    answer.get_completer().set_value(42);
    EXPECT_TRUE(answer.done());
    EXPECT_EQ(loop.run(value_of(answer)), 42);
}

TEST(OneShot, ReturnsAValueSetDuringTheWait) {
    manual_scheduler loop;
    one_shot<int> answer;
    auto completer = answer.get_completer();
    auto root = loop.start(value_of(answer));
    loop.run();
    EXPECT_TRUE(completer);
    completer.set_value(42);
    EXPECT_FALSE(completer);
    EXPECT_FALSE(root.done()) << "not inside the call";
    EXPECT_EQ(loop.run(), 1u);
    EXPECT_EQ(root.result(), 42);
}

TEST(OneShot, CCallbackTakesTheCompleterAsPointer) {
    struct library {
        void (*callback)(int, void*);
        void* user;
    } pending{};
    const auto start_lookup = [&](void (*callback)(int, void*), void* user) { pending = {callback, user}; };

    manual_scheduler loop;
    one_shot<int> answer;
    start_lookup([](int r, void* user) { one_shot<int>::completer::from(user).set_value(r); },
                 answer.get_completer().release());
    auto root = loop.start(value_of(answer));
    loop.run();
    pending.callback(7, pending.user);
    loop.run();
    EXPECT_EQ(root.result(), 7);
}

TEST(OneShot, MayBeCompletedByAnotherThread) {
    manual_scheduler loop;
    one_shot<std::string> answer;
    std::thread other([completer = answer.get_completer()]() mutable { completer.set_value("from afar"); });
    const auto story = [&]() -> task<std::string> { co_return co_await answer.wait(); };
    EXPECT_EQ(loop.run_with_threads(story()), "from afar");
    other.join();
}

TEST(OneShot, WakesASleepingIoContext) {
    io_context context;
    courier courier;
    int sum = 0;
    const auto story = [&]() -> task<> {
        for (int i = 0; i < 100; ++i) {
            one_shot<int> answer;
            courier.give(answer.get_completer());
            sum += co_await answer.wait();
        }
    };
    co_spawn(context, story(), detached);
    context.run_for(std::chrono::seconds(30));
    EXPECT_EQ(sum, 99 * 100 / 2);
}

TEST(OneShot, VoidSignalsCompletion) {
    manual_scheduler loop;
    one_shot<> event;
    auto completer = event.get_completer();
    bool happened = false;
    const auto story = [&]() -> task<> {
        co_await event.wait();
        happened = true;
    };
    auto root = loop.start(story());
    loop.run();
    EXPECT_FALSE(happened);
    completer.set_value();
    loop.run();
    root.result();
    EXPECT_TRUE(happened);
}

TEST(OneShot, ReferenceReturnsTheSameObject) {
    manual_scheduler loop;
    int object = 5;
    one_shot<int&> answer;
    answer.get_completer().set_value(object);
    const auto story = [&]() -> task<int&> { co_return co_await answer.wait(); };
    EXPECT_EQ(&loop.run(story()), &object);
}

TEST(OneShot, AcceptsMoveOnlyValues) {
    manual_scheduler loop;
    one_shot<std::unique_ptr<int>> answer;
    answer.get_completer().set_value(std::make_unique<int>(9));
    const auto story = [&]() -> task<std::unique_ptr<int>> { co_return co_await answer.wait(); };
    EXPECT_EQ(*loop.run(story()), 9);
}

TEST(OneShot, NeedsNoDefaultConstructor) {
    struct no_default {
        explicit no_default(int given) : value(given) {}
        int value;
    };
    manual_scheduler loop;
    one_shot<no_default> answer;
    answer.get_completer().set_value(no_default(9));
    const auto story = [&]() -> task<int> { co_return (co_await answer.wait()).value; };
    EXPECT_EQ(loop.run(story()), 9);
}

TEST(OneShot, WaitDescribesItself) {
    manual_scheduler loop;
    one_shot<int> answer;
    auto root = loop.start(value_of(answer));
    loop.run();
    ASSERT_NE(root.env().awaiting(), nullptr);
    EXPECT_EQ(root.env().awaiting()->describe(), "one_shot");
}

// ---- failure ----------------------------------------------------------------------------------------------

TEST(OneShot, ThrowsOrReturnsAnError) {
    manual_scheduler loop;
    one_shot<int> thrown;
    thrown.get_completer().set_error(std::make_error_code(std::errc::io_error));
    try {
        loop.run(value_of(thrown));
        ADD_FAILURE() << "nothing was thrown";
    } catch (const std::system_error& failure) {
        EXPECT_EQ(failure.code(), std::errc::io_error);
        EXPECT_NE(std::string(failure.what()).find("one_shot: "), std::string::npos) << failure.what();
    }
    one_shot<int> returned;
    returned.get_completer().set_error(std::make_error_code(std::errc::io_error));
    EXPECT_EQ(loop.run(error_of(returned)), std::errc::io_error);
}

TEST(OneShot, PropagatesExceptions) {
    manual_scheduler loop;
    one_shot<int> bug;
    bug.get_completer().set_exception(std::make_exception_ptr(std::runtime_error("a bug")));
    EXPECT_THROW(loop.run(error_of(bug)), std::runtime_error);
    one_shot<int> world;
    world.get_completer().set_exception(
        std::make_exception_ptr(std::system_error(std::make_error_code(std::errc::io_error))));
    EXPECT_EQ(loop.run(error_of(world)), std::errc::io_error);
}

TEST(OneShot, DroppedCompleterBreaksThePromise) {
    manual_scheduler loop;
    one_shot<int> before;
    static_cast<void>(before.get_completer());
    EXPECT_EQ(loop.run(error_of(before)), error::broken_promise);

    one_shot<int> during;
    std::optional completer = during.get_completer();
    auto root = loop.start(error_of(during));
    loop.run();
    completer.reset();
    loop.run();
    EXPECT_EQ(root.result(), error::broken_promise);
    EXPECT_EQ(make_error_code(error::broken_promise).message(),
              "broken promise (its completer was destroyed)");
}

TEST(OneShot, ThrowingConversionKeepsTheCompleter) {
    struct choosy {
        choosy(int value) {
            if (value < 0)
                throw std::invalid_argument("negative");
        }
    };
    manual_scheduler loop;
    one_shot<choosy> answer;
    auto completer = answer.get_completer();
    EXPECT_THROW(completer.set_value(-1), std::invalid_argument);
    EXPECT_TRUE(completer);
    completer.set_value(1);
    const auto story = [&]() -> task<> { co_await answer.wait(); };
    loop.run(story());
}

TEST(OneShot, ConcurrentSecondWaitIsRefused) {
    manual_scheduler loop;
    one_shot<int> answer;
    auto completer = answer.get_completer();
    auto first = loop.start(value_of(answer));
    auto second = loop.start(error_of(answer));
    loop.run();
    EXPECT_EQ(second.result(), error::operation_in_progress);
    completer.set_value(1);
    loop.run();
    EXPECT_EQ(first.result(), 1);
}

TEST(OneShot, WaitAfterTheValueWasTakenFails) {
    manual_scheduler loop;
    one_shot<int> answer;
    answer.get_completer().set_value(1);
    EXPECT_EQ(loop.run(value_of(answer)), 1);
    EXPECT_EQ(loop.run(error_of(answer)), error::broken_promise);
}

// ---- stop -------------------------------------------------------------------------------------------------

TEST(OneShot, IsRefusedInAStoppedScope) {
    manual_scheduler loop;
    one_shot<int> answer;
    answer.get_completer().set_value(1);
    auto root = loop.start(error_of(answer));
    root.env().request_stop();
    loop.run();
    EXPECT_EQ(root.result(), error::operation_aborted);
    EXPECT_EQ(loop.run(value_of(answer)), 1) << "the value is kept";
}

TEST(OneShot, StopEndsTheWaitWhichMayBeRepeated) {
    manual_scheduler loop;
    one_shot<int> answer;
    auto completer = answer.get_completer();
    auto stopped = loop.start(error_of(answer));
    loop.run();
    stopped.env().request_stop();
    stopped.env().request_stop();
    EXPECT_FALSE(stopped.done());
    loop.run();
    EXPECT_EQ(stopped.result(), error::operation_aborted);

    auto again = loop.start(value_of(answer));
    loop.run();
    completer.set_value(3);
    loop.run();
    EXPECT_EQ(again.result(), 3);
}

TEST(OneShot, ValueSetAfterAStopIsKept) {
    manual_scheduler loop;
    one_shot<int> answer;
    auto completer = answer.get_completer();
    auto stopped = loop.start(error_of(answer));
    loop.run();
    stopped.env().request_stop();
    completer.set_value(3);
    loop.run();
    EXPECT_EQ(stopped.result(), error::operation_aborted);
    EXPECT_EQ(loop.run(value_of(answer)), 3);
}

TEST(OneShot, CompletionBeforeTheStopWins) {
    manual_scheduler loop;
    one_shot<int> during;
    auto completer = during.get_completer();
    auto root = loop.start(value_of(during));
    loop.run();
    completer.set_value(4);
    root.env().request_stop();
    loop.run();
    EXPECT_EQ(root.result(), 4);

    one_shot<int> before;
    before.get_completer().set_value(5);
    auto ready = loop.start(value_of(before));
    loop.run_one();  // it is in the ready list
    ready.env().request_stop();
    loop.run();
    EXPECT_EQ(ready.result(), 5);
}

TEST(OneShot, TimeoutEndsTheWaitWhichMayBeRepeated) {
    io_context context;
    one_shot<int> answer;
    auto completer = answer.get_completer();
    int value = 0;
    const auto story = [&]() -> task<> {
        const auto late = co_await as_tuple(timeout(answer.wait(), std::chrono::milliseconds(1)));
        EXPECT_EQ(late.error(), error::timed_out);
        completer.set_value(3);
        value = co_await timeout(answer.wait(), std::chrono::seconds(30));
    };
    co_spawn(context, story(), detached);
    context.run_for(std::chrono::seconds(30));
    EXPECT_EQ(value, 3);
}

// ---- lifetime ---------------------------------------------------------------------------------------------

TEST(OneShot, DestroyedWaitIsNotResumed) {
    manual_scheduler loop;
    one_shot<int> answer;
    auto completer = answer.get_completer();
    auto root = loop.start(value_of(answer));
    loop.run();
    root.destroy();
    completer.set_value(6);
    EXPECT_EQ(loop.run(), 0u) << "nothing is posted without a waiter";
    EXPECT_EQ(loop.run(value_of(answer)), 6);
}

TEST(OneShot, DestroyedWaitLeavesTheValue) {
    manual_scheduler loop;
    one_shot<int> answer;
    auto completer = answer.get_completer();
    auto root = loop.start(value_of(answer));
    loop.run();
    completer.set_value(6);
    root.destroy();
    auto next = loop.start(value_of(answer));
    loop.run();
    EXPECT_EQ(next.result(), 6);
}

TEST(OneShot, CompleterMayOutliveTheOneShot) {
    auto value = std::make_shared<int>(1);
    std::optional<one_shot<std::shared_ptr<int>>> answer(std::in_place);
    auto completer = answer->get_completer();
    answer.reset();
    completer.set_value(value);
    EXPECT_EQ(value.use_count(), 1) << "the value is destroyed";
}

TEST(OneShot, DestructorAbortsTheWait) {
    manual_scheduler loop;
    std::optional<one_shot<int>> answer(std::in_place);
    auto completer = answer->get_completer();
    auto root = loop.start(error_of(*answer));
    loop.run();
    answer.reset();
    completer.set_value(1);
    loop.run();
    EXPECT_EQ(root.result(), error::operation_aborted);
}

TEST(OneShot, DestructorKeepsAValueForTheWait) {
    manual_scheduler loop;
    std::optional<one_shot<int>> answer(std::in_place);
    auto root = loop.start(value_of(*answer));
    loop.run();
    answer->get_completer().set_value(8);
    answer.reset();
    loop.run();
    EXPECT_EQ(root.result(), 8);
}

TEST(OneShot, DestroyedWaitDestroysItsValue) {
    manual_scheduler loop;
    auto value = std::make_shared<int>(1);
    std::optional<one_shot<std::shared_ptr<int>>> answer(std::in_place);
    const auto story = [&]() -> task<> { static_cast<void>(co_await answer->wait()); };
    auto root = loop.start(story());
    loop.run();
    answer->get_completer().set_value(value);
    answer.reset();
    root.destroy();
    loop.run();
    EXPECT_EQ(value.use_count(), 1);
}

TEST(OneShot, MayBeMovedDuringAWait) {
    manual_scheduler loop;
    one_shot<int> answer;
    auto completer = answer.get_completer();
    auto root = loop.start(value_of(answer));
    loop.run();
    one_shot<int> moved(std::move(answer));
    auto completer_moved = std::move(completer);
    completer_moved.set_value(2);
    loop.run();
    EXPECT_EQ(root.result(), 2);
    answer = std::move(moved);
    EXPECT_TRUE(answer.done());
    EXPECT_FALSE(moved.done());  // NOLINT(bugprone-use-after-move)
    EXPECT_EQ(loop.run(error_of(moved)), error::broken_promise);
}

TEST(OneShot, DestroysAValueThatWasNotTaken) {
    auto value = std::make_shared<int>(1);
    one_shot<std::shared_ptr<int>> answer;
    {
        io_context context;
        const auto story = [&]() -> task<> { static_cast<void>(co_await answer.wait()); };
        co_spawn(context, story(), detached);
        context.poll();
        std::thread([completer = answer.get_completer(), value]() mutable {
            completer.set_value(value);
        }).join();
    }
    answer = {};
    EXPECT_EQ(value.use_count(), 1);
}

TEST(OneShot, AllocatesNothingWhenWarm) {
    manual_scheduler loop;
    courier courier;
    const auto story = [&](bool from_elsewhere) -> task<std::size_t> {
        std::size_t allocated = 0;
        for (int i = 0; i < 1500; ++i) {  // the first rounds fill the quarantine of test builds
            if (i == 500)
                allocated = detail::frame_statistics_of_thread().allocated;
            one_shot<int> answer;
            if (from_elsewhere)
                courier.give(answer.get_completer());
            else
                answer.get_completer().set_value(i);
            static_cast<void>(co_await answer.wait());
        }
        co_return detail::frame_statistics_of_thread().allocated - allocated;
    };
    EXPECT_EQ(loop.run_with_threads(story(false)), 0u);
    EXPECT_EQ(loop.run_with_threads(story(true)), 0u);
}

TEST(OneShotDeathTest, CompletingTwiceAborts) {
    one_shot<int> answer;
    auto completer = answer.get_completer();
    completer.set_value(1);
    EXPECT_DEATH(completer.set_value(2), "one_shot: completed twice");
    EXPECT_DEATH(completer.set_exception(nullptr), "one_shot: completed twice");
    EXPECT_DEATH(static_cast<void>(answer.get_completer()), "one_shot: get_completer\\(\\) called twice");
}

// ---- races ------------------------------------------------------------------------------------------------

// Delays for a different time in each round, so that each side of the race comes first in some rounds.
void delay(courier& other, int round) {
    if (round % 2)
        other.wake();
    std::atomic<int> left = round % 128;
    while (left.fetch_sub(1, std::memory_order_relaxed) > 0)
        ;
}

constexpr int race_rounds = 10'000;

TEST(OneShotRace, CompletionAndStop) {
    manual_scheduler loop;
    courier courier;
    int completed = 0;
    for (int i = 0; i < race_rounds; ++i) {
        one_shot<int> answer;
        auto completer = answer.get_completer();
        auto root = loop.start(error_of(answer));
        loop.run();
        courier.enqueue(std::move(completer));
        delay(courier, i);
        root.env().request_stop();
        // If the stop came too late, the completion is still on its way.
        for (loop.run(); !root.done(); loop.run())
            std::this_thread::yield();
        const auto error = root.result();
        EXPECT_TRUE(!error || error == error::operation_aborted);
        completed += !error;
    }
    RecordProperty("completed", completed);
}

// After the task is destroyed the other thread must not post: the loop may be gone.
TEST(OneShotRace, CompletionAndEndOfTaskAndLoop) {
    courier courier;
    for (int i = 0; i < race_rounds; ++i) {
        const auto loop = std::make_unique<manual_scheduler>();
        one_shot<int> answer;
        auto root = loop->start(value_of(answer));
        loop->run();
        courier.enqueue(answer.get_completer());
        delay(courier, i);
        root.destroy();
        loop->run();
    }
}

TEST(OneShotRace, CompletionAndEndOfTheOneShot) {
    manual_scheduler loop;
    courier courier;
    for (int i = 0; i < race_rounds; ++i) {
        std::optional<one_shot<int>> answer(std::in_place);
        auto root = loop.start(error_of(*answer));
        loop.run();
        courier.enqueue(answer->get_completer());
        delay(courier, i);
        answer.reset();
        for (loop.run(); !root.done(); loop.run())
            std::this_thread::yield();
        const auto error = root.result();
        EXPECT_TRUE(!error || error == error::operation_aborted);
    }
}

// The task has its value while the other thread may still be waking the loop.
TEST(OneShotRace, LoopMayEndOnceTheValueIsThere) {
    courier courier;
    for (int i = 0; i < race_rounds / 50; ++i) {
        const auto loop = std::make_unique<lingering_scheduler>();
        one_shot<int> answer;
        courier.give(answer.get_completer());
        const auto story = [&]() -> task<> { EXPECT_EQ(co_await answer.wait(), i); };
        loop->run(story());
    }
}

TEST(OneShotRace, LoopMayEndOnceTheWaitIsDestroyed) {
    courier courier;
    for (int i = 0; i < race_rounds / 50; ++i) {
        const auto loop = std::make_unique<lingering_scheduler>();
        one_shot<int> answer;
        auto completer = answer.get_completer();
        const auto story = [&]() -> task<> {
            courier.give(std::move(completer));
            static_cast<void>(co_await answer.wait());
        };
        loop->run(story(), [&] { return answer.done(); });
        loop->run();
    }
}

TEST(OneShotRace, CompletionAndEndOfAnIoContext) {
    courier courier;
    for (int i = 0; i < 300; ++i) {
        one_shot<int> answer;
        const auto context = std::make_unique<io_context>(test::small_rings);
        co_spawn(*context, value_of(answer), detached);
        context->poll();
        courier.enqueue(answer.get_completer());
        if (i % 2) {
            courier.wake();
            context->run_one();
        }
    }
}

}  // namespace
}  // namespace coil::test
