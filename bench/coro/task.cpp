// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT

// Measures the cost of coroutines alone. The tasks make no system calls.

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

// Creates, runs and ends a child task, and resumes the parent.
task<> awaits(benchmark::State& state, io_context& context) {
    int sum = 0;
    rounds rounds(state, context);
    while (rounds.next())
        sum += co_await one();
    benchmark::DoNotOptimize(sum);
}

// Awaits child tasks that are nested `state.range(0)` levels deep.
task<> nested_awaits(benchmark::State& state, io_context& context) {
    int sum = 0;
    rounds rounds(state, context, {.operations = state.range(0) + 1});
    while (rounds.next())
        sum += co_await nested(state.range(0));
    benchmark::DoNotOptimize(sum);
}

// Each yield is one pass through the ready list.
task<> yields(benchmark::State& state, io_context& context) {
    rounds rounds(state, context);
    while (rounds.next())
        co_await yield();
}

// Spawns a detached task, which runs and is then destroyed. The time includes one yield by the spawning task.
task<> detached_spawns(benchmark::State& state, io_context& context) {
    int count = 0;
    rounds rounds(state, context);
    while (rounds.next()) {
        co_spawn(context, count_one(count), detached);
        co_await yield();
    }
    benchmark::DoNotOptimize(count);
}

// Spawns a task and joins it.
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
