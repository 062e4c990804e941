// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#include <coil/coro/shield.hpp>

#include <system_error>

#include <gtest/gtest.h>

#include <coil/coro/as_tuple.hpp>
#include <coil/coro/task.hpp>
#include <coil/coro/this_coro.hpp>
#include <coil/coro/yield.hpp>

#include "coro/manual_scheduler.hpp"

namespace coil::test {
namespace {

TEST(Shield, HidesStopWhileWaiting) {
    manual_scheduler loop;
    gate door;
    int got = 0;
    const auto story = [&]() -> task<> { got = co_await shield(door.wait()); };
    auto root = loop.start(story());
    loop.run();
    root.env().request_stop();
    loop.run();
    EXPECT_TRUE(door.has_waiter());
    door.open(7);
    loop.run();
    root.result();
    EXPECT_EQ(got, 7);
}

TEST(Shield, LetsStoppedTaskCleanUp) {
    manual_scheduler loop;
    gate door, goodbye;
    bool cleaned = false;
    const auto clean_up = [&]() -> task<> {
        EXPECT_FALSE(co_await this_coro::stop_requested);
        co_await goodbye.wait();
        co_await yield();
        cleaned = true;
    };
    const auto story = [&]() -> task<> {
        auto [ec, value] = co_await as_tuple(door.wait());
        EXPECT_EQ(ec, error::operation_aborted);
        co_await shield(clean_up());
    };
    auto root = loop.start(story());
    loop.run();
    root.env().request_stop();
    loop.run();
    EXPECT_TRUE(goodbye.has_waiter());
    goodbye.open();
    loop.run();
    root.result();
    EXPECT_TRUE(cleaned);
}

TEST(Shield, DoesNotUndoStop) {
    manual_scheduler loop;
    gate door;
    const auto story = [&]() -> task<> {
        co_await shield(door.wait());
        EXPECT_TRUE(co_await this_coro::stop_requested);
        auto [ec, value] = co_await as_tuple(door.wait());
        EXPECT_EQ(ec, error::operation_aborted);
    };
    auto root = loop.start(story());
    loop.run();
    root.env().request_stop();
    root.env().request_stop();
    door.open();
    loop.run();
    root.result();
}

TEST(Shield, PassesErrorsExceptionsAndReferences) {
    manual_scheduler loop;
    gate door;
    int value = 3;
    const auto reference = [&]() -> task<int&> {
        co_await yield();
        co_return value;
    };
    const auto throwing = [&]() -> task<> {
        co_await yield();
        throw 17;
    };
    const auto story = [&]() -> task<> {
        int& result = co_await shield(reference());
        EXPECT_EQ(&result, &value);
        EXPECT_THROW(co_await shield(throwing()), int);
        auto [ec, n] = co_await as_tuple(shield(door.wait()));
        EXPECT_EQ(ec, std::errc::broken_pipe);
    };
    auto root = loop.start(story());
    loop.run();
    door.fail(std::make_error_code(std::errc::broken_pipe));
    loop.run();
    root.result();
}

TEST(Shield, CanBeNested) {
    manual_scheduler loop;
    gate door;
    const auto inner = [&]() -> task<int> { co_return co_await shield(door.wait()); };
    const auto story = [&]() -> task<> { EXPECT_EQ(co_await shield(inner()), 5); };
    auto root = loop.start(story());
    loop.run();
    root.env().request_stop();
    loop.run();
    door.open(5);
    loop.run();
    root.result();
}

TEST(Shield, DestructionDestroysOperation) {
    manual_scheduler loop;
    gate door;
    const auto story = [&]() -> task<> { co_await shield(door.wait()); };
    auto root = loop.start(story());
    loop.run();
    root.destroy();
    EXPECT_FALSE(door.has_waiter());
    EXPECT_EQ(loop.run(), 0u);
}

}  // namespace
}  // namespace coil::test
