// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#include <coil/io/sleep.hpp>

#include <chrono>
#include <string_view>
#include <vector>

#include <coil/coro/yield.hpp>

#include "support/real_context.hpp"
#include "support/scripted_context.hpp"

namespace coil::test {
namespace {

using namespace std::chrono_literals;

class Sleep : public testing::Test {
protected:
    template <class F>
    void run(F&& story) {
        began_ = context_.io().now();
        context_.run(story);
    }
    [[nodiscard]] auto elapsed() { return context_.io().now() - began_; }
    scripted_context& context() { return context_; }
    io_context& io() { return context_; }

private:
    scripted_context context_;
    time_point began_;
};

TEST_F(Sleep, LastsTheDurationPlusATickAtMost) {
    run([&]() -> task<> {
        co_await sleep_for(1s);
        EXPECT_GE(elapsed(), 1s);
        EXPECT_LT(elapsed(), 1s + 3us);
        co_await sleep_until(io().now() + 24h);
        EXPECT_GE(elapsed(), 24h + 1s);
        EXPECT_LT(elapsed(), 24h + 1s + 6us);
    });
}

TEST_F(Sleep, ExpiredSleepYields) {
    run([&]() -> task<> {
        std::vector<int> order;
        auto other = co_spawn(io(), [&]() -> task<> {
            order.push_back(1);
            co_return;
        });
        co_await sleep_for(0s);
        order.push_back(2);
        co_await sleep_for(-5s);
        co_await sleep_for(std::chrono::nanoseconds::min());
        co_await sleep_until(time_point());
        co_await sleep_until(time_point::min());
        co_await other.join();
        EXPECT_EQ(order, (std::vector<int>{1, 2}));
        EXPECT_EQ(elapsed(), 0s);
    });
}

TEST_F(Sleep, WakesInDeadlineOrder) {
    run([&]() -> task<> {
        std::vector<int> order;
        const auto sleeper = [&](int number, std::chrono::milliseconds duration) -> task<> {
            co_await sleep_for(duration);
            order.push_back(number);
        };
        std::vector<join_handle<void>> all;
        int number = 0;
        for (const auto duration: {30ms, 10ms, 20ms, 10ms, 0ms})
            all.push_back(co_spawn(io(), sleeper, number++, duration));
        for (auto& each: all)
            co_await each.join();
        EXPECT_EQ(order, (std::vector<int>{4, 1, 3, 2, 0}));
    });
}

TEST_F(Sleep, UnboundedSleepEndsByAStopOnly) {
    run([&]() -> task<> {
        const auto sleeper = [](auto duration) -> task<> {
            auto [ec] = co_await as_tuple(sleep_for(duration));
            EXPECT_EQ(ec, error::operation_aborted);
        };
        auto hours = co_spawn(io(), sleeper, std::chrono::hours::max());
        auto nanoseconds = co_spawn(io(), sleeper, std::chrono::nanoseconds::max());
        co_await sleep_for(24h * 365 * 100);
        EXPECT_FALSE(hours.done());
        EXPECT_FALSE(nanoseconds.done());
        hours.request_stop();
        nanoseconds.request_stop();
        co_await hours.join();
        co_await nanoseconds.join();
    });
}

TEST_F(Sleep, StopErrorNamesTheOperation) {
    run([&]() -> task<> {
        auto sleeper = co_spawn(io(), []() -> task<> { co_await sleep_for(1h); });
        co_await yield();
        co_await yield();
        sleeper.request_stop();
        try {
            co_await sleeper.join();
            ADD_FAILURE() << "no error";
        } catch (const std::system_error& failure) {
            EXPECT_EQ(failure.code(), error::operation_aborted);
            EXPECT_NE(std::string_view(failure.what()).find("sleep"), std::string_view::npos)
                << failure.what();
        }
        EXPECT_EQ(elapsed(), 0s);
    });
}

TEST_F(Sleep, StopDoesNotAbortAnExpiredSleep) {
    run([&]() -> task<> {
        join_handle<void> sleeper(nullptr);
        auto stopper = co_spawn(io(), [&]() -> task<> {
            co_await sleep_for(1s);
            sleeper.request_stop();  // both have expired, and this task resumes first
        });
        sleeper = co_spawn(io(), []() -> task<> {
            auto [ec] = co_await as_tuple(sleep_for(1s));
            EXPECT_FALSE(ec);
        });
        co_await stopper.join();
        co_await sleeper.join();
    });
}

TEST_F(Sleep, SubmitsNothing) {
    run([&]() -> task<> {
        for (int i = 0; i < 100; ++i)
            co_await sleep_for(1ms);
        EXPECT_TRUE(context().script().history().empty());
    });
}

TEST(SleepInRealTime, LastsAtLeastTheDuration) {
    real_context context;
    context.run([&]() -> task<> {
        const auto began = std::chrono::steady_clock::now();
        for (const auto duration: {0us, 1us, 50us, 1000us, 3000us}) {
            const auto before = std::chrono::steady_clock::now();
            co_await sleep_for(duration);
            EXPECT_GE(std::chrono::steady_clock::now() - before, duration);
        }
        EXPECT_LT(std::chrono::steady_clock::now() - began, 5s);
    });
}

}  // namespace
}  // namespace coil::test
