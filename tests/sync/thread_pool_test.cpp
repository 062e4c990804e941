// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#include <coil/sync/thread_pool.hpp>

#include <csignal>
#include <memory>
#include <optional>
#include <pthread.h>
#include <semaphore>
#include <system_error>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include <coil/coro/as_tuple.hpp>
#include <coil/coro/task.hpp>
#include <coil/sync/offload.hpp>

#include "coro/manual_scheduler.hpp"

namespace coil::test {
namespace {

class ThreadPool : public testing::Test {
protected:
    // Offloads a function that runs until may_end_ is released.
    task<std::error_code> stay(thread_pool& pool) {
        const auto outcome = co_await as_tuple(offload(pool, [this] {
            began_.release();
            may_end_.acquire();
        }));
        co_return outcome.error();
    }

    started<std::error_code> start(thread_pool& pool) {
        auto root = loop_.start(stay(pool));
        loop_.run();
        return root;
    }

    void finish(const started<std::error_code>& root) {
        for (loop_.run(); !root.done(); loop_.run())
            std::this_thread::yield();
    }

    manual_scheduler loop_;
    std::counting_semaphore<> began_{0};
    std::counting_semaphore<> may_end_{0};
};

TEST_F(ThreadPool, StartsAThreadOnlyWhenNoneIsIdle) {
    thread_pool pool(3);
    EXPECT_EQ(pool.metrics().threads, 0u);
    for (int i = 0; i < 5; ++i) {
        while (pool.metrics().running > 0)  // the previous thread may not be idle yet
            std::this_thread::yield();
        may_end_.release();
        auto root = start(pool);
        finish(root);
        EXPECT_FALSE(root.result());
        EXPECT_EQ(pool.metrics().threads, 1u);
    }
}

TEST_F(ThreadPool, BoundsConcurrencyAndQueuesInOrder) {
    thread_pool pool(2);
    std::vector<started<std::error_code>> roots;
    for (int i = 0; i < 2; ++i)
        roots.push_back(start(pool));
    for (int i = 0; i < 2; ++i)
        began_.acquire();
    std::vector<int> order;
    const auto note = [&](int i) -> task<std::error_code> {
        co_await offload(pool, [&order, i] { order.push_back(i); });
        co_return std::error_code();
    };
    for (int i = 0; i < 5; ++i)
        roots.push_back(loop_.start(note(i)));
    loop_.run();
    const auto now = pool.metrics();
    EXPECT_EQ(now.threads, 2u);
    EXPECT_EQ(now.running, 2u);
    EXPECT_EQ(now.queued, 5u);
    may_end_.release();  // frees one thread, which runs the queue one by one
    finish(roots.back());
    EXPECT_EQ(order, (std::vector{0, 1, 2, 3, 4}));
    may_end_.release();
    for (const auto& root: roots)
        finish(root);
}

TEST_F(ThreadPool, RefusesIfTheQueueIsFull) {
    thread_pool pool(thread_pool::options{1, 1});
    auto running = start(pool);
    began_.acquire();
    auto queued = start(pool);
    auto refused = start(pool);
    ASSERT_TRUE(refused.done());
    EXPECT_EQ(refused.result(), std::errc::resource_unavailable_try_again);
    EXPECT_EQ(pool.metrics().queued, 1u);
    may_end_.release(2);
    finish(running);
    finish(queued);
    EXPECT_FALSE(queued.result());
    may_end_.release();
    while (pool.metrics().running > 0)
        std::this_thread::yield();
    auto later = start(pool);
    finish(later);
    EXPECT_FALSE(later.result());
}

TEST_F(ThreadPool, WithoutAQueueStillUsesItsThreads) {
    thread_pool pool(thread_pool::options{2, 0});
    auto first = start(pool);
    auto second = start(pool);
    auto refused = start(pool);
    ASSERT_TRUE(refused.done());
    EXPECT_EQ(refused.result(), std::errc::resource_unavailable_try_again);
    may_end_.release(2);
    finish(first);
    finish(second);
}

TEST_F(ThreadPool, DestructorWaitsForRunningFunctions) {
    std::optional<thread_pool> pool(1u);
    auto running = start(*pool);
    began_.acquire();
    auto dropped = start(*pool);
    std::thread destroyer([&] { pool.reset(); });
    finish(dropped);
    EXPECT_EQ(dropped.result(), error::operation_aborted);
    EXPECT_FALSE(running.done());
    may_end_.release();
    destroyer.join();
    loop_.run();
    EXPECT_FALSE(running.result());
}

TEST_F(ThreadPool, MayBeDestroyedOnTheLoopThatWaits) {
    std::optional<thread_pool> pool(1u);
    auto running = start(*pool);
    began_.acquire();
    auto dropped = start(*pool);
    may_end_.release(2);
    pool.reset();
    loop_.run();
    EXPECT_FALSE(running.result());
    // The thread may or may not have started the function before the pool ended. It must not start it
    // afterwards.
    const auto error = dropped.done() ? dropped.result() : std::error_code();
    EXPECT_TRUE(!error || error == error::operation_aborted);
}

TEST_F(ThreadPool, BlocksSignalsOnItsThreads) {
    thread_pool pool(1);
    sigset_t before;
    pthread_sigmask(SIG_SETMASK, nullptr, &before);
    const auto story = [&]() -> task<> {
        co_await offload(pool, [] {
            sigset_t mask;
            pthread_sigmask(SIG_SETMASK, nullptr, &mask);
            EXPECT_TRUE(sigismember(&mask, SIGTERM));
            EXPECT_TRUE(sigismember(&mask, SIGCHLD));
            EXPECT_FALSE(sigismember(&mask, SIGSEGV));
        });
    };
    loop_.run_with_threads(story());
    sigset_t after;
    pthread_sigmask(SIG_SETMASK, nullptr, &after);
    for (int number = 1; number < NSIG; ++number)
        EXPECT_EQ(sigismember(&before, number), sigismember(&after, number)) << number;
}

// Regression: while a thread was started, SIGPROF and the fault signals were unblocked on the calling thread.
TEST_F(ThreadPool, StartKeepsTheCallersBlockedSignals) {
    static volatile std::sig_atomic_t delivered;
    delivered = 0;
    struct sigaction counts{};
    counts.sa_handler = [](int) { delivered = 1; };
    struct sigaction former_action;
    sigaction(SIGPROF, &counts, &former_action);
    sigset_t profiler, former_mask;
    sigemptyset(&profiler);
    sigaddset(&profiler, SIGPROF);
    pthread_sigmask(SIG_BLOCK, &profiler, &former_mask);
    raise(SIGPROF);  // pending on this thread

    thread_pool pool(1);
    const auto story = [&]() -> task<> {
        co_await offload(pool, [] {
            sigset_t mask;
            pthread_sigmask(SIG_SETMASK, nullptr, &mask);
            EXPECT_FALSE(sigismember(&mask, SIGPROF));
        });
    };
    loop_.run_with_threads(story());
    EXPECT_FALSE(delivered);

    const timespec no_time{};
    EXPECT_EQ(sigtimedwait(&profiler, nullptr, &no_time), SIGPROF);
    pthread_sigmask(SIG_SETMASK, &former_mask, nullptr);
    sigaction(SIGPROF, &former_action, nullptr);
}

TEST_F(ThreadPool, DefaultPoolIsShared) {
    EXPECT_EQ(&default_pool(), &default_pool());
    const auto story = []() -> task<int> { co_return co_await offload([] { return 3; }); };
    EXPECT_EQ(loop_.run_with_threads(story()), 3);
    EXPECT_GE(default_pool().metrics().threads, 1u);
}

}  // namespace
}  // namespace coil::test
