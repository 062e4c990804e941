// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#include <coil/coro/environment.hpp>

#include <cerrno>
#include <string>
#include <system_error>
#include <vector>

#include <gtest/gtest.h>

#include <coil/base/assert.hpp>
#include <coil/coro/as_tuple.hpp>
#include <coil/coro/completed.hpp>
#include <coil/coro/task.hpp>
#include <coil/coro/yield.hpp>

#include "coro/manual_scheduler.hpp"
#include "support/mistake.hpp"

namespace coil::test {
namespace {

using names = std::vector<std::string>;

// ---- stop -------------------------------------------------------------------------------------------------

TEST(Stop, AbortsAwaitedOperation) {
    manual_scheduler loop;
    gate closed;
    const auto story = [&]() -> task<> { co_await closed.wait(); };
    auto root = loop.start(story());
    loop.run();
    EXPECT_FALSE(root.env().stop_requested());
    root.env().request_stop();
    EXPECT_TRUE(root.env().stop_requested());
    EXPECT_FALSE(root.done()) << "it ends in its own resumption, not inside request_stop()";
    loop.run();
    try {
        root.result();
        ADD_FAILURE() << "nothing was thrown";
    } catch (const std::system_error& failure) {
        EXPECT_EQ(failure.code(), error::operation_aborted);
        EXPECT_EQ(failure.code(), std::errc::operation_canceled);
    }
}

TEST(Stop, ReachesInnermostTask) {
    manual_scheduler loop;
    gate closed;
    names log;
    const auto child = [&]() -> task<> {
        const auto r = co_await as_tuple(closed.wait());
        log.push_back(r.error().message());
    };
    const auto parent = [&]() -> task<> {
        co_await child();
        log.push_back("the parent continues");
    };
    auto root = loop.start(parent());
    loop.run();
    root.env().request_stop();
    loop.run();
    root.result();
    EXPECT_EQ(log, (names{"operation aborted", "the parent continues"}));
}

TEST(Stop, IsSticky) {
    manual_scheduler loop;
    gate closed;
    int refusals = 0;
    const auto story = [&]() -> task<> {
        for (int i = 0; i < 5; ++i) {
            auto [ec, value] = co_await as_tuple(closed.wait());
            refusals += ec == error::operation_aborted;
        }
        EXPECT_THROW(co_await yield(), std::system_error);
    };
    auto root = loop.start(story());
    loop.run();
    root.env().request_stop();
    root.env().request_stop();
    loop.run();
    root.result();
    EXPECT_EQ(refusals, 5);
}

TEST(Stop, RefusedAwaitYieldsToOthers) {
    manual_scheduler loop;
    gate closed;
    names log;
    const auto story = [&](std::string name) -> task<> {
        for (int i = 0; i < 2; ++i) {
            static_cast<void>(co_await as_tuple(closed.wait()));
            log.push_back(name);
        }
    };
    auto first = loop.start(story("first"));
    auto second = loop.start(story("second"));
    first.env().request_stop();
    second.env().request_stop();
    loop.run();
    EXPECT_EQ(log, (names{"first", "second", "first", "second"}));
}

TEST(Stop, EarlyStopTakesEffectAtFirstAwait) {
    manual_scheduler loop;
    gate closed;
    names log;
    const auto story = [&]() -> task<> {
        log.push_back("runs");
        co_await closed.wait();
        log.push_back("never here");
    };
    auto root = loop.start(story());
    root.env().request_stop();
    loop.run();
    EXPECT_THROW(root.result(), std::system_error);
    EXPECT_EQ(log, names{"runs"});
}

TEST(Stop, IsIgnoredAfterCompletion) {
    manual_scheduler loop;
    gate opened;
    const auto story = [&]() -> task<int> { co_return co_await opened.wait(); };
    auto root = loop.start(story());
    loop.run();
    opened.open(5);
    root.env().request_stop();  // the wait has completed, but the task is not resumed yet
    loop.run();
    EXPECT_EQ(root.result(), 5);
}

TEST(Stop, TaskCanStopItself) {
    manual_scheduler loop;
    const auto story = []() -> task<> {
        detail::environment& own = co_await this_environment;
        own.request_stop();
        EXPECT_TRUE(own.stop_requested());
        co_await yield();
        ADD_FAILURE() << "continued in a stopped scope";
    };
    auto root = loop.start(story());
    loop.run();
    EXPECT_THROW(root.result(), std::system_error);
}

TEST(Stop, AffectsOneEnvironment) {
    manual_scheduler loop;
    gate closed;
    const auto story = [&]() -> task<> { co_await closed.wait(); };
    auto stopped = loop.start(story());
    auto other = loop.start(story());
    loop.run();
    stopped.env().request_stop();
    loop.run();
    EXPECT_TRUE(stopped.done());
    EXPECT_FALSE(other.done());
    EXPECT_FALSE(other.env().stop_requested());
    closed.open();
    loop.run();
    other.result();
}

task<> ignores_its_stop(int times) {
    for (int i = 0; i < times; ++i)
        static_cast<void>(co_await as_tuple(yield()));
}

TEST(Stop, CleanupMayAwait999Times) {
    manual_scheduler loop;
    auto root = loop.start(ignores_its_stop(999));
    root.env().request_stop();
    loop.run();
    root.result();
}

// A build without assertions spun without a message.
TEST(StopDeathTest, ReportsTaskThatIgnoresStop) {
    const auto ignore = [] {
        manual_scheduler loop;
        auto root = loop.start(ignores_its_stop(1001));
        root.env().request_stop();
        loop.run();
        EXPECT_TRUE(root.done());
    };
    expect_mistake(ignore, "a stopped task has awaited 1000 times.*environment_test");
}

// ---- yield ------------------------------------------------------------------------------------------------

TEST(Yield, LetsAllReadyTasksGoFirst) {
    manual_scheduler loop;
    names log;
    const auto story = [&](std::string name) -> task<> {
        for (int i = 1; i <= 3; ++i) {
            log.push_back(name + std::to_string(i));
            co_await yield();
        }
    };
    auto a = loop.start(story("a"));
    auto b = loop.start(story("b"));
    auto c = loop.start(story("c"));
    loop.run();
    EXPECT_EQ(log, (names{"a1", "b1", "c1", "a2", "b2", "c2", "a3", "b3", "c3"}));
}

TEST(Yield, DescribesItself) {
    manual_scheduler loop;
    const auto story = []() -> task<> { co_await yield(); };
    auto root = loop.start(story());
    loop.run_one();
    ASSERT_NE(root.env().awaiting(), nullptr);
    EXPECT_EQ(root.env().awaiting()->describe(), "yield");
    root.destroy();
    EXPECT_EQ(loop.run(), 0u);
}

TEST(Yield, StoppedScopeRefusesAfterOneTrip) {
    manual_scheduler loop;
    const auto story = []() -> task<> {
        (co_await this_environment).request_stop();
        const auto refused = co_await as_tuple(yield());
        EXPECT_EQ(refused.error(), error::operation_aborted);
    };
    auto root = loop.start(story());
    EXPECT_EQ(loop.run(), 2u);
    root.result();
}

TEST(Yield, NextYieldSeesStop) {
    manual_scheduler loop;
    const auto story = []() -> task<> {
        co_await yield();
        EXPECT_THROW(co_await yield(), std::system_error);
    };
    auto root = loop.start(story());
    loop.run_one();
    root.env().request_stop();
    loop.run();
    root.result();
}

// ---- completed --------------------------------------------------------------------------------------------

TEST(Completed, NeverSuspends) {
    manual_scheduler loop;
    const auto story = []() -> task<> {
        co_await detail::completed("close");
        const auto r = co_await as_tuple(detail::completed("close"));
        EXPECT_FALSE(r.error());
    };
    auto root = loop.start(story());
    EXPECT_EQ(loop.run(), 1u);
    root.result();
}

TEST(Completed, ThrowsErrorWithName) {
    manual_scheduler loop;
    const auto failed = detail::completed("shutdown", detail::system_error_code(ENOTCONN));
    EXPECT_EQ(failed.error(), std::errc::not_connected);
    const auto story = [&]() -> task<> { co_await failed; };
    try {
        loop.run(story());
        ADD_FAILURE() << "nothing was thrown";
    } catch (const std::system_error& failure) {
        EXPECT_EQ(failure.code(), std::errc::not_connected);
        EXPECT_EQ(std::string(failure.what()).find("shutdown (the socket is not connected"), 0u)
            << failure.what();
    }
}

TEST(Completed, ReturnsErrorViaAsTuple) {
    manual_scheduler loop;
    const auto story = []() -> task<> {
        auto [ec] = co_await as_tuple(detail::completed("close", detail::system_error_code(EIO)));
        EXPECT_EQ(ec, std::errc::io_error);
        co_await redirect_error(detail::completed("close"), ec);
        EXPECT_FALSE(ec);
    };
    loop.run(story());
}

TEST(Completed, IgnoresStop) {
    manual_scheduler loop;
    const auto story = []() -> task<> {
        (co_await this_environment).request_stop();
        co_await detail::completed("close");
    };
    loop.run(story());
}

TEST(Completed, CanBeDropped) { detail::completed("close", detail::system_error_code(EIO)); }

// ---- scheduling -------------------------------------------------------------------------------------------

TEST(Awaited, LeavesReadyListWithItsFrame) {
    manual_scheduler loop;
    gate opened;
    names log;
    const auto story = [&](std::string name) -> task<> {
        co_await opened.wait();
        log.push_back(name);
    };
    auto a = loop.start(story("a"));
    auto b = loop.start(story("b"));
    auto c = loop.start(story("c"));
    loop.run();
    for (int i = 0; i < 3; ++i)
        opened.open();
    b.destroy();
    loop.run();
    EXPECT_EQ(log, (names{"a", "c"}));
}

TEST(Awaited, ReadyTaskCanBeDestroyed) {
    manual_scheduler loop;
    gate opened;
    const auto victim = [&]() -> task<> {
        co_await opened.wait();
        ADD_FAILURE() << "resumed after its destruction";
    };
    auto doomed = loop.start(victim());
    loop.run();
    const auto destroyer = [&]() -> task<> {
        opened.open();
        doomed.destroy();
        co_return;
    };
    loop.run(destroyer());
}

}  // namespace
}  // namespace coil::test
