// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#include <coil/sync/semaphore.hpp>

#include <optional>
#include <string>
#include <type_traits>
#include <vector>

#include <gtest/gtest.h>

#include <coil/base/assert.hpp>
#include <coil/coro/as_tuple.hpp>
#include <coil/coro/yield.hpp>

#include "coro/manual_scheduler.hpp"
#include "support/mistake.hpp"
#include "support/real_context.hpp"

// Properties of all waits in sync are tested in every_wait_test.cpp.

namespace coil::test {
namespace {

static_assert(!std::is_copy_constructible_v<semaphore> && !std::is_move_constructible_v<semaphore>);

using names = std::vector<std::string>;

task<> acquire_and_note(semaphore& from, std::string name, names& log) {
    co_await from.acquire();
    log.push_back(name);
}

TEST(Semaphore, BoundsConcurrency) {
    manual_scheduler loop;
    semaphore places(2);
    int inside = 0;
    int inside_max = 0;
    const auto visit = [&]() -> task<> {
        co_await places.acquire();
        inside_max = std::max(inside_max, ++inside);
        co_await yield();
        --inside;
        places.release();
    };
    std::vector<started<void>> visitors;
    for (int i = 0; i < 7; ++i)
        visitors.push_back(loop.start(visit()));
    loop.run();
    for (const auto& each: visitors)
        each.result();
    EXPECT_EQ(inside_max, 2);
    EXPECT_EQ(places.available(), 2u);
}

// A permit from acquire() is lost if the work fails before release(). A semaphore_permit returns it.
TEST(Semaphore, PermitIsReturnedIfTheWorkFails) {
    manual_scheduler loop;
    semaphore places(1);
    gate work;
    const auto visit = [&]() -> task<> {
        auto permit = co_await places.acquire_permit();
        EXPECT_TRUE(permit);
        co_await work.wait();
    };
    auto first = loop.start(visit());
    auto second = loop.start(visit());
    loop.run();
    EXPECT_EQ(places.available(), 0u);
    work.fail(std::make_error_code(std::errc::broken_pipe));
    loop.run();
    EXPECT_THROW(first.result(), std::system_error);
    EXPECT_TRUE(work.has_waiter()) << "the second has the permit";
    second.destroy();
    EXPECT_EQ(places.available(), 1u);
}

TEST(Semaphore, PermitIsReturnedOnce) {
    manual_scheduler loop;
    semaphore places(2);
    const auto story = [&]() -> task<> {
        auto permit = co_await places.acquire_permit();
        semaphore_permit other = std::move(permit);
        EXPECT_FALSE(permit);
        EXPECT_EQ(places.available(), 1u);
        other.release();
        EXPECT_EQ(places.available(), 2u);
        other.release();
        EXPECT_EQ(places.available(), 2u);
        auto outcome = co_await as_tuple(places.acquire_permit());
        EXPECT_EQ(places.available(), 1u);
        *outcome = semaphore_permit();
        EXPECT_EQ(places.available(), 2u);
    };
    loop.run(story());
    auto one = places.try_acquire_permit();
    auto two = places.try_acquire_permit();
    EXPECT_TRUE(one && two);
    const auto none = places.try_acquire_permit();
    EXPECT_FALSE(none);
    one = std::move(two);
    EXPECT_EQ(places.available(), 1u);
}

TEST(Semaphore, TryAcquireTakesAnAvailablePermit) {
    semaphore places(1);
    EXPECT_EQ(places.available(), 1u);
    EXPECT_TRUE(places.try_acquire());
    EXPECT_FALSE(places.try_acquire());
    places.release();
    EXPECT_TRUE(places.try_acquire());
}

TEST(Semaphore, ReleaseServesWaitersAndKeepsTheRest) {
    manual_scheduler loop;
    semaphore places(0);
    names log;
    auto first = loop.start(acquire_and_note(places, "first", log));
    auto second = loop.start(acquire_and_note(places, "second", log));
    loop.run();
    places.release(5);
    EXPECT_EQ(places.available(), 3u);
    loop.run();
    EXPECT_EQ(log, (names{"first", "second"}));
    places.release(0);
    EXPECT_EQ(places.available(), 3u);
}

TEST(Semaphore, ReleaseHandsThePermitToTheWaiter) {
    manual_scheduler loop;
    semaphore places(0);
    names log;
    auto waiter = loop.start(acquire_and_note(places, "waiter", log));
    loop.run();
    places.release();
    EXPECT_EQ(places.available(), 0u);
    EXPECT_FALSE(places.try_acquire());
    loop.run();
    EXPECT_EQ(log, names{"waiter"});
}

TEST(Semaphore, PermitOfADestroyedTaskGoesToTheNext) {
    manual_scheduler loop;
    semaphore places(0);
    names log;
    auto first = loop.start(acquire_and_note(places, "first", log));
    auto second = loop.start(acquire_and_note(places, "second", log));
    loop.run();
    places.release();
    first.destroy();
    loop.run();
    EXPECT_EQ(log, names{"second"});
    EXPECT_EQ(places.available(), 0u);
}

TEST(Semaphore, PermitOfTheLastDestroyedTaskIsKept) {
    manual_scheduler loop;
    semaphore places(0);
    names log;
    auto only = loop.start(acquire_and_note(places, "only", log));
    loop.run();
    places.release();
    only.destroy();
    EXPECT_EQ(places.available(), 1u);
}

// Regression: without assertions the waiter waited forever.
TEST(SemaphoreDeathTest, DestructorEndsItsWaiters) {
    const auto story = [] {
        manual_scheduler loop;
        std::optional<semaphore> places(std::in_place, 0u);
        auto root = loop.start([](semaphore& awaited) -> task<> {
            EXPECT_EQ((co_await as_tuple(awaited.acquire())).error(), error::operation_aborted);
        }(*places));
        loop.run();
        places.reset();
        loop.run();
        root.result();
    };
    expect_mistake(
        story,
        "semaphore: destroyed while tasks wait for it.*the first of them at .*semaphore_test.cpp:[0-9]+");
}

TEST(Semaphore, OnARealContextBoundsConcurrency) {
    semaphore places(3);
    int inside = 0;
    int inside_max = 0;
    real_context context;
    const auto work = [&]() -> task<> {
        co_await places.acquire();
        inside_max = std::max(inside_max, ++inside);
        co_await yield();
        --inside;
        places.release();
    };
    context.run([&]() -> task<> {
        for (int i = 0; i < 20; ++i)
            co_spawn(context.io(), work(), detached);
        co_return;
    });
    EXPECT_EQ(inside_max, 3);
    EXPECT_EQ(places.available(), 3u);
}

}  // namespace
}  // namespace coil::test
