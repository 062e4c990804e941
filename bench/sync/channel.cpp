// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT

// Synchronization between tasks of one context, without system calls. Each wait that does not complete inline
// costs one pass through the ready list, like a yield (see task_yield).

#include <coil/sync/channel.hpp>

#include <coil/coro/as_tuple.hpp>
#include <coil/coro/yield.hpp>
#include <coil/sync/event.hpp>
#include <coil/sync/mutex.hpp>
#include <coil/sync/semaphore.hpp>

#include "support/rounds.hpp"

namespace coil::bench {
namespace {

// ---- channel ----------------------------------------------------------------------------------------------

task<> send_until_closed(channel<int>& into) {
    for (bool open = true; open;) {
        const auto result = co_await as_tuple(into.send(1));
        open = !result.error();
    }
}

// Passes values from one task to another. The sender waits while the channel is full, and the receiver waits
// while the channel is empty.
task<> passes(benchmark::State& state, io_context& context) {
    int sum = 0;
    channel<int> between(static_cast<std::size_t>(state.range(0)));
    auto sender = co_spawn(context, send_until_closed(between));
    rounds rounds(state, context);
    while (rounds.next()) {
        const auto message = co_await between.receive();
        sum += *message;
    }
    between.close();
    co_await sender.join();
    benchmark::DoNotOptimize(sum);
}

// Sends and receives in one task, which never waits.
task<> sends_and_receives(benchmark::State& state, io_context& context) {
    int sum = 0;
    channel<int> own(1);
    rounds rounds(state, context);
    while (rounds.next()) {
        co_await own.send(1);
        const auto message = co_await own.receive();
        sum += *message;
    }
    benchmark::DoNotOptimize(sum);
}

// ---- mutex ------------------------------------------------------------------------------------------------

task<> locks(benchmark::State& state, io_context& context) {
    mutex door;
    rounds rounds(state, context);
    while (rounds.next()) {
        const auto lock = co_await door.lock();
        benchmark::DoNotOptimize(&lock);
    }
}

// Locks and unlocks the mutex until `over` is set. In contended_locks, one task always waits for the mutex,
// so each unlock hands the mutex to that task.
task<> lock_until_over(mutex& door, const bool& over) {
    while (!over) {
        const auto lock = co_await door.lock();
    }
}

task<> contended_locks(benchmark::State& state, io_context& context) {
    mutex door;
    bool over = false;
    auto held = door.try_lock();
    auto other = co_spawn(context, lock_until_over(door, over));
    co_await yield();
    held.unlock();
    rounds rounds(state, context, {.operations = 2});
    while (rounds.next()) {
        const auto lock = co_await door.lock();
    }
    over = true;
    co_await other.join();
}

// ---- semaphore and event ----------------------------------------------------------------------------------

task<> acquires(benchmark::State& state, io_context& context) {
    semaphore places(1);
    rounds rounds(state, context);
    while (rounds.next()) {
        co_await places.acquire();
        places.release();
    }
}

struct two_events {
    event request;
    event reply;
    bool over = false;
};

task<> reply_to_requests(two_events& between) {
    while (!between.over) {
        co_await between.request.wait();
        between.request.reset();
        between.reply.set();
    }
}

// One round trip between two tasks consists of two waits.
task<> round_trips(benchmark::State& state, io_context& context) {
    two_events between;
    auto other = co_spawn(context, reply_to_requests(between));
    rounds rounds(state, context, {.operations = 2});
    while (rounds.next()) {
        between.request.set();
        co_await between.reply.wait();
        between.reply.reset();
    }
    between.over = true;
    between.request.set();
    co_await other.join();
}

void channel_pass(benchmark::State& state) { run(state, passes); }
void channel_send_and_receive(benchmark::State& state) { run(state, sends_and_receives); }
void mutex_lock_free(benchmark::State& state) { run(state, locks); }
void mutex_lock_contended(benchmark::State& state) { run(state, contended_locks); }
void semaphore_acquire_free(benchmark::State& state) { run(state, acquires); }
void event_wake(benchmark::State& state) { run(state, round_trips); }

BENCHMARK(channel_pass)->Arg(0)->Arg(1)->Arg(64)->UseRealTime();
BENCHMARK(channel_send_and_receive)->UseRealTime();
BENCHMARK(mutex_lock_free)->UseRealTime();
BENCHMARK(mutex_lock_contended)->UseRealTime();
BENCHMARK(semaphore_acquire_free)->UseRealTime();
BENCHMARK(event_wake)->UseRealTime();

}  // namespace
}  // namespace coil::bench
