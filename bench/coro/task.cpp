// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT

// What the language costs: tasks that the kernel hears nothing of.

#include <coil/coro/yield.hpp>

#include "support/rounds.hpp"

namespace coil::bench {
namespace {

task<int> one() { co_return 1; }

task<int> nested(std::int64_t depth) {
    if (depth == 0)
        co_return 0;
    co_return 1 + co_await nested(depth - 1);
}

task<> count_one(int& count) {
    ++count;
    co_return;
}

// A child task: made, started, ended, and its parent resumed.
task<> awaits(benchmark::State& state, io_context& context) {
    int sum = 0;
    rounds rounds(state, context);
    while (rounds.next())
        sum += co_await one();
    benchmark::DoNotOptimize(sum);
}

// The same, each child inside another.
task<> nested_awaits(benchmark::State& state, io_context& context) {
    int sum = 0;
    rounds rounds(state, context, {.operations = state.range(0) + 1});
    while (rounds.next())
        sum += co_await nested(state.range(0));
    benchmark::DoNotOptimize(sum);
}

// A trip through the ready list.
task<> yields(benchmark::State& state, io_context& context) {
    rounds rounds(state, context);
    while (rounds.next())
        co_await yield();
}

// A detached task: made, its turn given, destroyed. A yield of the task that spawns is part of it.
task<> detached_spawns(benchmark::State& state, io_context& context) {
    int count = 0;
    rounds rounds(state, context);
    while (rounds.next()) {
        co_spawn(context, count_one(count), detached);
        co_await yield();
    }
    benchmark::DoNotOptimize(count);
}

// A spawned task whose result is waited for.
task<> joined_spawns(benchmark::State& state, io_context& context) {
    int sum = 0;
    rounds rounds(state, context);
    while (rounds.next()) {
        auto worker = co_spawn(context, one());
        sum += co_await worker.join();
    }
    benchmark::DoNotOptimize(sum);
}

void task_await(benchmark::State& state) { run(state, awaits); }
void task_nested(benchmark::State& state) { run(state, nested_awaits); }
void task_yield(benchmark::State& state) { run(state, yields); }
void spawn_detached(benchmark::State& state) { run(state, detached_spawns); }
void spawn_and_join(benchmark::State& state) { run(state, joined_spawns); }

BENCHMARK(task_await)->UseRealTime();
BENCHMARK(task_nested)->Arg(10)->Arg(100)->UseRealTime();
BENCHMARK(task_yield)->UseRealTime();
BENCHMARK(spawn_detached)->UseRealTime();
BENCHMARK(spawn_and_join)->UseRealTime();

}  // namespace
}  // namespace coil::bench
