// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT

// Measures concurrent operations and cancellation, without system calls.

#include <coil/coro/as_tuple.hpp>
#include <coil/coro/shield.hpp>
#include <coil/coro/stop_when.hpp>
#include <coil/coro/yield.hpp>
#include <coil/sync/event.hpp>
#include <coil/sync/task_group.hpp>
#include <coil/sync/when_all.hpp>
#include <coil/sync/when_any.hpp>

#include "support/rounds.hpp"

namespace coil::bench {
namespace {

task<int> one() { co_return 1; }

// Awaits two tasks that end without suspending.
task<> both(benchmark::State& state, io_context& context) {
    int sum = 0;
    rounds rounds(state, context);
    while (rounds.next()) {
        auto [a, b] = co_await when_all(one(), one());
        sum += a + b;
    }
    benchmark::DoNotOptimize(sum);
}

// One operation wins the race, and the other operation must be stopped.
task<> races(benchmark::State& state, io_context& context) {
    std::size_t sum = 0;
    event never;
    rounds rounds(state, context);
    while (rounds.next()) {
        auto race = co_await when_any(yield(), never.wait());
        sum += race.index();
    }
    benchmark::DoNotOptimize(sum);
}

task<> count_one(int& count) {
    ++count;
    co_return;
}

// Starts a child in a group and waits until the child has ended.
task<> children(benchmark::State& state, io_context& context) {
    int count = 0;
    rounds rounds(state, context);
    co_await with_group([&](task_group& group) -> task<> {
        while (rounds.next()) {
            group.start(count_one(count));
            co_await group.join();
        }
    });
    benchmark::DoNotOptimize(count);
}

task<> wait_forever(event& never) { static_cast<void>(co_await as_tuple(never.wait())); }

// Stops a waiting task. The time includes spawning and joining the task. The benchmark spawn_and_join
// measures this part alone.
task<> stops(benchmark::State& state, io_context& context) {
    event never;
    rounds rounds(state, context);
    while (rounds.next()) {
        auto waiting = co_spawn(context, wait_forever(never));
        co_await yield();
        waiting.request_stop();
        co_await waiting.join();
    }
}

// Awaits a yield with a stop token whose source is never stopped. The benchmark task_yield measures the yield
// alone.
task<> watched(benchmark::State& state, io_context& context) {
    inplace_stop_source source;
    rounds rounds(state, context);
    while (rounds.next())
        co_await stop_when(yield(), source.get_token());
}

task<> shielded(benchmark::State& state, io_context& context) {
    rounds rounds(state, context);
    while (rounds.next())
        co_await shield(yield());
}

void when_all_of_two(benchmark::State& state) { run(state, both); }
void when_any_of_two(benchmark::State& state) { run(state, races); }
void group_child_and_join(benchmark::State& state) { run(state, children); }
void stop_a_waiting_task(benchmark::State& state) { run(state, stops); }
void stop_when_unstopped(benchmark::State& state) { run(state, watched); }
void shield_unstopped(benchmark::State& state) { run(state, shielded); }

BENCHMARK(when_all_of_two)->UseRealTime();
BENCHMARK(when_any_of_two)->UseRealTime();
BENCHMARK(group_child_and_join)->UseRealTime();
BENCHMARK(stop_a_waiting_task)->UseRealTime();
BENCHMARK(stop_when_unstopped)->UseRealTime();
BENCHMARK(shield_unstopped)->UseRealTime();

}  // namespace
}  // namespace coil::bench
