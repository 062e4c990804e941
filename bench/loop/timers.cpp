// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT

// Measures the cost of one user-space timer while other timers are armed. The argument is the number of other
// timers.

#include <chrono>
#include <memory>
#include <random>
#include <vector>

#include <coil/coil.hpp>

#include "support/rounds.hpp"

namespace coil::bench {
namespace {

using namespace std::chrono_literals;

class silent_timer final : public detail::timer_entry {
public:
    std::coroutine_handle<> run() noexcept override { return nullptr; }
};

// Returns deadlines that are uniformly distributed over one minute, as in a typical server.
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
    detail::timer_queue queue(now);
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

// Arms all timers and lets them expire. A round covers all timers, and an operation covers one timer.
void timer_arm_and_expire(benchmark::State& state) {
    const auto armed = static_cast<std::size_t>(state.range(0));
    time_point now = steady_clock::now();
    detail::timer_queue queue(now);
    std::vector<silent_timer> timers(armed);
    detail::intrusive_list<detail::node> ready;

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

// Waits for zero time. The wait still goes through the loop.
task<> sleeps(benchmark::State& state, io_context& context) {
    rounds rounds(state, context);
    while (rounds.next())
        co_await sleep_for(0ns);
}

// Awaits a yield with a deadline that never expires. The benchmark task_yield measures a yield without a
// deadline.
task<> timeouts(benchmark::State& state, io_context& context) {
    rounds rounds(state, context);
    while (rounds.next())
        co_await timeout(yield(), 5s);
}

// A task waits for a timer, is cancelled and resumes, while `state.range(0)` other timers are armed. Two Asio
// benchmarks are compared with this one: asio/timer_wait_and_cancel waits with a plain function, which is
// less work than resuming a task, and asio/timer_cancel_a_task waits with a coroutine.
task<> cancelled_waits(steady_timer& timer, deadlines& deadlines, const bool& over) {
    while (!over) {
        timer.expires_at(deadlines.next() + 60s);
        static_cast<void>(co_await as_tuple(timer.wait()));
    }
}

task<> cancels(benchmark::State& state, io_context& context) {
    deadlines deadlines(context.now());
    std::vector<silent_timer> others(static_cast<std::size_t>(state.range(0)));
    for (silent_timer& each: others)
        context.arm(each, deadlines.next() + 60s);
    bool over = false;
    steady_timer timer(context);
    auto waiter = co_spawn(context, cancelled_waits(timer, deadlines, over));
    co_await yield();
    rounds rounds(state, context);
    while (rounds.next()) {
        timer.cancel();
        co_await yield();
    }
    over = true;
    timer.cancel();
    co_await waiter.join();
}

void timer_wait_and_cancel(benchmark::State& state) { run(state, cancels); }
void timer_cancel_a_task(benchmark::State& state) { run(state, cancels); }

void timer_sleep(benchmark::State& state) { run(state, sleeps); }
void timer_timeout(benchmark::State& state) { run(state, timeouts); }

BENCHMARK(timer_arm_and_disarm)->RangeMultiplier(10)->Range(10, 1'000'000)->UseRealTime();
BENCHMARK(timer_arm_and_expire)->RangeMultiplier(10)->Range(10, 1'000'000)->UseRealTime();
BENCHMARK(timer_wait_and_cancel)->Arg(10)->Arg(10'000)->Arg(1'000'000)->UseRealTime();
BENCHMARK(timer_cancel_a_task)->Arg(10)->Arg(10'000)->UseRealTime();
BENCHMARK(timer_sleep)->UseRealTime();
BENCHMARK(timer_timeout)->UseRealTime();

}  // namespace
}  // namespace coil::bench
