// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#include <coil/io/signal_set.hpp>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <functional>
#include <map>
#include <optional>
#include <string_view>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include <poll.h>
#include <unistd.h>

#include <coil/algo/timeout.hpp>
#include <coil/coro/yield.hpp>
#include <coil/io/sleep.hpp>

#include "support/real_context.hpp"
#include "support/scripted_context.hpp"

namespace coil::test {
namespace {

using namespace std::chrono_literals;

class SignalSet : public testing::Test {
protected:
    template <class F>
    void run(F&& story) {
        context_.run(story);
    }
    io_context& io() { return context_; }
    real_context& context() { return context_; }

    /// True if a signal is pending for the set.
    static task<bool> has_one(signal_set& set) {
        auto [ec, number] = co_await as_tuple(timeout(set.wait(), 0s));
        co_return !ec;
    }
    static task<> let_others_run() {
        for (int i = 0; i < 3; ++i)
            co_await yield();
    }

private:
    real_context context_;
};

void (*action_of(int number))(int) {
    struct sigaction now{};
    EXPECT_EQ(::sigaction(number, nullptr, &now), 0);
    return now.sa_handler;
}

// ---- one set ----------------------------------------------------------------------------------------------

TEST_F(SignalSet, ReturnsTheSignalNumber) {
    run([&]() -> task<> {
        signal_set set(io(), SIGUSR1, SIGUSR2);
        ::raise(SIGUSR2);
        EXPECT_EQ(co_await set.wait(), SIGUSR2);
        ::raise(SIGUSR1);
        EXPECT_EQ(co_await set.wait(), SIGUSR1);
        EXPECT_FALSE(co_await has_one(set));
    });
}

TEST_F(SignalSet, WakesAWaiter) {
    run([&]() -> task<> {
        signal_set set(io(), SIGUSR1);
        auto waiter = co_spawn(io(), [&]() -> task<int> { co_return co_await set.wait(); });
        co_await let_others_run();
        EXPECT_FALSE(waiter.done());
        ::raise(SIGUSR1);
        EXPECT_EQ(co_await waiter.join(), SIGUSR1);
    });
}

TEST_F(SignalSet, KeepsSignalsWithoutAWaiter) {
    run([&]() -> task<> {
        signal_set set(io(), SIGUSR1, SIGUSR2);
        for (int i = 0; i < 3; ++i) {
            ::raise(SIGUSR1);
            ::raise(SIGUSR2);
        }
        std::map<int, int> counted;
        for (int i = 0; i < 6; ++i)
            ++counted[co_await set.wait()];
        EXPECT_EQ(counted, (std::map<int, int>{{SIGUSR1, 3}, {SIGUSR2, 3}}));
        EXPECT_FALSE(co_await has_one(set));
    });
}

TEST_F(SignalSet, IgnoresSignalsOutsideTheSet) {
    run([&]() -> task<> {
        signal_set set(io(), SIGUSR1);
        signal_set other(io(), SIGUSR2);
        ::raise(SIGUSR2);
        EXPECT_FALSE(co_await has_one(set));
        EXPECT_TRUE(co_await has_one(other));
    });
}

TEST_F(SignalSet, ServesWaitersInFifoOrder) {
    run([&]() -> task<> {
        signal_set set(io(), SIGUSR1);
        std::vector<int> served;
        const auto wait = [&](int number) -> task<> {
            EXPECT_EQ(co_await set.wait(), SIGUSR1);
            served.push_back(number);
        };
        std::vector<join_handle<void>> waiters;
        for (int i = 0; i < 4; ++i)
            waiters.push_back(co_spawn(io(), wait, i));
        co_await let_others_run();
        for (int i = 0; i < 4; ++i)  // all before the first waiter resumes
            ::raise(SIGUSR1);
        for (auto& each: waiters)
            co_await timeout(each.join(), 5s);
        EXPECT_EQ(served, (std::vector<int>{0, 1, 2, 3}));
    });
}

TEST_F(SignalSet, RemoveDropsPendingSignals) {
    run([&]() -> task<> {
        signal_set set(io(), SIGUSR1, SIGUSR2);
        ::raise(SIGUSR1);
        ::raise(SIGUSR2);
        set.remove(SIGUSR1);
        EXPECT_EQ(co_await set.wait(), SIGUSR2);
        EXPECT_FALSE(co_await has_one(set));
        set.add(SIGUSR1);
        EXPECT_FALSE(co_await has_one(set));
        ::raise(SIGUSR1);
        EXPECT_TRUE(co_await has_one(set));
        set.remove(SIGWINCH);  // not in the set: a no-op
        ::raise(SIGUSR1);
        set.clear();
        EXPECT_FALSE(co_await has_one(set));
    });
}

TEST_F(SignalSet, AddIsIdempotent) {
    run([&]() -> task<> {
        const auto before = action_of(SIGUSR1);
        {
            signal_set set(io(), SIGUSR1, SIGUSR1);
            set.add(SIGUSR1);
            ::raise(SIGUSR1);
            EXPECT_TRUE(co_await has_one(set));
            EXPECT_FALSE(co_await has_one(set));
        }
        EXPECT_EQ(action_of(SIGUSR1), before);
    });
}

TEST_F(SignalSet, WaitIsAOneShotPoll) {
    scripted_context scripted;
    signal_set set(scripted.io(), SIGUSR1);
    scripted.run([&]() -> task<> {
        ::raise(SIGUSR1);
        scripted.answer_next(POLLIN);
        EXPECT_EQ(co_await set.wait(), SIGUSR1);
    });
    const auto& sqe = scripted.script().latest();
    EXPECT_EQ(sqe.opcode, IORING_OP_POLL_ADD);
    EXPECT_EQ(sqe.poll32_events, static_cast<unsigned>(POLLIN));
    EXPECT_EQ(sqe.len, 0u);  // one-shot
}

TEST_F(SignalSet, WaitReportsAFailedPoll) {
    scripted_context scripted;
    signal_set set(scripted.io(), SIGUSR1);
    scripted.run([&]() -> task<> {
        scripted.answer_next(-ENOMEM);
        try {
            co_await set.wait();
            ADD_FAILURE() << "nothing was thrown";
        } catch (const std::system_error& failure) {
            EXPECT_EQ(failure.code(), std::errc::not_enough_memory);
            EXPECT_NE(std::string_view(failure.what()).find("signal wait"), std::string_view::npos);
        }
        ::raise(SIGUSR1);
        scripted.answer_next(POLLIN);
        EXPECT_EQ(co_await set.wait(), SIGUSR1);
    });
}

// ---- cancel -----------------------------------------------------------------------------------------------

TEST_F(SignalSet, CancelAbortsAllWaits) {
    run([&]() -> task<> {
        signal_set set(io(), SIGUSR1);
        int aborted = 0;
        const auto wait = [&]() -> task<> {
            auto [ec, number] = co_await as_tuple(set.wait());
            aborted += ec == error::operation_aborted;
        };
        auto first = co_spawn(io(), wait);
        auto second = co_spawn(io(), wait);
        co_await let_others_run();
        set.cancel();
        co_await first.join();
        co_await second.join();
        EXPECT_EQ(aborted, 2);
        ::raise(SIGUSR1);
        EXPECT_EQ(co_await set.wait(), SIGUSR1);
    });
}

TEST_F(SignalSet, SignalDuringACancelIsKept) {
    run([&]() -> task<> {
        signal_set set(io(), SIGUSR1);
        for (int i = 0; i < 50; ++i) {
            auto waiter = co_spawn(io(), [&]() -> task<int> {
                auto [ec, number] = co_await as_tuple(set.wait());
                co_return ec ? 0 : number;
            });
            co_await let_others_run();
            ::raise(SIGUSR1);
            if (i % 2)
                co_await yield();
            waiter.request_stop();
            const bool given = co_await waiter.join() == SIGUSR1;
            EXPECT_TRUE(given || co_await timeout(set.wait(), 5s) == SIGUSR1);
            EXPECT_FALSE(co_await has_one(set));
        }
    });
}

TEST_F(SignalSet, DestructorAbortsWaits) {
    run([&]() -> task<> {
        std::optional<signal_set> set(std::in_place, io(), SIGUSR1);
        auto waiter = co_spawn(io(), [&]() -> task<> {
            auto [ec, number] = co_await as_tuple(set->wait());
            EXPECT_EQ(ec, error::operation_aborted);
        });
        co_await let_others_run();
        set.reset();
        co_await waiter.join();
    });
}

TEST_F(SignalSet, MoveKeepsWaiters) {
    run([&]() -> task<> {
        signal_set set(io(), SIGUSR1);
        auto waiter = co_spawn(io(), [&]() -> task<int> { co_return co_await set.wait(); });
        co_await let_others_run();
        signal_set moved = std::move(set);
        ::raise(SIGUSR1);
        EXPECT_EQ(co_await waiter.join(), SIGUSR1);
        moved = signal_set(io(), SIGUSR2);
        ::raise(SIGUSR2);
        EXPECT_EQ(co_await moved.wait(), SIGUSR2);
    });
}

// ---- several sets -----------------------------------------------------------------------------------------

TEST_F(SignalSet, EachSetGetsTheSignal) {
    run([&]() -> task<> {
        signal_set first(io(), SIGUSR1);
        signal_set second(io(), SIGUSR1, SIGUSR2);
        ::raise(SIGUSR1);
        EXPECT_EQ(co_await first.wait(), SIGUSR1);
        EXPECT_EQ(co_await second.wait(), SIGUSR1);
        first.clear();
        ::raise(SIGUSR1);
        EXPECT_EQ(co_await second.wait(), SIGUSR1);
        EXPECT_FALSE(co_await has_one(first));
    });
}

TEST_F(SignalSet, LastSetRestoresTheFormerAction) {
    static std::atomic<int> handled;
    handled = 0;
    struct sigaction ours{};
    struct sigaction former{};
    ours.sa_handler = [](int) { ++handled; };
    ASSERT_EQ(::sigaction(SIGUSR1, &ours, &former), 0);
    run([&]() -> task<> {
        std::optional<signal_set> first(std::in_place, io(), SIGUSR1);
        std::optional<signal_set> second(std::in_place, io(), SIGUSR1);
        ::raise(SIGUSR1);
        EXPECT_EQ(handled, 0);
        first.reset();
        ::raise(SIGUSR1);
        EXPECT_EQ(handled, 0);
        EXPECT_EQ(co_await second->wait(), SIGUSR1);
        second.reset();
        ::raise(SIGUSR1);
        EXPECT_EQ(handled, 1);
    });
    EXPECT_EQ(action_of(SIGUSR1), ours.sa_handler);
    EXPECT_EQ(::sigaction(SIGUSR1, &former, nullptr), 0);
}

TEST_F(SignalSet, NewSetHasNoPendingSignals) {
    run([&]() -> task<> {
        for (int i = 0; i < 3; ++i) {
            signal_set set(io(), SIGUSR1);
            EXPECT_FALSE(co_await has_one(set));
            ::raise(SIGUSR1);
            ::raise(SIGUSR1);
            EXPECT_TRUE(co_await has_one(set));
        }
    });
}

TEST_F(SignalSet, ContextDestructionRestoresTheAction) {
    const auto before = action_of(SIGUSR1);
    const auto wait = [](io_context& on) -> task<> {
        signal_set set(on, SIGUSR1);
        co_await set.wait();
    };
    co_spawn(io(), wait, std::ref(io()), detached);
    context().poll();
    context().poll();
    EXPECT_NE(action_of(SIGUSR1), before);
    context().destroy();
    EXPECT_EQ(action_of(SIGUSR1), before);
}

// ---- invalid numbers --------------------------------------------------------------------------------------

TEST_F(SignalSet, AddFailsOnInvalidNumbers) {
    signal_set set(io());
    for (const int number: {-1, 0, 65, 1000, SIGKILL, SIGSTOP}) {
        try {
            set.add(number);
            ADD_FAILURE() << number;
        } catch (const std::system_error& failure) {
            EXPECT_EQ(failure.code(), error::invalid_argument);
            EXPECT_NE(std::string_view(failure.what()).find(std::to_string(number)), std::string_view::npos)
                << failure.what();
        }
        set.remove(number);
    }
    EXPECT_THROW(signal_set(io(), SIGUSR1, SIGKILL), std::system_error);
    EXPECT_EQ(action_of(SIGUSR1), SIG_DFL);
}

// ---- threads ----------------------------------------------------------------------------------------------

TEST_F(SignalSet, ReceivesSignalsSentToAnyThread) {
    run([&]() -> task<> {
        signal_set set(io(), SIGUSR1);
        std::thread([] { ::raise(SIGUSR1); }).join();
        EXPECT_EQ(co_await set.wait(), SIGUSR1);
        std::thread later([] { ::kill(::getpid(), SIGUSR1); });
        EXPECT_EQ(co_await timeout(set.wait(), 5s), SIGUSR1);
        later.join();
    });
}

// The thread that waits in the kernel is interrupted repeatedly, and loses no signal.
TEST_F(SignalSet, LosesNoSignalInAStorm) {
    constexpr int count = 400;
    run([&]() -> task<> {
        signal_set set(io(), SIGUSR1, SIGUSR2);
        const pthread_t loop = ::pthread_self();
        std::atomic<int> taken = 0;
        std::thread storm([&] {
            for (int i = 0; i < count; ++i) {
                // Pending signals with the same number are merged, so each is received before the next is
                // sent.
                if (i % 2)
                    ::pthread_kill(loop, i % 4 == 1 ? SIGUSR1 : SIGUSR2);
                else
                    ::raise(i % 4 == 0 ? SIGUSR1 : SIGUSR2);
                for (int now = taken; i % 2 && now <= i; now = taken)
                    taken.wait(now);
            }
        });
        auto sleeper = co_spawn(io(), [&]() -> task<> {
            while (taken < count)
                co_await sleep_for(10us);
        });
        std::map<int, int> counted;
        while (taken < count) {
            ++counted[co_await timeout(set.wait(), 5s)];
            ++taken;
            taken.notify_one();
        }
        storm.join();
        co_await sleeper.join();
        EXPECT_EQ(counted[SIGUSR1], count / 2);
        EXPECT_EQ(counted[SIGUSR2], count / 2);
        EXPECT_FALSE(co_await has_one(set));
    });
}

}  // namespace
}  // namespace coil::test
