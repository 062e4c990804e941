// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#include <coil/sync/event.hpp>

#include <optional>
#include <string>
#include <type_traits>
#include <vector>

#include <gtest/gtest.h>

#include <coil/base/assert.hpp>

#include "coro/manual_scheduler.hpp"
#include "support/mistake.hpp"
#include "support/real_context.hpp"

// Properties of all waits in sync are tested in every_wait_test.cpp.

namespace coil::test {
namespace {

static_assert(!std::is_copy_constructible_v<event> && !std::is_move_constructible_v<event>);

using names = std::vector<std::string>;

task<> wait_and_note(event& what, std::string name, names& log) {
    co_await what.wait();
    log.push_back(name);
}

TEST(Event, SetReleasesAllWaiters) {
    manual_scheduler loop;
    event ready;
    names log;
    auto first = loop.start(wait_and_note(ready, "first", log));
    auto second = loop.start(wait_and_note(ready, "second", log));
    loop.run();
    EXPECT_EQ(log, names());
    ready.set();
    EXPECT_EQ(log, names()) << "in the next iteration, never inside set()";
    loop.run();
    EXPECT_EQ(log, (names{"first", "second"}));
}

TEST(Event, StaysSet) {
    manual_scheduler loop;
    event ready;
    EXPECT_FALSE(ready.is_set());
    ready.set();
    ready.set();
    EXPECT_TRUE(ready.is_set());
    const auto story = [&]() -> task<> {
        co_await ready.wait();
        co_await ready.wait();
    };
    auto root = loop.start(story());
    EXPECT_EQ(loop.run(), 1u);
    root.result();
}

TEST(Event, ResetMakesWaitersWaitAgain) {
    manual_scheduler loop;
    event ready;
    names log;
    ready.set();
    ready.reset();
    EXPECT_FALSE(ready.is_set());
    auto root = loop.start(wait_and_note(ready, "waiter", log));
    loop.run();
    EXPECT_EQ(log, names());
    ready.set();
    loop.run();
    EXPECT_EQ(log, names{"waiter"});
}

TEST(Event, ResetDoesNotAffectReleasedWaiters) {
    manual_scheduler loop;
    event ready;
    names log;
    auto before = loop.start(wait_and_note(ready, "before", log));
    loop.run();
    ready.set();
    ready.reset();
    auto after = loop.start(wait_and_note(ready, "after", log));
    loop.run();
    EXPECT_EQ(log, names{"before"});
    ready.set();
    loop.run();
    EXPECT_EQ(log, (names{"before", "after"}));
}

TEST(Event, WaiterMaySetAnotherEvent) {
    manual_scheduler loop;
    event request;
    event answer;
    names log;
    const auto serve = [&]() -> task<> {
        co_await request.wait();
        log.push_back("request");
        answer.set();
    };
    const auto send_request = [&]() -> task<> {
        request.set();
        co_await answer.wait();
        log.push_back("answer");
    };
    auto server = loop.start(serve());
    auto client = loop.start(send_request());
    loop.run();
    EXPECT_EQ(log, (names{"request", "answer"}));
}

// Regression: without assertions the waiter waited forever.
TEST(EventDeathTest, DestructorEndsItsWaiters) {
    const auto story = [] {
        manual_scheduler loop;
        std::optional<event> ready(std::in_place);
        auto root = loop.start([](event& awaited) -> task<> {
            EXPECT_EQ((co_await as_tuple(awaited.wait())).error(), error::operation_aborted);
        }(*ready));
        loop.run();
        ready.reset();
        loop.run();
        root.result();
    };
    expect_mistake(story,
                   "event: destroyed while tasks wait for it.*the first of them at .*event_test.cpp:[0-9]+");
}

TEST(Event, OnARealContextSignalsAnotherTask) {
    event listening;
    names log;
    real_context context;
    context.run([&]() -> task<> {
        const auto serve = [&]() -> task<> {
            log.push_back("listening");
            listening.set();
            co_return;
        };
        co_spawn(context.io(), serve(), detached);
        co_await listening.wait();
        log.push_back("connect");
    });
    EXPECT_EQ(log, (names{"listening", "connect"}));
}

}  // namespace
}  // namespace coil::test
