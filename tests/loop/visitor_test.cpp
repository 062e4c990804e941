// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#include <atomic>
#include <coroutine>
#include <functional>
#include <optional>
#include <thread>

#include "support/child.hpp"
#include "support/real_context.hpp"
#include "support/scripted_context.hpp"

// A post, a stop or the release of a guard lets run() return before the calling thread has woken the loop.
// The owner may then destroy the context: the destructor waits until that thread has left the context.

namespace coil::test {
namespace {

/// Holds another thread inside wake() of a context until the context is being destroyed.
class held_visit {
public:
    held_visit() {
        context.script().hold_wakes([this, owner = std::this_thread::get_id()] {
            if (std::this_thread::get_id() == owner)
                return;
            is_inside_ = true;
            while (!is_ending_)
                std::this_thread::yield();
            for (int i = 0; i < 200; ++i)
                std::this_thread::yield();
            has_left_ = true;
        });
    }

    /// Calls `act` on another thread when the loop waits, runs the context until its work is done, and
    /// destroys it.
    template <class F>
    void end_during(F act, const std::function<void()>& before_end = [] {}) {
        std::thread other;
        context.script().then([&] {
            other = std::thread(act);
            while (!is_inside_)
                std::this_thread::yield();
        });
        context.io().run();
        EXPECT_FALSE(has_left_);
        before_end();
        is_ending_ = true;
        context.destroy();
        EXPECT_TRUE(has_left_);
        other.join();
    }

    void await_visit() const {
        while (!is_inside_)
            std::this_thread::yield();
    }
    void end_visit() { is_ending_ = true; }

    /// Calls `act` on another thread, and destroys the context without running it.
    template <class F>
    void end_during_visit(F act) {
        is_inside_ = false;
        std::thread other(act);
        await_visit();
        end_visit();
        context.destroy();
        EXPECT_TRUE(has_left_);
        other.join();
    }

    scripted_context context;

private:
    std::atomic<bool> is_inside_{false};
    std::atomic<bool> is_ending_{false};
    std::atomic<bool> has_left_{false};
};

TEST(Visitor, PostEndsBeforeItsContext) {
    held_visit story;
    std::optional<work_guard> guard(story.context.io());
    story.end_during([&] { story.context.io().post([&] { guard.reset(); }); });
}

// The thread inside wake() exists only in the parent: in the child it never leaves.
TEST(Visitor, DoesNotBlockAChildOfFork) {
    held_visit story;
    std::optional<work_guard> guard(story.context.io());
    story.end_during([&] { story.context.io().post([&] { guard.reset(); }); },
                     [&] {
                         const auto destroy = [&] {
                             story.context.destroy();
                             return ends_well;
                         };
                         EXPECT_EQ(status_of_child(destroy), ends_well);
                     });
}

#if !defined(__SANITIZE_THREAD__)  // TSan miscounts the threads of a child that starts threads
// A child owns a context that has never run. Regression: its destructor waited forever for the parent's
// thread.
TEST(Visitor, UnrunContextDoesNotBlockAChildOfFork) {
    using visit = std::function<void(io_context&, work_guard&)>;
    const visit visits[] = {
        [](io_context& context, work_guard&) { context.post([] {}); },
        [](io_context& context, work_guard&) { context.stop(); },
        [](io_context&, work_guard& guard) { guard.reset(); },
    };
    for (const visit& each: visits) {
        SCOPED_TRACE(&each - visits);
        held_visit story;
        work_guard guard(story.context.io());
        std::thread other([&] { each(story.context.io(), guard); });
        story.await_visit();
        const auto destroy = [&] {
            story.context.destroy();
            return ends_well;
        };
        EXPECT_EQ(status_of_child(destroy), ends_well);
        const auto visit_and_destroy = [&] {
            story.end_during_visit([&] { story.context.io().stop(); });
            return ends_well;
        };
        EXPECT_EQ(status_of_child(visit_and_destroy), ends_well);
        story.end_visit();
        other.join();
    }
}
#endif

TEST(Visitor, StopEndsBeforeItsContext) {
    held_visit story;
    const work_guard guard(story.context.io());
    story.end_during([&] { story.context.io().stop(); });
}

TEST(Visitor, GuardReleaseEndsBeforeItsContext) {
    held_visit story;
    work_guard guard(story.context.io());
    story.end_during([&] { guard.reset(); });
}

struct elsewhere {
    std::coroutine_handle<>* resumed_by;
    bool await_ready() const noexcept { return false; }
    void await_suspend(std::coroutine_handle<> waiter) const noexcept { *resumed_by = waiter; }
    void await_resume() const noexcept {}
};

TEST(Visitor, ForeignResumeEndsBeforeItsContext) {
    held_visit story;
    std::coroutine_handle<> waiter;
    auto task_of = story.context.spawn([&]() -> task<> { co_await elsewhere{&waiter}; });
    story.end_during([&] { waiter.resume(); });
}

// Regression: run() checked for posts before it checked for guards. If a thread posted and released its guard
// between the two checks, the post was lost.
TEST(Visitor, PostBeforeGuardReleaseRuns) {
    real_context context;
    constexpr int rounds = 2000;
    std::atomic<int> started{0};
    std::atomic<int> released{0};
    std::optional<work_guard> guard;
    int ran = 0;
    std::thread other([&] {
        for (int i = 1; i <= rounds; ++i) {
            while (started.load() < i)
                ;
            context.io().post([&] { ++ran; });
            guard->reset();
            released = i;
        }
    });
    for (int i = 1; i <= rounds; ++i) {
        context.io().restart();
        guard.emplace(context.io());
        started = i;
        while (!context.io().stopped())
            context.io().poll();
        EXPECT_EQ(ran, i);
        ran = i;
        while (released.load() < i)
            ;
    }
    other.join();
}

}  // namespace
}  // namespace coil::test
