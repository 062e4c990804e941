// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include <pthread.h>

#include <coil/io/sleep.hpp>

#include "support/real_context.hpp"
#include "support/scripted_context.hpp"

// The contract of run() and its variants, which is the same as Asio's.

namespace coil::test {
namespace {

using namespace std::chrono_literals;

/// A task that is resumed `resumptions` times.
task<> count_resumptions(int resumptions, int& taken) {
    for (taken = 1; taken < resumptions; ++taken)
        co_await yield();
}

TEST(Run, WithoutWorkReturnsAndStops) {
    scripted_context context;
    EXPECT_FALSE(context.io().stopped());
    EXPECT_EQ(context.io().run(), 0u);
    EXPECT_TRUE(context.io().stopped());
}

TEST(Run, ReturnsTheNumberOfResumptions) {
    scripted_context context;
    int taken = 0;
    co_spawn(context.io(), count_resumptions(5, taken), detached);
    EXPECT_EQ(context.io().run(), 5u);
    EXPECT_EQ(taken, 5);
    EXPECT_TRUE(context.io().stopped());
}

TEST(Run, DoesNothingIfStoppedUntilRestart) {
    scripted_context context;
    int taken = 0;
    co_spawn(context.io(), count_resumptions(1, taken), detached);
    context.io().stop();
    EXPECT_EQ(context.io().run(), 0u);
    EXPECT_EQ(taken, 0);
    context.io().restart();
    EXPECT_EQ(context.io().run(), 1u);
    EXPECT_EQ(taken, 1);
}

TEST(Run, NeedsARestartAfterItHasReturned) {
    scripted_context context;
    int taken = 0;
    context.io().run();
    co_spawn(context.io(), count_resumptions(1, taken), detached);
    EXPECT_EQ(context.io().run(), 0u);
    context.io().restart();
    EXPECT_EQ(context.io().run(), 1u);
}

TEST(Run, StopKeepsWhatIsReady) {
    scripted_context context;
    std::vector<int> log;
    for (int i = 0; i < 3; ++i)
        context.io().post([&, i] {
            log.push_back(i);
            if (i == 1)
                context.io().stop();
        });
    EXPECT_EQ(context.io().run(), 2u);
    EXPECT_EQ(log, (std::vector{0, 1}));
    context.io().restart();
    EXPECT_EQ(context.io().run(), 1u);
    EXPECT_EQ(log, (std::vector{0, 1, 2}));
}

TEST(Run, StopByATaskLeavesOthersSuspended) {
    scripted_context context;
    auto socket = context.connected_socket();
    std::array<char, 10> buffer;
    auto reader =
        context.spawn([&]() -> task<> { static_cast<void>(co_await as_tuple(socket.recv(buffer))); });
    context.then([&] { context.io().stop(); });
    context.io().run();
    EXPECT_FALSE(reader.done());
    EXPECT_EQ(context.script().in_flight().size(), 1u);
    context.answer(IORING_OP_RECV, "hello");
    context.io().restart();
    context.io().run();
    EXPECT_TRUE(reader.done());
}

// Operations that a task starts just before run() returns are submitted.
TEST(Run, LeavesNothingUnsubmitted) {
    scripted_context context;
    auto socket = context.connected_socket();
    std::array<char, 10> buffer;
    auto reader = context.spawn([&]() -> task<> {
        context.io().stop();
        static_cast<void>(co_await as_tuple(socket.recv(buffer)));
    });
    context.io().run();
    EXPECT_EQ(context.script().in_flight(IORING_OP_RECV).size(), 1u);
}

TEST(Run, SetsTheKernelsInRunFlag) {
    scripted_context context;
    context.io().post([&] { EXPECT_TRUE(context.script().is_in_run()); });
    context.io().run();
    EXPECT_FALSE(context.script().is_in_run());
}

TEST(RunOne, ResumesOneTask) {
    scripted_context context;
    int taken = 0;
    co_spawn(context.io(), count_resumptions(3, taken), detached);
    EXPECT_EQ(context.io().run_one(), 1u);
    EXPECT_EQ(taken, 1);
    EXPECT_EQ(context.io().run_one(), 1u);
    EXPECT_FALSE(context.io().stopped());
    EXPECT_EQ(context.io().run_one(), 1u);
    EXPECT_TRUE(context.io().stopped());
    EXPECT_EQ(context.io().run_one(), 0u);
}

TEST(RunOne, WaitsForAReadyTask) {
    scripted_context context;
    auto sleeper = context.spawn([]() -> task<> { co_await sleep_for(1h); });
    const auto began = context.io().now();
    EXPECT_EQ(context.io().run_one(), 1u);  // its start
    EXPECT_EQ(context.io().run_one(), 1u);
    EXPECT_GE(context.io().now() - began, 1h);
    EXPECT_TRUE(sleeper.done());
}

TEST(RunFor, ReturnsAtItsDeadlineWithWorkLeft) {
    scripted_context context;
    auto sleeper = context.spawn([]() -> task<> { co_await sleep_for(1h); });
    const auto began = context.io().now();
    context.io().run_for(10min);
    EXPECT_EQ(context.io().now() - began, 10min);
    EXPECT_FALSE(context.io().stopped());
    EXPECT_FALSE(sleeper.done());
    context.io().run_for(10h);
    EXPECT_TRUE(sleeper.done());
    EXPECT_TRUE(context.io().stopped());
    EXPECT_LT(context.io().now() - began, 1h + 1ms);
}

TEST(RunFor, EndsWithTheWorkBeforeTheDeadline) {
    scripted_context context;
    int taken = 0;
    co_spawn(context.io(), count_resumptions(3, taken), detached);
    const auto began = context.io().now();
    EXPECT_EQ(context.io().run_for(1h), 3u);
    EXPECT_EQ(context.io().now(), began);
}

TEST(RunFor, EndsAtItsDeadlineDespiteABusyTask) {
    scripted_context context;
    bool end = false;
    auto busy = context.spawn([&]() -> task<> {
        while (!end) {
            context.script().advance(1ms);
            co_await yield();
        }
    });
    EXPECT_EQ(context.io().run_for(100ms), 100u);
    end = true;
    context.io().run();
}

TEST(RunFor, ForeverIsTheSameAsRun) {
    scripted_context context;
    int taken = 0;
    co_spawn(context.io(), count_resumptions(3, taken), detached);
    EXPECT_EQ(context.io().run_for(std::chrono::hours::max()), 3u);
    EXPECT_EQ(context.io().run_until(time_point::max()), 0u);
}

TEST(RunUntil, PastTimeRunsOneIteration) {
    scripted_context context;
    int taken = 0;
    co_spawn(context.io(), count_resumptions(3, taken), detached);
    EXPECT_EQ(context.io().run_until(context.io().now() - 1h), 1u);
    EXPECT_EQ(context.io().run(), 2u);
}

TEST(Poll, RunsWhatIsReadyWithoutWaiting) {
    scripted_context context;
    auto socket = context.connected_socket();
    std::array<char, 10> buffer;
    auto reader =
        context.spawn([&]() -> task<> { static_cast<void>(co_await as_tuple(socket.recv(buffer))); });
    int taken = 0;
    co_spawn(context.io(), count_resumptions(3, taken), detached);
    EXPECT_EQ(context.io().poll(), 4u);
    EXPECT_EQ(context.script().waits(), 0u);
    EXPECT_EQ(context.io().poll(), 0u);
    EXPECT_FALSE(context.io().stopped());
    context.answer(IORING_OP_RECV, "hello");
    EXPECT_EQ(context.io().poll(), 1u);
    EXPECT_TRUE(reader.done());
    EXPECT_TRUE(context.io().stopped());
}

TEST(Poll, SeesAnExpiredTimer) {
    scripted_context context;
    auto sleeper = context.spawn([]() -> task<> { co_await sleep_for(1s); });
    EXPECT_EQ(context.io().poll(), 1u);
    context.script().advance(2s);
    EXPECT_EQ(context.io().poll(), 1u);
    EXPECT_TRUE(sleeper.done());
}

TEST(PollOne, ResumesAtMostOneTask) {
    scripted_context context;
    int taken = 0;
    co_spawn(context.io(), count_resumptions(2, taken), detached);
    EXPECT_EQ(context.io().poll_one(), 1u);
    EXPECT_EQ(taken, 1);
    EXPECT_EQ(context.io().poll_one(), 1u);
    EXPECT_EQ(context.io().poll_one(), 0u);
}

TEST(WorkGuard, KeepsRunRunning) {
    scripted_context context;
    auto guard = std::make_unique<work_guard>(context.io());
    bool ended_early = true;
    context.after(1h, [&] {
        ended_early = false;
        guard.reset();
    });
    const auto began = context.io().now();
    context.io().run();
    EXPECT_FALSE(ended_early);
    EXPECT_GE(context.io().now() - began, 1h);
}

TEST(WorkGuard, MovesAndIsReleasedOnce) {
    scripted_context context;
    work_guard one(context.io());
    work_guard two(std::move(one));
    one.reset();
    work_guard three(context.io());
    three = std::move(two);
    EXPECT_EQ(context.io().poll(), 0u);
    EXPECT_FALSE(context.io().stopped());
    three.reset();
    three.reset();
    context.io().poll();
    EXPECT_TRUE(context.io().stopped());
}

TEST(Iteration, SubmitsAllInOneSystemCall) {
    scripted_context context;
    std::vector<tcp::socket> sockets;
    for (int i = 0; i < 50; ++i)
        sockets.push_back(context.connected_socket());
    context.script().answer_every(IORING_OP_SEND, reply::all());
    for (auto& socket: sockets)
        co_spawn(
            context.io(), [](tcp::socket& each) -> task<> { co_await each.send("hello"); }, std::ref(socket),
            detached);
    context.io().run();
    EXPECT_EQ(context.script().enters(), 1u);
    EXPECT_EQ(context.io().metrics().submissions, 51u);  // and the poll for wakes
}

TEST(Iteration, BusyTaskDoesNotStarveOthers) {
    scripted_context context;
    auto socket = context.connected_socket();
    std::array<char, 10> buffer;
    bool received = false;
    auto reader = context.spawn([&]() -> task<> {
        context.answer_next("hello");
        co_await socket.recv(buffer);
        received = true;
    });
    int resumptions = 0;
    context.run([&]() -> task<> {
        while (!received && ++resumptions < 100)
            co_await yield();
    });
    EXPECT_LE(resumptions, 3);
}

TEST(Iteration, BusyTaskDoesNotStarveTimersOrPosts) {
    scripted_context context;
    bool slept = false;
    bool posted = false;
    auto sleeper = context.spawn([&]() -> task<> {
        co_await sleep_for(1ms);
        slept = true;
    });
    context.io().post([&] { posted = true; });
    context.run([&]() -> task<> {
        for (int i = 0; i < 10; ++i) {
            context.script().advance(1ms);
            co_await yield();
        }
        EXPECT_TRUE(slept);
        EXPECT_TRUE(posted);
    });
}

TEST(Iteration, IdleLoopSleepsInOneEnter) {
    scripted_context context;
    context.run([&]() -> task<> {
        co_await sleep_for(24h);
        EXPECT_LE(context.script().waits(), 2u);
    });
}

TEST(Iteration, TransientEnterErrorsLoseNothing) {
    for (const int number: {EAGAIN, EBUSY, ENOMEM, EINTR}) {
        scripted_context context;
        auto socket = context.connected_socket();
        context.run([&]() -> task<> {
            context.script().refuse_enters(5, -number);
            context.answer_next(reply::all());
            EXPECT_EQ(co_await socket.send("hello"), 5u);
        });
    }
}

TEST(Iteration, FatalEnterErrorPropagates) {
    scripted_context context;
    auto socket = context.connected_socket();
    auto sender = context.spawn([&]() -> task<> {
        context.script().refuse_enters(1, -EFAULT);
        static_cast<void>(co_await as_tuple(socket.send("hello")));
    });
    try {
        context.io().run();
        ADD_FAILURE() << "nothing was thrown";
    } catch (const std::system_error& failure) {
        EXPECT_EQ(failure.code(), std::errc::bad_address);
        EXPECT_NE(std::string(failure.what()).find("io_uring_enter"), std::string::npos);
    }
    context.then([&] { context.answer(IORING_OP_SEND, reply::all()); });
    context.io().run();
    EXPECT_TRUE(sender.done());
}

// ---- on the real kernel -----------------------------------------------------------------------------------

extern "C" {
static io_context* context_of_the_handler = nullptr;
static void stop_in_handler(int) { context_of_the_handler->stop(); }
}

TEST(RealRun, IsStoppedBySignalHandlersAndThreads) {
    real_context context;
    const work_guard guard(context.io());
    context_of_the_handler = &context.io();
    struct sigaction action{}, before{};
    action.sa_handler = stop_in_handler;
    ASSERT_EQ(::sigaction(SIGUSR1, &action, &before), 0);
    const auto waiting_thread = ::pthread_self();
    for (int i = 0; i < 20; ++i) {
        std::thread other([&] {
            if (i % 2 == 0)
                ::pthread_kill(waiting_thread, SIGUSR1);
            else
                context.io().stop();
        });
        context.io().run_for(10s);
        EXPECT_TRUE(context.io().stopped());
        other.join();
        context.io().restart();
    }
    ::sigaction(SIGUSR1, &before, nullptr);
}

TEST(RealRun, ToleratesSignalsWithoutSaRestart) {
    real_context context;
    auto [socket, peer] = context.connection();
    struct sigaction action{}, before{};
    action.sa_handler = [](int) {};
    ASSERT_EQ(::sigaction(SIGUSR1, &action, &before), 0);
    const auto target = ::pthread_self();
    std::atomic<bool> over{false};
    std::thread storm([&] {
        while (!over)
            ::pthread_kill(target, SIGUSR1);
    });
    context.run([&]() -> task<> {
        std::array<char, 10> buffer;
        for (int i = 0; i < 200; ++i) {
            co_await socket.send("x");
            peer.send(peer.recv());
            EXPECT_EQ(co_await socket.recv(buffer), 1u);
        }
    });
    over = true;
    storm.join();
    ::sigaction(SIGUSR1, &before, nullptr);
}

TEST(RealRun, SleepsWhileItIsIdle) {
    real_context context;
    context.run([&]() -> task<> {
        const auto before = context.io().metrics().enters;
        co_await sleep_for(50ms);
        EXPECT_LE(context.io().metrics().enters - before, 2u);
    });
}

}  // namespace
}  // namespace coil::test
