// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT

// Functions that reach a context from elsewhere. System calls are those of the thread that runs the measured
// context; allocations are everybody's.

#include <atomic>
#include <thread>

#include <coil/coro/yield.hpp>

#include "support/rounds.hpp"

namespace coil::bench {
namespace {

// From the context's own thread: nobody has to be woken, but nobody knows that.
task<> own_posts(benchmark::State& state, io_context& context) {
    int ran = 0;
    rounds rounds(state, context);
    while (rounds.next()) {
        context.post([&ran] { ++ran; });
        co_await yield();
    }
    co_await yield();  // the last one's turn comes
    benchmark::DoNotOptimize(ran);
}

void post_from_own_thread(benchmark::State& state) { run(state, own_posts); }

// There and back between two contexts, each on a thread of its own and asleep when its turn comes.
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

// Another thread posts as fast as it can, with at most so many on the way. A round is one function run.
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
        context_.poll();  // what was on its way
    }

private:
    void post_until_over() {
        for (std::int64_t posted = 0; !over_.load(std::memory_order_relaxed); ++posted) {
            while (posted - ran_.load(std::memory_order_acquire) >= posted_max_ && !over_)
                std::this_thread::yield();
            context_.post([this] { take_one(); });
        }
    }

    void take_one() {
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
