// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#include <chrono>
#include <cmath>
#include <functional>
#include <vector>

#include <coil/algo/timeout.hpp>
#include <coil/io/sleep.hpp>
#include <coil/io/steady_timer.hpp>
#include <coil/sync/event.hpp>

#include "support/real_context.hpp"
#include "support/scripted_context.hpp"

// Deadlines at both ends of the clock: a passed deadline ends a wait in the next iteration of the loop, and
// the last one never does. Regression: the real kernel class computed `deadline - now`, which
// overflowed, so a passed deadline stopped all timers of the loop for 292 years.

namespace coil::test {
namespace {

using namespace std::chrono_literals;

std::vector<time_point> passed_deadlines(time_point now) {
    return {time_point::min(), time_point::min() + 1ns, time_point(-1h), time_point(), now - 1ms, now};
}

const time_point far_deadlines[] = {time_point::max(), time_point::max() - 1ns, time_point::max() - 1h};

void on_both(const std::function<void(io_context&)>& story) {
    {
        SCOPED_TRACE("real");
        real_context context;
        story(context.io());
    }
    {
        SCOPED_TRACE("scripted");
        scripted_context context;
        story(context.io());
    }
}

/// Runs `story` to completion, beside a timer that is due in an hour, so that the loop has a wait to compute.
template <class F>
void run_beside_a_timer(io_context& context, F story) {
    bool is_over = false;
    const auto waiting = [&]() -> task<> {
        co_await story();
        is_over = true;
        context.stop();
    };
    const auto other = []() -> task<> { co_await sleep_for(1h); };
    co_spawn(context, other(), detached);
    co_spawn(context, waiting(), detached);
    context.run_for(10s);
    EXPECT_TRUE(is_over);
}

TEST(Deadline, EndsRunIfPassed) {
    on_both([](io_context& context) {
        work_guard guard(context);
        for (const time_point deadline: passed_deadlines(context.now()))
            EXPECT_EQ(context.run_until(deadline), 0u);
        EXPECT_EQ(context.run_for(std::chrono::nanoseconds::min()), 0u);
        EXPECT_EQ(context.run_for(std::chrono::duration<double>(std::nan(""))), 0u);
        EXPECT_EQ(context.run_for(std::chrono::duration<float>(-INFINITY)), 0u);
        EXPECT_FALSE(context.stopped());
    });
}

TEST(Deadline, EndsEveryWaitIfPassed) {
    on_both([](io_context& context) {
        run_beside_a_timer(context, [&]() -> task<> {
            for (const time_point deadline: passed_deadlines(context.now())) {
                event never;
                auto [ec] = co_await as_tuple(timeout_at(never.wait(), deadline));
                EXPECT_EQ(ec, error::timed_out);
                auto [sleep_ec] = co_await as_tuple(timeout_at(sleep_for(1h), deadline));
                EXPECT_EQ(sleep_ec, error::timed_out);
                co_await sleep_until(deadline);
                steady_timer timer(context, deadline);
                co_await timer.wait();
            }
            co_await sleep_for(std::chrono::nanoseconds::min());
            co_await sleep_for(std::chrono::duration<double>(std::nan("")));
        });
    });
}

// One deadline for all steps of a request: it has passed when the second step begins.
TEST(Deadline, EndsEachStepIfShared) {
    on_both([](io_context& context) {
        run_beside_a_timer(context, [&]() -> task<> {
            const time_point deadline = context.now() + 1ms;
            for (int step = 0; step < 3; ++step) {
                event never;
                auto [ec] = co_await as_tuple(timeout_at(never.wait(), deadline));
                EXPECT_EQ(ec, error::timed_out);
            }
        });
    });
}

// Regression: the kernel adds the wait to its clock. Near time_point::max() the sum overflowed, and the loop
// called enter without a pause.
TEST(Deadline, NeitherEndsNorSpinsIfFar) {
    on_both([](io_context& context) {
        for (const time_point deadline: far_deadlines) {
            const auto enters = context.metrics().enters;
            const auto soon = []() -> task<> { co_await sleep_for(2ms); };
            const auto waiting = [&]() -> task<> {
                auto [ec] = co_await as_tuple(timeout_at(sleep_for(1ms), deadline));
                EXPECT_FALSE(ec);
            };
            co_spawn(context, soon(), detached);
            co_spawn(context, waiting(), detached);
            context.restart();
            context.run_until(deadline);
            EXPECT_TRUE(context.stopped());
            EXPECT_LT(context.metrics().enters - enters, 20u);
        }
    });
}

}  // namespace
}  // namespace coil::test
