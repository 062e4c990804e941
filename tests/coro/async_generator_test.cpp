// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#include <coil/coro/async_generator.hpp>

#include <chrono>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <system_error>
#include <type_traits>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include <coil/algo/timeout.hpp>
#include <coil/coro/as_tuple.hpp>
#include <coil/coro/yield.hpp>
#include <coil/io/sleep.hpp>

#include "coro/manual_scheduler.hpp"
#include "support/real_context.hpp"

namespace coil::test {
namespace {

using numbers = std::vector<int>;
using names = std::vector<std::string>;

static_assert(!std::is_copy_constructible_v<async_generator<int>>);
static_assert(std::is_nothrow_move_constructible_v<async_generator<int>>);
static_assert(!std::is_aggregate_v<async_generator<int>> &&
              !std::is_aggregate_v<async_generator<int>::next_operation>);
static_assert(sizeof(async_generator<int>::next_operation) <= 96);

/// Logs its name when it is destroyed.
class logs_its_end {
public:
    logs_its_end(std::string name, names& log) : name_(std::move(name)), log_(&log) {}
    logs_its_end(logs_its_end&& other) noexcept
        : name_(std::move(other.name_)), log_(std::exchange(other.log_, nullptr)) {}
    ~logs_its_end() {
        if (log_)
            log_->push_back(name_);
    }

private:
    std::string name_;
    names* log_;
};

async_generator<int> count_to(int last) {
    for (int i = 1; i <= last; ++i)
        co_yield i;
}

async_generator<int> count_slowly_to(int last) {
    for (int i = 1; i <= last; ++i) {
        co_await yield();
        co_yield i;
    }
}

/// Yields the value of each opening of the gate, without end.
async_generator<int> openings_of(gate& each) {
    for (;;)
        co_yield co_await each.wait();
}

task<numbers> all_of(async_generator<int> values) {
    numbers all;
    while (const auto value = co_await values.next())
        all.push_back(*value);
    co_return all;
}

task<std::optional<int>> next_of(async_generator<int>& values) { co_return co_await values.next(); }

std::error_code error_of(const started<std::optional<int>>& root) {
    try {
        root.result();
    } catch (const std::system_error& failure) {
        return failure.code();
    }
    return {};
}

// ---- values -----------------------------------------------------------------------------------------------

TEST(AsyncGenerator, YieldsValuesThenEnd) {
    manual_scheduler loop;
    EXPECT_EQ(loop.run(all_of(count_to(3))), (numbers{1, 2, 3}));
    EXPECT_EQ(loop.run(all_of(count_to(0))), numbers());
}

TEST(AsyncGenerator, AwaitsBetweenValues) {
    manual_scheduler loop;
    EXPECT_EQ(loop.run(all_of(count_slowly_to(3))), (numbers{1, 2, 3}));
}

TEST(AsyncGenerator, EndIsPermanent) {
    manual_scheduler loop;
    const auto story = [&]() -> task<> {
        auto values = count_to(1);
        EXPECT_EQ(co_await values.next(), 1);
        EXPECT_EQ(co_await values.next(), std::nullopt);
        EXPECT_EQ(co_await values.next(), std::nullopt);
    };
    loop.run(story());
}

TEST(AsyncGenerator, RunsOnlyDuringNext) {
    manual_scheduler loop;
    names log;
    const auto talk = [&]() -> async_generator<int> {
        log.push_back("begins");
        co_yield 1;
        log.push_back("continues");
    };
    const auto story = [&]() -> task<> {
        auto values = talk();
        log.push_back("made");
        co_await values.next();
        log.push_back("one");
        co_await values.next();
        log.push_back("end");
    };
    loop.run(story());
    EXPECT_EQ(log, (names{"made", "begins", "one", "continues", "end"}));
}

TEST(AsyncGenerator, ValueBypassesReadyList) {
    manual_scheduler loop;
    constexpr int within_the_budget = detail::scheduler::inline_max - 1;  // one more next() finds the end
    auto root = loop.start(all_of(count_to(within_the_budget)));
    EXPECT_EQ(loop.run(), 1u);
    EXPECT_EQ(root.result().size(), std::size_t{within_the_budget});
}

TEST(AsyncGenerator, ManyValuesDoNotGrowStack) {
    manual_scheduler loop;
    EXPECT_EQ(loop.run(all_of(count_to(200'000))).size(), 200'000u);
}

TEST(AsyncGenerator, MovesValuesOut) {
    struct parcel {
        explicit parcel(int given) : content(std::make_unique<int>(given)) {}
        std::unique_ptr<int> content;
    };
    manual_scheduler loop;
    const auto parcels = []() -> async_generator<parcel> {
        parcel kept(1);
        co_yield parcel(2);
        co_yield std::move(kept);
    };
    const auto story = [&]() -> task<int> {
        auto values = parcels();
        const auto first = co_await values.next();
        const auto second = co_await values.next();
        co_return *first->content * 10 + *second->content;
    };
    EXPECT_EQ(loop.run(story()), 21);
}

TEST(AsyncGenerator, CopiesYieldedLvalues) {
    manual_scheduler loop;
    const auto growing = []() -> async_generator<std::string> {
        std::string text = "a";
        co_yield text;
        text += "b";
        co_yield text;
        co_yield "c";
    };
    const auto story = [&]() -> task<> {
        auto values = growing();
        EXPECT_EQ(co_await values.next(), "a");
        EXPECT_EQ(co_await values.next(), "ab");
        EXPECT_EQ(co_await values.next(), "c");
    };
    loop.run(story());
}

TEST(AsyncGenerator, CanWrapAnother) {
    manual_scheduler loop;
    const auto squares = [](async_generator<int> of) -> async_generator<int> {
        while (const auto value = co_await of.next()) {
            const int root = *value;
            co_yield root* root;
        }
    };
    EXPECT_EQ(loop.run(all_of(squares(squares(count_slowly_to(3))))), (numbers{1, 16, 81}));
}

TEST(AsyncGenerator, AwaitsTasks) {
    manual_scheduler loop;
    const auto twice = [](int value) -> task<int> {
        co_await yield();
        co_return 2 * value;
    };
    const auto values = [&]() -> async_generator<int> {
        co_yield co_await twice(1);
        const int next = co_await twice(2);
        co_yield next;
    };
    EXPECT_EQ(loop.run(all_of(values())), (numbers{2, 4}));
}

// ---- errors -----------------------------------------------------------------------------------------------

TEST(AsyncGenerator, ExceptionEndsGenerator) {
    manual_scheduler loop;
    const auto fail = []() -> async_generator<int> {
        co_yield 1;
        throw std::runtime_error("no more");
    };
    const auto story = [&]() -> task<> {
        auto values = fail();
        EXPECT_EQ(co_await values.next(), 1);
        EXPECT_THROW(co_await values.next(), std::runtime_error);
        EXPECT_EQ(co_await values.next(), std::nullopt);
    };
    loop.run(story());
}

TEST(AsyncGenerator, AsTupleReturnsSystemError) {
    manual_scheduler loop;
    const auto fail = []() -> async_generator<int> {
        co_await yield();
        throw std::system_error(make_error_code(error::eof));
        co_yield 1;
    };
    const auto story = [&]() -> task<> {
        auto values = fail();
        const auto [ec, value] = co_await as_tuple(values.next());
        EXPECT_EQ(ec, error::eof);
        EXPECT_FALSE(value);
    };
    loop.run(story());
}

TEST(AsyncGenerator, RejectsConcurrentNext) {
    manual_scheduler loop;
    gate closed;
    auto values = openings_of(closed);
    auto first = loop.start(next_of(values));
    auto second = loop.start(next_of(values));
    loop.run();
    EXPECT_EQ(error_of(second), error::operation_in_progress);
    closed.open(5);
    loop.run();
    EXPECT_EQ(first.result(), 5);
}

// ---- stop -------------------------------------------------------------------------------------------------

TEST(AsyncGenerator, StopReachesAwaitOfBody) {
    manual_scheduler loop;
    gate closed;
    names log;
    const auto wait = [&]() -> async_generator<int> {
        const logs_its_end local("local", log);
        co_yield co_await closed.wait();
    };
    auto values = wait();
    auto root = loop.start(next_of(values));
    loop.run();
    root.env().request_stop();
    EXPECT_FALSE(root.done());
    loop.run();
    EXPECT_EQ(error_of(root), error::operation_aborted);
    EXPECT_EQ(log, names{"local"}) << "the body has ended";
    EXPECT_EQ(loop.run(next_of(values)), std::nullopt);
}

TEST(AsyncGenerator, BodyCanYieldAfterStop) {
    manual_scheduler loop;
    gate closed;
    const auto wait = [&]() -> async_generator<int> {
        const auto [ec, value] = co_await as_tuple(closed.wait());
        co_yield ec ? -1 : value;
    };
    auto values = wait();
    auto root = loop.start(next_of(values));
    loop.run();
    root.env().request_stop();
    loop.run();
    EXPECT_EQ(root.result(), -1);
}

TEST(AsyncGenerator, StoppedScopeLeavesBodySuspended) {
    manual_scheduler loop;
    auto values = count_to(2);
    EXPECT_EQ(loop.run(next_of(values)), 1);
    auto stopped = loop.start(next_of(values));
    stopped.env().request_stop();
    EXPECT_EQ(loop.run(), 2u) << "a refusal takes a trip through the ready list";
    EXPECT_EQ(error_of(stopped), error::operation_aborted);
    EXPECT_EQ(loop.run(next_of(values)), 2);
}

TEST(AsyncGenerator, ValueBeforeStopIsReturned) {
    manual_scheduler loop;
    gate opened;
    auto values = openings_of(opened);
    auto root = loop.start(next_of(values));
    loop.run();
    opened.open(5);
    // One resumption runs the gate, the body and the consumer: no stop can come in between.
    loop.run_one();
    root.env().request_stop();
    root.env().request_stop();
    EXPECT_EQ(root.result(), 5);
}

TEST(AsyncGenerator, ServesSuccessiveScopes) {
    manual_scheduler loop;
    gate opened;
    auto values = openings_of(opened);
    for (int i = 0; i < 3; ++i) {
        auto consumer = loop.start(next_of(values));
        loop.run();
        ASSERT_NE(consumer.env().awaiting(), nullptr);
        EXPECT_EQ(consumer.env().awaiting()->describe(), "a gate");
        opened.open(i);
        loop.run();
        EXPECT_EQ(consumer.result(), i);
    }
}

// ---- destruction ------------------------------------------------------------------------------------------

TEST(AsyncGenerator, DropDestroysLocals) {
    manual_scheduler loop;
    names log;
    const auto talk = [&](logs_its_end) -> async_generator<int> {
        const logs_its_end local("local", log);
        co_yield 1;
        log.push_back("this never runs");
    };
    const auto story = [&]() -> task<> {
        auto values = talk(logs_its_end("argument", log));
        co_await values.next();
    };
    loop.run(story());
    EXPECT_EQ(log, (names{"local", "argument"}));
}

TEST(AsyncGenerator, NeverRunsIfDroppedUnused) {
    names log;
    const auto talk = [&](logs_its_end) -> async_generator<int> {
        log.push_back("this never runs");
        co_yield 1;
    };
    { const auto values = talk(logs_its_end("argument", log)); }
    EXPECT_EQ(log, names{"argument"});
}

TEST(AsyncGenerator, DestroyedConsumerEndsBody) {
    manual_scheduler loop;
    gate closed;
    names log;
    const auto wait = [&]() -> async_generator<int> {
        const logs_its_end local("local", log);
        co_yield co_await closed.wait();
    };
    auto values = wait();
    auto root = loop.start(next_of(values));
    loop.run();
    EXPECT_TRUE(closed.has_waiter());
    root.destroy();
    EXPECT_FALSE(closed.has_waiter());
    EXPECT_EQ(log, names{"local"});
    EXPECT_FALSE(values);
    EXPECT_EQ(loop.run(next_of(values)), std::nullopt);
}

TEST(AsyncGenerator, ConsumerDestroysOwnGeneratorOnce) {
    manual_scheduler loop;
    gate closed;
    auto root = loop.start(all_of(openings_of(closed)));
    loop.run();
    closed.open(1);
    loop.run();
    root.destroy();
    EXPECT_FALSE(closed.has_waiter());
}

TEST(AsyncGenerator, MovesBetweenValues) {
    manual_scheduler loop;
    names log;
    const auto story = [&]() -> task<> {
        auto first = count_to(3);
        EXPECT_EQ(co_await first.next(), 1);
        auto second = std::move(first);
        EXPECT_FALSE(first);
        EXPECT_EQ(co_await second.next(), 2);
        first = std::move(second);
        EXPECT_EQ(co_await first.next(), 3);
        auto& self = first;
        first = std::move(self);
        EXPECT_EQ(co_await first.next(), std::nullopt);
        EXPECT_EQ(co_await second.next(), std::nullopt);
    };
    loop.run(story());
}

TEST(AsyncGeneratorDeathTest, AbortsIfDestroyedInNext) {
    EXPECT_DEATH(
        {
            manual_scheduler loop;
            gate closed;
            std::optional<async_generator<int>> values(openings_of(closed));
            auto root = loop.start(next_of(*values));
            loop.run();
            values.reset();
        },
        "async_generator: moved, assigned to or destroyed while a task awaits its next value");
}

// ---- on a real context ------------------------------------------------------------------------------------

TEST(AsyncGenerator, DeadlineReachesBody) {
    real_context context;
    names log;
    const auto ticks = [&]() -> async_generator<int> {
        const logs_its_end local("local", log);
        co_yield 1;
        co_await sleep_for(std::chrono::hours(1));
        co_yield 2;
    };
    context.run([&]() -> task<> {
        auto values = ticks();
        EXPECT_EQ(co_await timeout(values.next(), std::chrono::seconds(5)), 1);
        const auto result = co_await as_tuple(timeout(values.next(), std::chrono::milliseconds(1)));
        EXPECT_EQ(result.error(), error::timed_out);
        EXPECT_EQ(log, names{"local"});
        EXPECT_EQ(co_await values.next(), std::nullopt);
    });
}

}  // namespace
}  // namespace coil::test
