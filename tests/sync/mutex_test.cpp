// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#include <coil/sync/mutex.hpp>

#include <chrono>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include <coil/algo/timeout.hpp>
#include <coil/base/assert.hpp>
#include <coil/coro/as_tuple.hpp>
#include <coil/coro/shield.hpp>
#include <coil/coro/stop_when.hpp>
#include <coil/coro/yield.hpp>
#include <coil/sync/task_group.hpp>
#include <coil/sync/when_all.hpp>

#include "coro/manual_scheduler.hpp"
#include "support/real_context.hpp"
#include "support/scripted_context.hpp"

// Properties of all waits in sync are tested in every_wait_test.cpp.

namespace coil::test {
namespace {

using namespace std::chrono_literals;

static_assert(!std::is_copy_constructible_v<mutex> && !std::is_move_constructible_v<mutex>);
static_assert(!std::is_copy_constructible_v<mutex_lock> && std::is_nothrow_move_constructible_v<mutex_lock>);
static_assert(!std::is_aggregate_v<mutex_lock>);

using names = std::vector<std::string>;

/// Holds the mutex until its next resumption.
task<> hold(mutex& what, std::string name, names& log) {
    const auto lock = co_await what.lock();
    log.push_back(name + " in");
    co_await yield();
    log.push_back(name + " out");
}

TEST(Mutex, ExcludesUntilTheLockIsDestroyed) {
    manual_scheduler loop;
    mutex door;
    names log;
    auto first = loop.start(hold(door, "first", log));
    auto second = loop.start(hold(door, "second", log));
    loop.run();
    EXPECT_EQ(log, (names{"first in", "first out", "second in", "second out"}));
    EXPECT_FALSE(door.is_locked());
}

TEST(Mutex, IsUnlockedByAnException) {
    manual_scheduler loop;
    mutex door;
    const auto fail = [&]() -> task<> {
        const auto lock = co_await door.lock();
        throw 17;
    };
    EXPECT_THROW(loop.run(fail()), int);
    EXPECT_FALSE(door.is_locked());
}

TEST(Mutex, TryLockWhileHeldReturnsAnEmptyLock) {
    mutex door;
    auto lock = door.try_lock();
    EXPECT_TRUE(lock);
    EXPECT_TRUE(lock.owns_lock());
    EXPECT_TRUE(door.is_locked());
    const auto second = door.try_lock();
    EXPECT_FALSE(second);
    lock.unlock();
    EXPECT_FALSE(lock);
    EXPECT_FALSE(door.is_locked());
    lock.unlock();
    EXPECT_TRUE(door.try_lock());
}

TEST(Mutex, UnlockHandsTheMutexToTheWaiter) {
    manual_scheduler loop;
    mutex door;
    names log;
    auto held = door.try_lock();
    auto waiter = loop.start(hold(door, "waiter", log));
    loop.run();
    held.unlock();
    EXPECT_TRUE(door.is_locked()) << "the waiter owns it before it is resumed";
    EXPECT_FALSE(door.try_lock().owns_lock());
    auto later = loop.start(hold(door, "later", log));
    loop.run();
    EXPECT_EQ(log, (names{"waiter in", "waiter out", "later in", "later out"}));
}

TEST(Mutex, HandoverSkipsADestroyedWaiter) {
    manual_scheduler loop;
    mutex door;
    names log;
    auto held = door.try_lock();
    auto first = loop.start(hold(door, "first", log));
    auto second = loop.start(hold(door, "second", log));
    loop.run();
    held.unlock();
    first.destroy();
    loop.run();
    EXPECT_EQ(log, (names{"second in", "second out"}));
    EXPECT_FALSE(door.is_locked());
}

TEST(Mutex, IsFreeIfTheLastWaiterIsDestroyed) {
    manual_scheduler loop;
    mutex door;
    names log;
    auto held = door.try_lock();
    auto only = loop.start(hold(door, "only", log));
    loop.run();
    held.unlock();
    only.destroy();
    EXPECT_FALSE(door.is_locked());
}

TEST(Mutex, IsUnlockedIfItsHolderIsDestroyed) {
    manual_scheduler loop;
    mutex door;
    gate closed;
    const auto hold_forever = [&]() -> task<> {
        const auto lock = co_await door.lock();
        co_await closed.wait();
    };
    names log;
    auto first = loop.start(hold_forever());
    auto second = loop.start(hold(door, "second", log));
    loop.run();
    EXPECT_EQ(log, names());
    first.destroy();
    loop.run();
    EXPECT_EQ(log, (names{"second in", "second out"}));
}

TEST(Mutex, LockIsMovable) {
    mutex door;
    mutex other;
    auto first = door.try_lock();
    auto second = std::move(first);
    EXPECT_FALSE(first);
    EXPECT_TRUE(second);
    first = other.try_lock();
    first = std::move(second);
    EXPECT_FALSE(other.is_locked()) << "assignment unlocks the previous mutex";
    EXPECT_TRUE(door.is_locked());
    auto& self = first;
    first = std::move(self);
    EXPECT_TRUE(first);
}

TEST(Mutex, AsTupleReturnsAnEmptyLockOnError) {
    manual_scheduler loop;
    mutex door;
    const auto story = [&]() -> task<> {
        auto result = co_await as_tuple(door.lock());
        auto& [ec, lock] = result;
        EXPECT_FALSE(ec);
        EXPECT_TRUE(lock);
        lock.unlock();
        (co_await this_environment).request_stop();
        auto refused = co_await as_tuple(door.lock());
        EXPECT_EQ(refused.error(), error::operation_aborted);
        EXPECT_FALSE(*refused);
        EXPECT_FALSE(door.is_locked());
    };
    loop.run(story());
}

TEST(MutexDeathTest, DestroyedWhileLockedAborts) {
    EXPECT_DEATH(
        {
            std::optional<mutex> door(std::in_place);
            const auto lock = door->try_lock();
            door.reset();
        },
        "mutex: destroyed while locked; declare it before");
}

// Regression: a task that locked twice waited for itself, without an error.
TEST(Mutex, RefusesASecondLockByTheSameTask) {
    manual_scheduler loop;
    const auto story = []() -> task<> {
        mutex door;
        auto lock = co_await door.lock();
        try {
            auto again = co_await door.lock();
            ADD_FAILURE() << "locked twice";
        } catch (const std::system_error& failure) {
            EXPECT_EQ(failure.code(), error::already_locked);
            EXPECT_EQ(failure.code(), std::errc::resource_deadlock_would_occur);
            EXPECT_EQ(std::string(failure.what()).find("lock of a mutex: this task holds it already"), 0u)
                << failure.what();
            EXPECT_NE(std::string(failure.what()).find("unlock()"), std::string::npos) << failure.what();
        }
        lock.unlock();
        auto next = co_await door.lock();
        EXPECT_TRUE(next);
    };
    loop.run(story());
}

// Regression: a timeout around the second lock() failed with timed_out instead of already_locked, and a
// timeout around a function that locks waited forever.
TEST(Mutex, RefusesASecondLockInsideScopes) {
    scripted_context context;
    inplace_stop_source source;
    context.run([&]() -> task<> {
        mutex door;
        const auto inner = [&]() -> task<> { static_cast<void>(co_await door.lock()); };
        const auto nested = [&]() -> task<> { co_await timeout(inner(), 1h); };
        const auto refused = [](std::error_code error) { EXPECT_EQ(error, error::already_locked); };
        {
            auto lock = co_await door.lock();
            refused((co_await as_tuple(timeout(door.lock(), 1h))).error());
            refused((co_await as_tuple(shield(door.lock()))).error());
            refused((co_await as_tuple(stop_when(door.lock(), source.get_token()))).error());
            refused((co_await as_tuple(timeout(inner(), 1h))).error());
            refused((co_await as_tuple(shield(nested()))).error());
        }
        {
            auto lock = co_await timeout(door.lock(), 1h);
            refused((co_await as_tuple(door.lock())).error());
            refused((co_await as_tuple(timeout(door.lock(), 1h))).error());
        }
        EXPECT_FALSE(door.is_locked());
    });
}

// Branches and children are separate lines of execution, so one may wait until another unlocks.
TEST(Mutex, BranchesAndChildrenMayWait) {
    scripted_context context;
    mutex door;
    int locked = 0;
    const auto user = [&]() -> task<> {
        auto lock = co_await timeout(door.lock(), 1h);
        ++locked;
        co_await yield();
    };
    context.run([&]() -> task<> {
        co_await timeout(when_all(user(), user(), timeout(user(), 1h)), 1h);
        co_await with_group([&](task_group& group) -> task<> {
            auto lock = co_await door.lock();
            group.start(user);
            group.start(user);
            co_await yield();
            lock.unlock();
            co_await group.join();
        });
        auto lock = co_await door.lock();
        auto other = co_spawn(context.io(), user);
        co_await yield();
        lock.unlock();
        co_await timeout(other.join(), 1h);
    });
    EXPECT_EQ(locked, 6);
}

// A moved lock may be held by another task, which unlocks later.
TEST(Mutex, TaskMayWaitForALockItMovedAway) {
    manual_scheduler loop;
    mutex door;
    mutex_lock kept;
    const auto story = [&]() -> task<> {
        auto lock = co_await door.lock();
        kept = std::move(lock);
        auto again = co_await door.lock();
        EXPECT_TRUE(again);
    };
    auto root = loop.start(story());
    loop.run();
    EXPECT_FALSE(root.done());
    kept.unlock();
    loop.run();
    root.result();
}

TEST(Mutex, HandoverUpdatesTheHolder) {
    manual_scheduler loop;
    mutex door;
    names log;
    const auto story = [&](std::string name) -> task<> {
        auto lock = co_await door.lock();
        log.push_back(name);
        co_await yield();
        EXPECT_EQ((co_await as_tuple(door.lock())).error(), std::errc::resource_deadlock_would_occur);
    };
    auto first = loop.start(story("first"));
    auto second = loop.start(story("second"));
    loop.run();
    first.result();
    second.result();
    EXPECT_EQ(log, (names{"first", "second"}));
}

TEST(Mutex, OnARealContextSerializesTwoWriters) {
    mutex writing;
    std::string written;
    real_context context;
    const auto write_word = [&](std::string word) -> task<> {
        const auto lock = co_await writing.lock();
        for (const char letter: word) {
            written += letter;
            co_await yield();
        }
    };
    context.run([&]() -> task<> {
        auto first = context.spawn([&] { return write_word("hello "); });
        auto second = context.spawn([&] { return write_word("world"); });
        co_await first.join();
        co_await second.join();
    });
    EXPECT_EQ(written, "hello world");
}

TEST(Mutex, IsFreeAfterItsTasksAreDestroyed) {
    mutex door;
    mutex never;
    const auto held = never.try_lock();
    {
        real_context context;
        const auto lock_later = [&]() -> task<> {
            co_await yield();
            const auto lock = co_await door.lock();
        };
        const auto hold_forever = [&]() -> task<> {
            const auto lock = co_await door.lock();
            co_await never.lock();
        };
        // The newest task is destroyed first, and hands the mutex to a task that is destroyed next.
        context.spawn(lock_later).detach();
        context.spawn(lock_later).detach();
        context.spawn(hold_forever).detach();
        context.poll();
        EXPECT_TRUE(door.is_locked());
    }
    EXPECT_FALSE(door.is_locked());
}

}  // namespace
}  // namespace coil::test
