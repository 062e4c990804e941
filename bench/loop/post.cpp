// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT

// Posts functions to a context. The reported system calls are those made by the measured context's thread.
// The reported allocations are those made by all threads.

#include <atomic>
#include <thread>

#include <coil/coro/yield.hpp>

#include "support/rounds.hpp"

namespace coil::bench {
namespace {

// Posts from the context's own thread. In this case, post() appends the function directly to the ready list,
// without an atomic push or a wake-up.
task<> own_posts(benchmark::State& state, io_context& context) {
    int ran = 0;
    rounds rounds(state, context);
    while (rounds.next()) {
        context.post([&ran] { ++ran; });
        co_await yield();
    }
    co_await yield();  // runs the last posted function
    benchmark::DoNotOptimize(ran);
}

void post_from_own_thread(benchmark::State& state) { run(state, own_posts); }

// A round trip between two contexts. Each context has its own thread and is asleep when a post arrives.
class ping_pong {
public:
    explicit ping_pong(benchmark::State& state) : rounds_(state, here_) {}

    void run() {
        std::thread other([this] {
            const work_guard guard(there_);
            there_.run();
        });
        const work_guard guard(here_);
        here_.post([this] { pong(); });
        here_.run();
        other.join();
    }

private:
    void pong() {
        if (rounds_.next()) {
            there_.post([this] { here_.post([this] { pong(); }); });
        } else {
            there_.stop();
            here_.stop();
        }
    }

    io_context here_;
    io_context there_;
    rounds rounds_;
};

void post_round_trip(benchmark::State& state) { ping_pong(state).run(); }

// Another thread posts as fast as it can, with at most `posted_max_` functions in flight. A round is one call
// of a posted function.
class flood {
public:
    explicit flood(benchmark::State& state)
        : posted_max_(state.range(0)), rounds_(state, context_, {.counted = 10'000}) {}

    void run() {
        const work_guard guard(context_);
        std::thread other([this] { post_until_over(); });
        context_.run();
        other.join();
        context_.restart();
        context_.poll();  // runs the functions that are still in flight
    }

private:
    void post_until_over() {
        for (std::int64_t posted = 0; !over_.load(std::memory_order_relaxed); ++posted) {
            while (posted - ran_.load(std::memory_order_acquire) >= posted_max_ && !over_)
                std::this_thread::yield();
            context_.post([this] { handle_post(); });
        }
    }

    void handle_post() {
        ran_.store(ran_.load(std::memory_order_relaxed) + 1, std::memory_order_release);
        if (!over_.load(std::memory_order_relaxed) && !rounds_.next()) {
            over_ = true;
            context_.stop();
        }
    }

    const std::int64_t posted_max_;
    io_context context_;
    rounds rounds_;
    std::atomic<std::int64_t> ran_{0};
    std::atomic<bool> over_{false};
};

void post_flood(benchmark::State& state) { flood(state).run(); }

BENCHMARK(post_from_own_thread)->UseRealTime();
BENCHMARK(post_round_trip)->UseRealTime();
BENCHMARK(post_flood)->Arg(64)->Arg(1024)->UseRealTime();

}  // namespace
}  // namespace coil::bench
