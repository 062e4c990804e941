// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT

// The benchmarks from the other files, written for Boost.Asio. They are built only if the headers of
// Boost.Asio are installed. Asio runs on one thread (concurrency hint 1), and its coroutines do not throw.
// Timers call plain functions, which is the fastest method. Only the timer in timer_cancel_a_task resumes a
// coroutine.

#include <chrono>
#include <exception>
#include <functional>
#include <memory>
#include <random>
#include <vector>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/experimental/as_tuple.hpp>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/experimental/channel.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "support/rounds.hpp"

namespace coil::bench {
namespace {

namespace asio = boost::asio;
using namespace std::chrono_literals;

template <class Story>
void run_asio(benchmark::State& state, Story story) {
    asio::io_context context(1);
    asio::co_spawn(context, story(state), asio::detached);
    context.run();
}

// ---- tasks ------------------------------------------------------------------------------------------------

asio::awaitable<int> one() { co_return 1; }

asio::awaitable<int> nested(std::int64_t depth) {
    if (depth == 0)
        co_return 0;
    co_return 1 + co_await nested(depth - 1);
}

asio::awaitable<void> count_one(int& count) {
    ++count;
    co_return;
}

asio::awaitable<void> awaits(benchmark::State& state) {
    int sum = 0;
    rounds rounds(state);
    while (rounds.next())
        sum += co_await one();
    benchmark::DoNotOptimize(sum);
}

asio::awaitable<void> nested_awaits(benchmark::State& state) {
    int sum = 0;
    rounds rounds(state, {.operations = state.range(0) + 1});
    while (rounds.next())
        sum += co_await nested(state.range(0));
    benchmark::DoNotOptimize(sum);
}

asio::awaitable<void> yields(benchmark::State& state) {
    rounds rounds(state);
    while (rounds.next())
        co_await asio::post(asio::use_awaitable);
}

asio::awaitable<void> detached_spawns(benchmark::State& state) {
    int count = 0;
    const auto executor = co_await asio::this_coro::executor;
    rounds rounds(state);
    while (rounds.next()) {
        asio::co_spawn(executor, count_one(count), asio::detached);
        co_await asio::post(asio::use_awaitable);
    }
    benchmark::DoNotOptimize(count);
}

asio::awaitable<void> joined_spawns(benchmark::State& state) {
    int sum = 0;
    const auto executor = co_await asio::this_coro::executor;
    rounds rounds(state);
    while (rounds.next())
        sum += co_await asio::co_spawn(executor, one(), asio::use_awaitable);
    benchmark::DoNotOptimize(sum);
}

void asio_task_await(benchmark::State& state) { run_asio(state, awaits); }
void asio_task_nested(benchmark::State& state) { run_asio(state, nested_awaits); }
void asio_task_yield(benchmark::State& state) { run_asio(state, yields); }
void asio_spawn_detached(benchmark::State& state) { run_asio(state, detached_spawns); }
void asio_spawn_and_join(benchmark::State& state) { run_asio(state, joined_spawns); }

BENCHMARK(asio_task_await)->Name("asio/task_await")->UseRealTime();
BENCHMARK(asio_task_nested)->Name("asio/task_nested")->Arg(10)->Arg(100)->UseRealTime();
BENCHMARK(asio_task_yield)->Name("asio/task_yield")->UseRealTime();
BENCHMARK(asio_spawn_detached)->Name("asio/spawn_detached")->UseRealTime();
BENCHMARK(asio_spawn_and_join)->Name("asio/spawn_and_join")->UseRealTime();

// ---- concurrent operations and cancellation --------------------------------------------------------------

asio::awaitable<void> both(benchmark::State& state) {
    using namespace asio::experimental::awaitable_operators;
    int sum = 0;
    rounds rounds(state);
    while (rounds.next()) {
        auto [a, b] = co_await (one() && one());
        sum += a + b;
    }
    benchmark::DoNotOptimize(sum);
}

asio::awaitable<void> races(benchmark::State& state) {
    using namespace asio::experimental::awaitable_operators;
    std::size_t sum = 0;
    asio::steady_timer never(co_await asio::this_coro::executor, asio::steady_timer::time_point::max());
    rounds rounds(state);
    while (rounds.next()) {
        auto race = co_await (asio::post(asio::use_awaitable) || never.async_wait(asio::use_awaitable));
        sum += race.index();
    }
    benchmark::DoNotOptimize(sum);
}

asio::awaitable<void> wait_forever(asio::steady_timer& never) {
    co_await never.async_wait(asio::experimental::as_tuple(asio::use_awaitable));
}

asio::awaitable<void> stops(benchmark::State& state) {
    const auto executor = co_await asio::this_coro::executor;
    asio::steady_timer never(executor, asio::steady_timer::time_point::max());
    rounds rounds(state);
    while (rounds.next()) {
        asio::cancellation_signal stop;
        bool ended = false;
        asio::co_spawn(
            executor, wait_forever(never),
            asio::bind_cancellation_slot(stop.slot(), [&ended](const std::exception_ptr&) { ended = true; }));
        co_await asio::post(asio::use_awaitable);
        stop.emit(asio::cancellation_type::all);
        while (!ended)
            co_await asio::post(asio::use_awaitable);
    }
}

void asio_when_all_of_two(benchmark::State& state) { run_asio(state, both); }
void asio_when_any_of_two(benchmark::State& state) { run_asio(state, races); }
void asio_stop_a_waiting_task(benchmark::State& state) { run_asio(state, stops); }

BENCHMARK(asio_when_all_of_two)->Name("asio/when_all_of_two")->UseRealTime();
BENCHMARK(asio_when_any_of_two)->Name("asio/when_any_of_two")->UseRealTime();
BENCHMARK(asio_stop_a_waiting_task)->Name("asio/stop_a_waiting_task")->UseRealTime();

// ---- channel ---------------------------------------------------------------------------------------------

using message_channel = asio::experimental::channel<void(boost::system::error_code, int)>;

asio::awaitable<void> send_until_closed(std::shared_ptr<message_channel> into) {
    for (bool open = true; open;) {
        const auto [error] = co_await into->async_send(boost::system::error_code(), 1,
                                                       asio::experimental::as_tuple(asio::use_awaitable));
        open = !error;
    }
}

asio::awaitable<void> passes(benchmark::State& state) {
    int sum = 0;
    const auto executor = co_await asio::this_coro::executor;
    auto between = std::make_shared<message_channel>(executor, static_cast<std::size_t>(state.range(0)));
    asio::co_spawn(executor, send_until_closed(between), asio::detached);
    rounds rounds(state);
    while (rounds.next())
        sum += co_await between->async_receive(asio::use_awaitable);
    between->close();
    between->cancel();  // close() alone leaves a sender waiting
    benchmark::DoNotOptimize(sum);
}

void asio_channel_pass(benchmark::State& state) { run_asio(state, passes); }

BENCHMARK(asio_channel_pass)->Name("asio/channel_pass")->Arg(0)->Arg(1)->Arg(64)->UseRealTime();

// ---- timers -----------------------------------------------------------------------------------------------

// Starts a wait that calls a plain function, and cancels it while `state.range(0)` other timers are armed.
void asio_timer_wait_and_cancel(benchmark::State& state) {
    asio::io_context context(1);
    std::minstd_rand random(1);
    const auto next = [&] { return std::chrono::nanoseconds(random() % 60'000'000'000 + 60'000'000'000); };
    std::vector<std::unique_ptr<asio::steady_timer>> others;
    for (std::int64_t i = 0; i < state.range(0); ++i) {
        others.push_back(std::make_unique<asio::steady_timer>(context, next()));
        others.back()->async_wait([](const boost::system::error_code&) {});
    }
    int cancelled = 0;
    asio::steady_timer timer(context);
    rounds rounds(state);
    while (rounds.next()) {
        timer.expires_after(next());
        timer.async_wait([&](const boost::system::error_code&) { ++cancelled; });
        timer.cancel();
        context.poll();
    }
    benchmark::DoNotOptimize(cancelled);
}

// Waits for the timer again each time the wait is cancelled, until `over` is set.
asio::awaitable<void> cancelled_waits(asio::steady_timer& timer,
                                      std::function<std::chrono::nanoseconds()> next, const bool& over) {
    while (!over) {
        timer.expires_after(next());
        co_await timer.async_wait(asio::experimental::as_tuple(asio::use_awaitable));
    }
}

asio::awaitable<void> cancels(benchmark::State& state) {
    const auto executor = co_await asio::this_coro::executor;
    std::minstd_rand random(1);
    const auto next = [&] { return std::chrono::nanoseconds(random() % 60'000'000'000 + 60'000'000'000); };
    std::vector<std::unique_ptr<asio::steady_timer>> others;
    for (std::int64_t i = 0; i < state.range(0); ++i) {
        others.push_back(std::make_unique<asio::steady_timer>(executor, next()));
        others.back()->async_wait([](const boost::system::error_code&) {});
    }
    bool over = false;
    asio::steady_timer timer(executor);
    asio::co_spawn(executor, cancelled_waits(timer, next, over), asio::detached);
    co_await asio::post(asio::use_awaitable);
    rounds rounds(state);
    while (rounds.next()) {
        timer.cancel();
        co_await asio::post(asio::use_awaitable);
    }
    over = true;
    timer.cancel();
    co_await asio::post(asio::use_awaitable);
    co_await asio::post(asio::use_awaitable);
    for (auto& each: others)
        each->cancel();
}

void asio_timer_cancel_a_task(benchmark::State& state) { run_asio(state, cancels); }

BENCHMARK(asio_timer_wait_and_cancel)
    ->Name("asio/timer_wait_and_cancel")
    ->Arg(10)
    ->Arg(10'000)
    ->Arg(1'000'000)
    ->UseRealTime();
BENCHMARK(asio_timer_cancel_a_task)->Name("asio/timer_cancel_a_task")->Arg(10)->Arg(10'000)->UseRealTime();

}  // namespace
}  // namespace coil::bench
