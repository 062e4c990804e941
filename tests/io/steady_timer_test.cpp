// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#include <coil/io/steady_timer.hpp>

#include <chrono>
#include <optional>
#include <utility>
#include <vector>

#include <coil/coro/yield.hpp>

#include "support/scripted_context.hpp"

namespace coil::test {
namespace {

using namespace std::chrono_literals;

class SteadyTimer : public testing::Test {
protected:
    template <class F>
    void run(F&& story) {
        began_ = context_.io().now();
        context_.run(story);
    }
    [[nodiscard]] auto elapsed() { return context_.io().now() - began_; }
    scripted_context& context() { return context_; }
    io_context& io() { return context_; }

    /// Waits, and records the result.
    task<> wait(steady_timer& timer, int number) {
        auto [ec] = co_await as_tuple(timer.wait());
        EXPECT_TRUE(!ec || ec == error::operation_aborted);
        (ec ? aborted_ : expired_).push_back(number);
    }
    /// Starts `count` waits, which are pending when this returns.
    task<std::vector<join_handle<void>>> start_waits(steady_timer& timer, int count) {
        std::vector<join_handle<void>> waits;
        for (int i = 0; i < count; ++i)
            waits.push_back(co_spawn(io(), wait(timer, i)));
        co_await yield();
        co_await yield();
        co_return waits;
    }
    static task<> join(std::vector<join_handle<void>> waits) {
        for (auto& each: waits)
            co_await each.join();
    }

    using numbers = std::vector<int>;
    numbers expired_;
    numbers aborted_;

private:
    scripted_context context_;
    time_point began_;
};

TEST_F(SteadyTimer, WakesWaitersInFifoOrder) {
    run([&]() -> task<> {
        steady_timer timer(io(), 5s);
        co_await join(co_await start_waits(timer, 4));
        EXPECT_EQ(expired_, (numbers{0, 1, 2, 3}));
        EXPECT_GE(elapsed(), 5s);
        EXPECT_LT(elapsed(), 5s + 10us);
    });
}

TEST_F(SteadyTimer, StaysExpired) {
    run([&]() -> task<> {
        steady_timer timer(io());
        co_await timer.wait();
        EXPECT_EQ(elapsed(), 0s);
        timer.expires_after(1s);
        co_await timer.wait();
        co_await timer.wait();
        EXPECT_LT(elapsed(), 1s + 10us);
        EXPECT_EQ(timer.cancel(), 0u);
        co_await timer.wait();  // cancel() affects pending waits, not later ones
    });
}

TEST_F(SteadyTimer, CancelAbortsAndCountsWaits) {
    run([&]() -> task<> {
        steady_timer timer(io(), 1h);
        auto waits = co_await start_waits(timer, 3);
        EXPECT_EQ(timer.cancel(), 3u);
        EXPECT_EQ(timer.cancel(), 0u);
        co_await join(std::move(waits));
        EXPECT_EQ(aborted_, (numbers{0, 1, 2}));
        EXPECT_EQ(elapsed(), 0s);
        EXPECT_EQ(timer.context().now() + 1h, timer.expiry());
    });
}

TEST_F(SteadyTimer, NewExpiryAbortsPendingWaits) {
    run([&]() -> task<> {
        steady_timer timer(io(), 1h);
        auto waits = co_await start_waits(timer, 2);
        EXPECT_EQ(timer.expires_after(1s), 2u);
        EXPECT_EQ(timer.expires_after(2s), 0u);
        co_await join(std::move(waits));
        EXPECT_EQ(aborted_, (numbers{0, 1}));
        aborted_.clear();
        co_await timer.wait();
        EXPECT_GE(elapsed(), 2s);
        EXPECT_LT(elapsed(), 3s);
        const time_point later = io().now() + 7s;
        EXPECT_EQ(timer.expires_at(later), 0u);
        EXPECT_EQ(timer.expiry(), later);
        co_await timer.wait();
        EXPECT_GE(io().now(), later);
    });
}

TEST_F(SteadyTimer, CancelDoesNotAffectExpiredWaits) {
    run([&]() -> task<> {
        steady_timer first(io(), 1s);
        steady_timer second(io(), 1s);
        std::size_t cancelled = 99;
        auto canceller = co_spawn(io(), [&]() -> task<> {
            co_await first.wait();
            cancelled = second.cancel();  // it has expired, too: its waits are ready, but not resumed
        });
        auto waits = co_await start_waits(second, 2);
        co_await canceller.join();
        co_await join(std::move(waits));
        EXPECT_EQ(cancelled, 0u);
        EXPECT_EQ(expired_, (numbers{0, 1}));
    });
}

TEST_F(SteadyTimer, StopAbortsASingleWait) {
    run([&]() -> task<> {
        steady_timer timer(io(), 5s);
        auto waits = co_await start_waits(timer, 3);
        waits[1].request_stop();
        co_await join(std::move(waits));
        EXPECT_EQ(aborted_, (numbers{1}));
        EXPECT_EQ(expired_, (numbers{0, 2}));
    });
}

TEST_F(SteadyTimer, MoveKeepsWaiters) {
    run([&]() -> task<> {
        steady_timer timer(io(), 5s);
        auto waits = co_await start_waits(timer, 2);
        steady_timer moved = std::move(timer);
        EXPECT_EQ(timer.cancel(), 0u);
        EXPECT_EQ(moved.expiry(), timer.expiry());
        EXPECT_EQ(moved.cancel(), 2u);
        co_await join(std::move(waits));
        EXPECT_EQ(aborted_, (numbers{0, 1}));

        timer.expires_after(5s);
        waits = co_await start_waits(timer, 2);
        moved = std::move(timer);
        co_await join(std::move(waits));
        EXPECT_EQ(expired_, (numbers{0, 1}));
    });
}

TEST_F(SteadyTimer, AssignmentAbortsPendingWaits) {
    run([&]() -> task<> {
        steady_timer timer(io(), 1h);
        auto waits = co_await start_waits(timer, 2);
        timer = steady_timer(io(), 3s);
        co_await join(std::move(waits));
        EXPECT_EQ(aborted_, (numbers{0, 1}));
        auto& self = timer;
        timer = std::move(self);
        co_await timer.wait();
        EXPECT_GE(elapsed(), 3s);
    });
}

TEST_F(SteadyTimer, DestructorAbortsWaits) {
    run([&]() -> task<> {
        std::optional<steady_timer> timer(std::in_place, io(), 1h);
        auto waits = co_await start_waits(*timer, 3);
        timer.reset();
        co_await join(std::move(waits));
        EXPECT_EQ(aborted_, (numbers{0, 1, 2}));
        EXPECT_EQ(elapsed(), 0s);
    });
}

TEST_F(SteadyTimer, MayBeDestroyedBeforeWaitersResume) {
    run([&]() -> task<> {
        std::optional<steady_timer> timer(std::in_place, io(), 1s);
        steady_timer alarm(io(), 1s);
        auto destroyer = co_spawn(io(), [&]() -> task<> {
            co_await alarm.wait();
            timer.reset();
        });
        auto waits = co_await start_waits(*timer, 2);
        co_await destroyer.join();
        co_await join(std::move(waits));
        EXPECT_EQ(expired_, (numbers{0, 1}));
    });
}

TEST_F(SteadyTimer, WaiterMayRestartIt) {
    run([&]() -> task<> {
        steady_timer timer(io(), 1s);
        int rounds = 0;
        const auto periodic = [&]() -> task<> {
            while (++rounds < 10) {
                co_await timer.wait();
                timer.expires_at(timer.expiry() + 1s);
            }
        };
        co_await periodic();
        EXPECT_GE(elapsed(), 9s);
        EXPECT_LT(elapsed(), 9s + 20us);  // no drift
    });
}

TEST_F(SteadyTimer, MayOutliveItsContext) {
    std::optional<steady_timer> timer(std::in_place, io(), 1h);
    for (int i = 0; i < 3; ++i)
        co_spawn(io(), wait(*timer, i), detached);
    context().poll();
    context().destroy();
    EXPECT_TRUE(expired_.empty());
    EXPECT_TRUE(aborted_.empty());
    EXPECT_EQ(timer->cancel(), 0u);
}

TEST_F(SteadyTimer, AcceptsHugeAndNegativeDurations) {
    run([&]() -> task<> {
        steady_timer never(io(), std::chrono::hours::max());
        EXPECT_EQ(never.expiry(), time_point::max());
        auto waits = co_await start_waits(never, 1);
        steady_timer past(io(), -1h);
        co_await past.wait();
        past.expires_at(time_point::min());
        co_await past.wait();
        EXPECT_EQ(elapsed(), 0s);
        EXPECT_EQ(never.cancel(), 1u);
        co_await join(std::move(waits));
    });
}

}  // namespace
}  // namespace coil::test
