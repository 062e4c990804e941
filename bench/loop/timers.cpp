// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT

// Timers live in user space: what one costs, while as many others are armed as the argument says.

#include <chrono>
#include <memory>
#include <random>
#include <vector>

#include <coil/coil.hpp>

#include "support/rounds.hpp"

namespace coil::bench {
namespace {

using namespace std::chrono_literals;

class silent_timer final : public timer_entry {
public:
    std::coroutine_handle<> run() noexcept override { return nullptr; }
};

// Deadlines as servers have them: anywhere within a minute.
class deadlines {
public:
    explicit deadlines(time_point now) : now_(now) {}
    time_point next() { return now_ + std::chrono::nanoseconds(random_() % 60'000'000'000); }

private:
    time_point now_;
    std::minstd_rand random_{1};
};

void timer_arm_and_disarm(benchmark::State& state) {
    const auto armed = static_cast<std::size_t>(state.range(0));
    const time_point now = steady_clock::now();
    deadlines deadlines(now);
    timer_queue queue(now);
    std::vector<silent_timer> others(armed);
    for (silent_timer& each: others)
        queue.arm(each, deadlines.next());

    silent_timer timer;
    rounds rounds(state);
    while (rounds.next()) {
        queue.arm(timer, deadlines.next());
        timer.disarm();
    }
}

// Time passes until all have expired. A round is all of them, armed and expired; an operation is one.
void timer_arm_and_expire(benchmark::State& state) {
    const auto armed = static_cast<std::size_t>(state.range(0));
    time_point now = steady_clock::now();
    timer_queue queue(now);
    std::vector<silent_timer> timers(armed);
    intrusive_list<node> ready;

    rounds rounds(state, {.operations = state.range(0), .counted = 1});
    while (rounds.next()) {
        deadlines deadlines(now);
        for (silent_timer& each: timers)
            queue.arm(each, deadlines.next());
        while (!queue.empty()) {
            now = queue.next();
            queue.expire(now, ready);
            while (!ready.empty())
                ready.pop_front();
        }
    }
}

// A wait that is over at once, through the loop.
task<> sleeps(benchmark::State& state, io_context& context) {
    rounds rounds(state, context);
    while (rounds.next())
        co_await sleep_for(0ns);
}

// An operation with a deadline that does not pass; the operation alone is task_yield.
task<> timeouts(benchmark::State& state, io_context& context) {
    rounds rounds(state, context);
    while (rounds.next())
        co_await timeout(yield(), 5s);
}

void timer_sleep(benchmark::State& state) { run(state, sleeps); }
void timer_timeout(benchmark::State& state) { run(state, timeouts); }

BENCHMARK(timer_arm_and_disarm)->RangeMultiplier(10)->Range(10, 1'000'000)->UseRealTime();
BENCHMARK(timer_arm_and_expire)->RangeMultiplier(10)->Range(10, 100'000)->UseRealTime();
BENCHMARK(timer_sleep)->UseRealTime();
BENCHMARK(timer_timeout)->UseRealTime();

}  // namespace
}  // namespace coil::bench
