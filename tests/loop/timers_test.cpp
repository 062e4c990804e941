// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#include <coil/loop/timers.hpp>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <random>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

namespace coil::test {
namespace {

using namespace std::chrono_literals;
using std::chrono::nanoseconds;

constexpr nanoseconds tick = 1024ns;

/// Records its number when it expires.
class alarm final : public detail::timer_entry {
public:
    alarm(int number, std::vector<int>& fired) : number_(number), fired_(&fired) {}

    std::coroutine_handle<> run() noexcept override {
        fired_->push_back(number_);
        return nullptr;
    }

private:
    int number_;
    std::vector<int>* fired_;
};

/// A timer queue with a manual clock.
class clockwork {
public:
    explicit clockwork(nanoseconds since_boot = 1h) : now_(since_boot), queue_(now_) {}

    alarm& make_alarm() {
        alarms_.push_back(std::make_unique<alarm>(static_cast<int>(alarms_.size()), fired_));
        return *alarms_.back();
    }
    alarm& arm(time_point deadline) {
        alarm& armed = make_alarm();
        queue_.arm(armed, deadline);
        return armed;
    }
    alarm& arm(nanoseconds from_now) { return arm(now_ + from_now); }

    /// Advances the clock to `when`. Returns the numbers of the expired alarms, in order.
    std::vector<int> at(time_point when) {
        now_ = std::max(now_, when);
        detail::intrusive_list<detail::node> ready;
        queue_.expire(now_, ready);
        fired_.clear();
        while (!ready.empty())
            static_cast<void>(ready.pop_front().run());
        return fired_;
    }
    std::vector<int> after(nanoseconds duration) { return at(now_ + duration); }

    time_point now() const { return now_; }
    detail::timer_queue& queue() { return queue_; }

private:
    time_point now_;
    detail::timer_queue queue_;
    std::vector<int> fired_;
    std::vector<std::unique_ptr<alarm>> alarms_;
};

using numbers = std::vector<int>;

TEST(Timers, ExpireInDeadlineOrder) {
    clockwork clock;
    clock.arm(30ms);
    clock.arm(10ms);
    clock.arm(20ms);
    EXPECT_EQ(clock.after(1s), (numbers{1, 2, 0}));
    EXPECT_TRUE(clock.queue().empty());
}

// Regression: arming kept the order of deadlines within a tick and among overdue timers, which was linear in
// their number. 80,000 overdue timers, armed latest first, took 17 s.
TEST(Timers, ExpireInOrderOfArmingWithinOneTick) {
    constexpr int count = 100'000;
    clockwork within(0ns), overdue;
    numbers expected;
    for (int i = 0; i < count; ++i) {
        within.arm(1024us + nanoseconds(1000 - i % 1000));
        overdue.arm(-nanoseconds(1us) * i);
        expected.push_back(i);
    }
    EXPECT_EQ(within.after(1s), expected);
    EXPECT_EQ(overdue.after(tick), expected);
}

TEST(Timers, EqualDeadlinesExpireInOrderOfArming) {
    for (const nanoseconds distance: {nanoseconds(0), nanoseconds(1us), nanoseconds(1ms), nanoseconds(10min),
                                      nanoseconds(24h * 365), -nanoseconds(1s)}) {
        clockwork clock;
        numbers expected;
        for (int i = 0; i < 20; ++i) {
            clock.arm(distance);
            expected.push_back(i);
        }
        EXPECT_EQ(clock.after(24h * 366), expected) << distance.count();
    }
}

TEST(Timers, EqualDeadlinesKeepOrderAcrossLevels) {
    clockwork clock;
    const time_point deadline = clock.now() + 1h;
    numbers expected;
    for (int i = 0; i < 60; ++i) {
        clock.arm(deadline);
        expected.push_back(i);
        // Halves the distance each time, so that the timers start on different levels of the wheel.
        EXPECT_EQ(clock.at(clock.now() + (deadline - clock.now()) / 2), numbers());
    }
    EXPECT_EQ(clock.at(deadline + tick), expected);
}

TEST(Timers, AreNeverEarlyAndAtMostOneTickLate) {
    for (const nanoseconds boot: {0ns, 1ns, 1023ns, 1024ns, 1025ns, 123456789123ns}) {
        for (const nanoseconds distance:
             {1ns, 2ns, 1023ns, 1024ns, 1025ns, 65535ns, 65536ns, 65537ns, 1234567ns}) {
            clockwork clock(boot);
            clock.arm(distance);
            const time_point deadline = clock.now() + distance;
            EXPECT_EQ(clock.at(deadline - 1ns), numbers()) << boot.count() << " + " << distance.count();
            EXPECT_EQ(clock.at(deadline + tick), numbers{0}) << boot.count() << " + " << distance.count();
        }
    }
}

TEST(Timers, PassedDeadlineExpiresOnTheNextTick) {
    clockwork clock;
    clock.arm(1ms);
    clock.arm(-1s);
    clock.arm(0ns);
    clock.arm(time_point::min());
    clock.arm(time_point());
    EXPECT_EQ(clock.queue().next(), time_point());
    EXPECT_EQ(clock.after(tick), (numbers{1, 2, 3, 4}));
    EXPECT_EQ(clock.after(1ms), numbers{0});
}

TEST(Timers, EndOfTimeNeverExpires) {
    clockwork clock;
    clock.arm(time_point::max());
    clock.arm(time_point::max() - 1s);
    clock.arm(detail::deadline_after(clock.now(), std::chrono::hours::max()));
    clock.arm(1h);
    EXPECT_EQ(clock.after(24h * 365 * 100), numbers{3});
    EXPECT_EQ(clock.queue().size(), 3u);
    EXPECT_GT(clock.queue().next() - clock.now(), 24h * 365);
}

TEST(Timers, EmptyQueueHasNoNextDeadline) {
    clockwork clock;
    EXPECT_EQ(clock.queue().next(), time_point::max());
    EXPECT_EQ(clock.queue().size(), 0u);
    clock.arm(1s).disarm();
    EXPECT_EQ(clock.queue().next(), time_point::max());
    EXPECT_EQ(clock.after(1h), numbers());
}

TEST(Timers, SingleTimerNeedsOneWake) {
    for (const nanoseconds distance: {nanoseconds(10us), nanoseconds(1ms), nanoseconds(1s), nanoseconds(1h),
                                      nanoseconds(24h * 30), nanoseconds(24h * 365 * 50)}) {
        clockwork clock;
        clock.arm(distance);
        const time_point next = clock.queue().next();
        EXPECT_GE(next, clock.now() + distance);
        EXPECT_LE(next, clock.now() + distance + tick);
        EXPECT_EQ(clock.at(next), numbers{0}) << distance.count();
    }
}

TEST(Timers, DisarmedTimerDoesNotExpire) {
    clockwork clock;
    clock.arm(1ms);
    alarm& disarmed = clock.arm(2ms);
    alarm& overdue = clock.arm(-2ms);
    clock.arm(3ms);
    EXPECT_TRUE(disarmed.is_armed());
    disarmed.disarm();
    overdue.disarm();
    overdue.disarm();
    EXPECT_FALSE(disarmed.is_armed());
    EXPECT_EQ(clock.queue().size(), 2u);
    EXPECT_EQ(clock.after(1s), (numbers{0, 3}));
}

TEST(Timers, DestroyedTimerLeavesTheQueue) {
    clockwork clock;
    numbers fired;
    {
        alarm short_lived(0, fired);
        clock.queue().arm(short_lived, clock.now() + 1ms);
        EXPECT_EQ(clock.queue().size(), 1u);
    }
    EXPECT_TRUE(clock.queue().empty());
    clock.after(1s);
    EXPECT_EQ(fired, numbers());
}

TEST(Timers, AreDisarmedByTheQueuesDestructor) {
    numbers fired;
    alarm near(0, fired), far(1, fired), overdue(2, fired);
    {
        detail::timer_queue queue(time_point(1h));
        queue.arm(near, time_point(1h + 10us));
        queue.arm(far, time_point(24h));
        queue.arm(overdue, time_point(1s));
    }
    EXPECT_FALSE(near.is_armed() || far.is_armed() || overdue.is_armed());
    far.disarm();
}

TEST(Timers, ArmingAgainMovesTheDeadline) {
    clockwork clock;
    alarm& moved = clock.arm(1ms);
    clock.arm(5ms);
    clock.queue().arm(moved, clock.now() + 10ms);
    EXPECT_EQ(moved.deadline(), clock.now() + 10ms);
    EXPECT_EQ(clock.queue().size(), 2u);
    EXPECT_EQ(clock.after(9ms), numbers{1});
    clock.queue().arm(moved, clock.now() - 1ms);
    EXPECT_EQ(clock.after(0ms), numbers{0});
    clock.queue().arm(moved, clock.now() + 1ms);
    EXPECT_EQ(clock.after(2ms), numbers{0});
}

/// Calls a function when it expires.
class callback_timer final : public detail::timer_entry {
public:
    explicit callback_timer(std::function<void()> action) : action_(std::move(action)) {}
    std::coroutine_handle<> run() noexcept override {
        action_();
        return nullptr;
    }

private:
    std::function<void()> action_;
};

TEST(Timers, ExpiringTimerMayDisarmAnother) {
    clockwork clock;
    alarm& victim = clock.make_alarm();
    alarm& bystander = clock.make_alarm();
    callback_timer first([&] { victim.disarm(); });
    clock.queue().arm(first, clock.now() + 1ms);
    clock.queue().arm(victim, clock.now() + 1ms);
    clock.queue().arm(bystander, clock.now() + 1ms);
    EXPECT_EQ(clock.after(2ms), numbers{1});
    EXPECT_EQ(clock.after(1h), numbers());
}

TEST(Timers, ExpiringTimerMayPostponeAnother) {
    clockwork clock;
    alarm& late = clock.make_alarm();
    callback_timer first([&] { clock.queue().arm(late, clock.now() + 1s); });
    clock.queue().arm(first, clock.now() + 1ms);
    clock.queue().arm(late, clock.now() + 1ms);
    EXPECT_EQ(clock.after(2ms), numbers());
    EXPECT_EQ(clock.queue().size(), 1u);
    EXPECT_EQ(clock.after(1s + tick), numbers{0});
}

TEST(Timers, RearmedTimerWaitsForTheNextExpire) {
    clockwork clock;
    int count = 0;
    callback_timer again([&] {
        ++count;
        clock.queue().arm(again, clock.now() - tick);
    });
    clock.queue().arm(again, clock.now() + 1ms);
    clock.after(2ms);
    EXPECT_EQ(count, 1);
    clock.after(0ms);
    EXPECT_EQ(count, 2);
}

TEST(Timers, LongPauseKeepsAllInOrder) {
    clockwork clock;
    numbers expected;
    for (int i = 0; i < 1000; ++i) {
        clock.arm(i * 3600ms + nanoseconds(i * 7));
        expected.push_back(i);
    }
    EXPECT_EQ(clock.after(2h), expected);
}

TEST(Timers, AreExactAfterALongIdleTime) {
    clockwork clock;
    clock.arm(1us);
    EXPECT_EQ(clock.after(1s), numbers{0});
    // The loop does not call expire() while the queue is empty.
    const time_point much_later = clock.now() + 24h * 3;
    for (int i = 0; i < 20; ++i)
        clock.arm(much_later + (20 - i) * 1ms);
    EXPECT_EQ(clock.at(much_later), numbers());
    for (int i = 20; i > 0; --i)
        EXPECT_EQ(clock.at(clock.queue().next()), numbers{i}) << i;
}

TEST(Timers, PeriodicTimersWakeOnlyWhenDue) {
    clockwork clock;
    const time_point end = clock.now() + 24h;
    struct periodic {
        alarm* entry;
        nanoseconds period;
    };
    std::vector<periodic> all;
    for (const nanoseconds period: {nanoseconds(7s), nanoseconds(30s), nanoseconds(1min), nanoseconds(11min),
                                    nanoseconds(1h), nanoseconds(5h)})
        all.push_back({&clock.arm(period), period});

    std::size_t wakes = 0, moments = 0;
    std::vector<std::size_t> fired(all.size());
    while (clock.queue().next() <= end) {
        const auto now_due = clock.at(clock.queue().next());
        ++wakes;
        moments += !now_due.empty();
        for (const int number: now_due) {
            const periodic& each = all[static_cast<std::size_t>(number)];
            ++fired[static_cast<std::size_t>(number)];
            EXPECT_LT(clock.now() - each.entry->deadline(), tick);
            clock.queue().arm(*each.entry, each.entry->deadline() + each.period);
        }
    }
    EXPECT_EQ(fired, (std::vector<std::size_t>{24 * 3600 / 7, 24 * 120, 24 * 60, 24 * 60 / 11, 24, 4}));
    EXPECT_EQ(wakes, moments);
}

/// Arms, disarms and advances the clock at random, and compares the queue with an ordered map.
class model_check {
public:
    explicit model_check(unsigned seed) : random_(seed), clock_(nanoseconds(random_() % (1ull << 44))) {}

    void run(int steps) {
        for (int step = 0; step < steps && !testing::Test::HasFailure(); ++step) {
            switch (random_() % 8) {
            case 0:
            case 1:
            case 2: arm_new(); break;
            case 3: arm_again(); break;
            case 4: disarm(); break;
            case 5: pass_time_to(clock_.now() + some_time()); break;
            default: pass_time_to(std::min(clock_.queue().next(), clock_.now() + 24h * 365)); break;
            }
            check();
        }
        while (!model_.empty() && !testing::Test::HasFailure()) {
            pass_time_to(clock_.queue().next());
            check();
        }
    }

private:
    using key = std::pair<time_point, std::uint64_t>;

    static time_point expiry(time_point deadline) {
        const auto whole = (deadline.time_since_epoch().count() + tick.count() - 1) / tick.count();
        return time_point(whole * tick);
    }

    // From less than a tick to about a month: every level of the wheel that programs use.
    nanoseconds some_time() {
        const unsigned bits = static_cast<unsigned>(random_() % 52);
        return nanoseconds(static_cast<std::int64_t>(random_() & ((std::uint64_t{1} << bits) - 1)));
    }
    time_point some_deadline() {
        if (random_() % 4 == 0 && !model_.empty())
            return model_.begin()->first.first;  // equal to another timer's
        return clock_.now() + some_time();
    }

    void arm(int number, time_point deadline) {
        clock_.queue().arm(*alarms_[static_cast<std::size_t>(number)], deadline);
        remove(number);
        // All overdue timers share one list.
        const time_point passed = expiry(clock_.now() - tick + 1ns);
        place_of_[number] =
            model_.emplace(key{std::max(expiry(deadline), passed), armed_++}, number).first->first;
    }
    void remove(int number) {
        if (const auto found = place_of_.find(number); found != place_of_.end()) {
            model_.erase(found->second);
            place_of_.erase(found);
        }
    }
    void arm_new() {
        alarms_.push_back(&clock_.make_alarm());
        arm(static_cast<int>(alarms_.size()) - 1, some_deadline());
    }
    void arm_again() {
        if (!alarms_.empty())
            arm(static_cast<int>(random_() % alarms_.size()), some_deadline());
    }
    void disarm() {
        if (alarms_.empty())
            return;
        const auto number = static_cast<int>(random_() % alarms_.size());
        alarms_[static_cast<std::size_t>(number)]->disarm();
        remove(number);
    }

    void pass_time_to(time_point when) {
        when = std::max(when, clock_.now());
        numbers expected;
        // One expire() runs timers in order of their ticks, and within a tick in order of arming.
        while (!model_.empty() && model_.begin()->first.first <= when) {
            expected.push_back(model_.begin()->second);
            remove(expected.back());
        }
        EXPECT_EQ(clock_.at(when), expected);
    }

    void check() {
        EXPECT_EQ(clock_.queue().size(), model_.size());
        if (model_.empty()) {
            EXPECT_EQ(clock_.queue().next(), time_point::max());
        } else {
            EXPECT_LE(clock_.queue().next(), model_.begin()->first.first) << "the timer would be late";
        }
    }

    std::mt19937_64 random_;
    clockwork clock_;
    std::vector<alarm*> alarms_;
    std::map<key, int> model_;
    std::map<int, key> place_of_;
    std::uint64_t armed_ = 0;
};

TEST(Timers, MatchAnOrderedMapOnAllLevels) {
    for (unsigned seed = 0; seed < 40 && !HasFailure(); ++seed) {
        SCOPED_TRACE(seed);
        model_check(seed).run(500);
    }
}

TEST(Timers, MassCancellationKeepsTheOrder) {
    constexpr int count = 1'000'000;
    numbers fired;
    std::deque<alarm> alarms;
    detail::timer_queue queue(time_point(1h));
    std::mt19937_64 random(1);
    for (int i = 0; i < count; ++i) {
        queue.arm(alarms.emplace_back(i, fired),
                  time_point(1h) + nanoseconds(static_cast<std::int64_t>(random() % (1ull << 36))));
    }
    EXPECT_EQ(queue.size(), std::size_t{count});
    std::size_t left = 0;
    for (int i = 0; i < count; ++i) {
        if (i % 100 == 0)
            ++left;
        else
            alarms[static_cast<std::size_t>(i)].disarm();
    }
    EXPECT_EQ(queue.size(), left);

    // Emptied slots are not visited: each wake finds a timer, or moves a full slot down a level.
    std::size_t wakes = 0;
    time_point latest;
    while (!queue.empty()) {
        detail::intrusive_list<detail::node> ready;
        const time_point now = queue.next();
        queue.expire(now, ready);
        ++wakes;
        while (!ready.empty()) {
            auto& next = static_cast<detail::timer_entry&>(ready.pop_front());
            ASSERT_GT(next.deadline(), latest - tick);
            ASSERT_LE(next.deadline(), now);
            ASSERT_GT(next.deadline() + tick, now);
            latest = std::max(latest, next.deadline());
            --left;
        }
    }
    EXPECT_EQ(left, 0u);
    EXPECT_LE(wakes, std::size_t{count} / 100 * 2);
}

TEST(DeadlineAfter, EndsAtTheEndOfTime) {
    const time_point now(1h);
    EXPECT_EQ(detail::deadline_after(now, 5s), now + 5s);
    EXPECT_EQ(detail::deadline_after(now, -5s), now);
    EXPECT_EQ(detail::deadline_after(now, 0s), now);
    EXPECT_EQ(detail::deadline_after(now, std::chrono::duration<double, std::nano>(0.5)), now + 1ns)
        << "never early";
    EXPECT_EQ(detail::deadline_after(now, std::chrono::hours::max()), time_point::max());
    EXPECT_EQ(detail::deadline_after(now, std::chrono::hours::min()), now);
    EXPECT_EQ(detail::deadline_after(now, std::chrono::nanoseconds::max()), time_point::max());
    EXPECT_EQ(detail::deadline_after(now, std::chrono::duration<double>(1e300)), time_point::max());
    EXPECT_EQ(detail::deadline_after(now, std::chrono::duration<double>(-1e300)), now);
}

// Regression: run_for(NaN) converted NaN to an integer, which is undefined behaviour.
TEST(DeadlineAfter, IsDefinedForEveryDurationAndTime) {
    using float_seconds = std::chrono::duration<float>;
    using double_seconds = std::chrono::duration<double>;
    using long_seconds = std::chrono::duration<long double>;
    for (const time_point now: {time_point::min(), time_point(-1ns), time_point(), time_point(1h),
                                time_point::max() - 1ns, time_point::max()}) {
        EXPECT_EQ(detail::deadline_after(now, double_seconds(std::nan(""))), now);
        EXPECT_EQ(detail::deadline_after(now, double_seconds(-INFINITY)), now);
        EXPECT_EQ(detail::deadline_after(now, nanoseconds::min()), now);
        EXPECT_EQ(detail::deadline_after(now, double_seconds(INFINITY)), time_point::max());
        EXPECT_EQ(detail::deadline_after(now, std::chrono::hours::max()), time_point::max());
        const auto left = long_seconds(detail::time_until(time_point::max(), now));
        for (const int steps: {-3, -2, -1, 0, 1, 2, 3}) {
            const long_seconds near = left + long_seconds(nanoseconds(1)) * (steps * 700);
            EXPECT_GE(detail::deadline_after(now, near), now);
            EXPECT_GE(detail::deadline_after(now, double_seconds(near)), now);
            EXPECT_GE(detail::deadline_after(now, float_seconds(near)), now);
        }
    }
}

TEST(TimeUntil, SaturatesForEveryPairOfTimes) {
    const time_point times[] = {time_point::min(), time_point::min() + 1ns, time_point(-1h),  time_point(),
                                time_point(1h),    time_point::max() - 1ns, time_point::max()};
    for (const time_point now: times) {
        for (const time_point deadline: times) {
            const nanoseconds left = detail::time_until(deadline, now);
            EXPECT_EQ(left > 0ns, deadline > now);
            if (deadline > now && left < nanoseconds::max()) {
                EXPECT_EQ(now + left, deadline);
            }
        }
    }
    EXPECT_EQ(detail::time_until(time_point::max(), time_point::min()), nanoseconds::max());
}

}  // namespace
}  // namespace coil::test
