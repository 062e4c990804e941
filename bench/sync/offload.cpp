// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT

// Gets results from other threads, either from a function on a thread pool or from a callback. The reported
// system calls are those made by the context's thread. The reported allocations are those made by all
// threads.

#include <atomic>
#include <thread>

#include <coil/sync/offload.hpp>
#include <coil/sync/one_shot.hpp>

#include "support/rounds.hpp"

namespace coil::bench {
namespace {

int add(int a, int b) { return a + b; }

// Measures a round trip. The context's thread sleeps while the pool thread runs, and the pool thread sleeps
// while the context's thread runs.
task<> offloads(benchmark::State& state, io_context& context) {
    thread_pool pool(1);
    int sum = 0;
    rounds rounds(state, context);
    while (rounds.next())
        sum = co_await offload(pool, add, sum, 1);
    benchmark::DoNotOptimize(sum);
}

void offload_round_trip(benchmark::State& state) { run(state, offloads); }

// Offloads a function repeatedly. Several such tasks run concurrently.
task<> offload_all(thread_pool& pool, rounds& rounds) {
    int sum = 0;
    while (rounds.next())
        sum = co_await offload(pool, add, sum, 1);
    benchmark::DoNotOptimize(sum);
}

void offload_of_many_tasks(benchmark::State& state) {
    thread_pool pool(2);
    io_context context;
    rounds rounds(state, context, {.counted = 10'000});
    for (std::int64_t i = 0; i < state.range(0); ++i)
        co_spawn(context, offload_all(pool, rounds), detached);
    context.run();
}

task<> completed_before(benchmark::State& state, io_context& context) {
    int sum = 0;
    rounds rounds(state, context);
    while (rounds.next()) {
        one_shot<int> answer;
        answer.get_completer().set_value(1);
        sum += co_await answer.wait();
    }
    benchmark::DoNotOptimize(sum);
}

void one_shot_completed_before(benchmark::State& state) { run(state, completed_before); }

// A callback completes the one_shot. The callback is posted and runs on the context's own thread.
task<> completed_by_callback(benchmark::State& state, io_context& context) {
    int sum = 0;
    rounds rounds(state, context);
    while (rounds.next()) {
        one_shot<int> answer;
        void* const user = answer.get_completer().release();
        context.post([user] { one_shot<int>::completer::from(user).set_value(1); });
        sum += co_await answer.wait();
    }
    benchmark::DoNotOptimize(sum);
}

void one_shot_from_own_thread(benchmark::State& state) { run(state, completed_by_callback); }

// Another thread completes the one_shot. That thread polls for requests without sleeping.
task<> completed_by_thread(benchmark::State& state, io_context& context) {
    std::atomic<void*> order{nullptr};
    std::atomic<bool> over{false};
    std::thread other([&] {
        while (!over.load(std::memory_order_relaxed))
            if (void* const user = order.exchange(nullptr, std::memory_order_acquire))
                one_shot<int>::completer::from(user).set_value(1);
            else
                std::this_thread::yield();
    });
    int sum = 0;
    {
        rounds rounds(state, context);
        while (rounds.next()) {
            one_shot<int> answer;
            order.store(answer.get_completer().release(), std::memory_order_release);
            sum += co_await answer.wait();
        }
    }
    over = true;
    other.join();
    benchmark::DoNotOptimize(sum);
}

void one_shot_from_other_thread(benchmark::State& state) { run(state, completed_by_thread); }

BENCHMARK(offload_round_trip)->UseRealTime();
BENCHMARK(offload_of_many_tasks)->Arg(16)->Arg(256)->UseRealTime();
BENCHMARK(one_shot_completed_before);
BENCHMARK(one_shot_from_own_thread);
BENCHMARK(one_shot_from_other_thread)->UseRealTime();

}  // namespace
}  // namespace coil::bench
