// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#include <array>
#include <chrono>
#include <coroutine>
#include <future>
#include <optional>
#include <thread>
#include <vector>

#include <unistd.h>

#include <coil/io/sleep.hpp>
#include <coil/loop/buffer_pool.hpp>

#include "support/child.hpp"
#include "support/scripted_context.hpp"

// A context leaves its thread when the thread ends or when the context is destroyed. The kernel may take long
// to end the operations.

namespace coil::test {
namespace {

using namespace std::chrono_literals;

template <class F>
void on_another_thread(F&& function) {
    std::thread(std::forward<F>(function)).join();
}

task<> receive_from(tcp::socket& socket) {
    std::array<char, 10> buffer{};
    static_cast<void>(co_await as_tuple(socket.recv(buffer)));
}

/// Another thread, started by a step of the script, that runs and destroys its own context.
class bystander {
public:
    /// Called within an enter of the leaving context. Returns true if the other thread was blocked.
    [[nodiscard]] bool is_blocked() {
        thread_ = std::thread([this] {
            {
                scripted_context context;
                context.run([]() -> task<> { co_await sleep_for(1s); });
            }
            done_.set_value();
        });
        return done_.get_future().wait_for(5s) != std::future_status::ready;
    }
    ~bystander() { thread_.join(); }

private:
    std::promise<void> done_;
    std::thread thread_;
};

// Regression: the process-wide lock of the contexts was held meanwhile, for up to four seconds.
TEST(LeaveThread, ThreadExitDoesNotBlockOtherContexts) {
    scripted_context context;
    bystander other;
    bool blocked = true;
    auto socket = context.connected_socket();
    auto receiver = co_spawn(context.io(), receive_from(socket));
    on_another_thread([&] {
        context.poll();
        context.script().when_cancelled_later("hello");
        context.script().then([&] { blocked = other.is_blocked(); });
    });
    EXPECT_FALSE(blocked);
    context.run();
    EXPECT_TRUE(receiver.done());
}

TEST(LeaveThread, DestructorDoesNotBlockOtherContexts) {
    scripted_context context;
    bystander other;
    bool blocked = true;
    auto socket = context.connected_socket();
    co_spawn(context.io(), receive_from(socket), detached);
    context.poll();
    context.script().when_cancelled_later("hello");
    context.script().then([&] { blocked = other.is_blocked(); });
    context.destroy();
    EXPECT_FALSE(blocked);
}

TEST(LeaveThread, DestructorElsewhereWaitsForThreadExit) {
    scripted_context context;
    auto socket = context.connected_socket();
    co_spawn(context.io(), receive_from(socket), detached);
    std::thread destroyer;
    on_another_thread([&] {
        context.poll();
        context.script().when_cancelled_later("hello");
        context.script().then([&] { destroyer = std::thread([&] { context.destroy(); }); });
    });
    destroyer.join();
    EXPECT_FALSE(socket.is_open());
}

TEST(LeaveThread, NextOwnerWaitsForThreadExit) {
    scripted_context context;
    auto socket = context.connected_socket();
    auto receiver = co_spawn(context.io(), receive_from(socket));
    std::thread next;
    on_another_thread([&] {
        context.poll();
        context.script().when_cancelled_later("hello");
        context.script().then([&] { next = std::thread([&] { context.run(); }); });
    });
    next.join();
    EXPECT_TRUE(receiver.done());
}

// Regression: a child of fork(2) waited forever for the thread that settled the context in the parent. Forks
// in each step of that thread.
TEST(LeaveThread, ForkDuringExitLosesContextInChild) {
    enum class step { settles, closes };
    for (const step when: {step::settles, step::closes}) {
        SCOPED_TRACE(static_cast<int>(when));
        scripted_context context;
        auto socket = context.connected_socket();
        auto receiver = co_spawn(context.io(), receive_from(socket));
        int refused = -1;
        int destroyed = -1;
        const auto run_in_child = [&] {
            try {
                context.run();
            } catch (const std::system_error& failure) {
                return failure.code() == error::wrong_process ? ends_well : 1;
            }
            return 2;
        };
        const auto destroy_in_child = [&] {
            context.destroy();
            return ends_well;
        };
        const auto fork_elsewhere = [&] {
            on_another_thread([&] {
                refused = status_of_child(run_in_child);
                destroyed = status_of_child(destroy_in_child);
            });
        };
        on_another_thread([&] {
            context.poll();
            context.script().when_cancelled_later("hello");
            if (when == step::settles)
                context.script().then(fork_elsewhere);
            else
                context.script().during_tear_down(fork_elsewhere);
        });
        context.script().during_tear_down(nullptr);
        EXPECT_EQ(refused, ends_well);
        EXPECT_EQ(destroyed, ends_well);
        context.run();
        EXPECT_TRUE(receiver.done());
    }
}

// Regression: the result of closing the ring was ignored, so the operation ended with operation_aborted, and
// its frame was freed while the kernel could still write to its buffer.
TEST(LeaveThreadDeathTest, FramesStayIfBuffersAreInUse) {
    const auto stuck = [] {
        scripted_context context;
        auto socket = context.connected_socket();
        auto receiver = co_spawn(context.io(), receive_from(socket));
        on_another_thread([&] {
            context.poll();
            context.script().hand_out_at_most(0);
            context.script().never_release();
        });
        context.script().hand_out_at_most(20);
        auto other = context.spawn([]() -> task<> { co_await sleep_for(1s); });
        const auto cancels = context.io().metrics().cancels;
        context.io().run_for(1h);
        EXPECT_TRUE(other.done());  // other tasks continue
        EXPECT_FALSE(receiver.done());
        EXPECT_EQ(context.io().metrics().cancels, cancels);
        context.destroy();
        EXPECT_FALSE(socket.is_open());
        ::_exit(testing::Test::HasFailure() ? 1 : 0);  // skips LeakSanitizer: the leak is intended
    };
    EXPECT_EXIT(stuck(), testing::ExitedWithCode(0),
                "1 operations did not end.*\n.*recv on descriptor 1000\n$");
}

/// Runs the context on a thread whose ring the kernel never releases. The next ring works again.
void leave_stuck(scripted_context& context) {
    on_another_thread([&] {
        context.poll();
        context.script().lose_cancels(1'000'000, -EALREADY);
        context.script().never_release();
    });
    context.script().lose_cancels(0);
    context.script().never_release(false);
}

// Regression: the exit of a second thread ended operations that the first thread's ring still served, and
// the second ring was never closed.
TEST(LeaveThreadDeathTest, FramesSurviveASecondThread) {
    const auto story = [] {
        scripted_context context;
        auto socket = context.connected_socket();
        auto other = context.connected_socket();
        auto stuck = co_spawn(context.io(), receive_from(socket));
        leave_stuck(context);
        EXPECT_EQ(context.script().rings_closed(), 1u);
        auto receiver = co_spawn(context.io(), receive_from(other));
        const auto start = context.io().now();
        on_another_thread([&] { context.poll(); });
        EXPECT_EQ(context.io().now(), start);  // does not wait again for the stuck operation
        context.poll();
        EXPECT_TRUE(receiver.done());
        EXPECT_FALSE(stuck.done());
        EXPECT_EQ(context.script().rings_closed(), 2u);
        auto& script = context.script();
        context.destroy();
        EXPECT_EQ(script.rings_closed(), 3u);
        ::_exit(testing::Test::HasFailure() ? 1 : 0);
    };
    EXPECT_EXIT(story(), testing::ExitedWithCode(0),
                "1 operations did not end.*\n.*recv on descriptor 1000\n$");
}

// Regression: close() made its thread the owner, and waited 2 s for a completion that could not come.
TEST(LeaveThreadDeathTest, StuckSocketClosesImmediately) {
    const auto story = [] {
        scripted_context context;
        context.script().allow_close_in_flight();
        auto socket = context.connected_socket();
        auto stuck = co_spawn(context.io(), receive_from(socket));
        leave_stuck(context);
        const auto start = context.io().now();
        const auto enters = context.script().enters();
        static_cast<void>(socket.close());
        EXPECT_EQ(context.io().now(), start);
        EXPECT_EQ(context.script().enters(), enters);
        on_another_thread([&] { context.poll(); });  // throws if another thread is the owner
        context.destroy();
        ::_exit(testing::Test::HasFailure() ? 1 : 0);
    };
    EXPECT_EXIT(story(), testing::ExitedWithCode(0),
                "1 operations did not end.*\n.*recv on descriptor 1000\n$");
}

// Frames stay, and the pools with them, if a task has called exit() or the kernel may still write to them.
// Regression: handles and chunks held elsewhere then referred to the destroyed context.
TEST(LeaveThreadDeathTest, HandlesOutliveStuckFrames) {
    const auto story = [] {
        chunk pooled, copied;
        scripted_context context({.pool_size = 1 << 20});
        context.script().refuse_incremental_buffers();
        auto socket = context.connected_socket();
        auto fed = context.connected_socket();
        auto streaming = context.connected_socket();
        std::optional<recv_stream> stream = streaming.recv_stream();
        auto feeder = context.spawn([&]() -> task<> {
            buffer_pool& pool = context.io().pool();
            std::vector<chunk> hoarded;
            for (bool is_copied = false; !is_copied && hoarded.size() < pool.size() / pool.entry_size();) {
                context.answer_next("x");
                hoarded.push_back(co_await fed.recv_chunk());
                is_copied = buffer_pool::is_copy(hoarded.back());
            }
            pooled = std::move(hoarded.front());
            copied = std::move(hoarded.back());
        });
        auto reader = context.spawn([&]() -> task<> {
            co_await feeder.join();
            static_cast<void>(co_await as_tuple(stream->next()));
        });
        context.poll();
        auto stuck = co_spawn(context.io(), receive_from(socket));
        context.poll();
        EXPECT_TRUE(buffer_pool::is_copy(copied));
        EXPECT_FALSE(buffer_pool::is_copy(pooled));
        context.script().lose_cancels(1'000'000, -EALREADY);
        context.script().never_release();
        context.destroy();
        EXPECT_FALSE(stuck);
        EXPECT_TRUE(stuck.done());
        stuck.request_stop();
        stuck.detach();
        feeder.detach();
        reader.detach();
        EXPECT_EQ(pooled.text(), "x");
        pooled.detach();
        EXPECT_EQ(pooled.text(), "x");
        copied.detach();
        EXPECT_EQ(copied.text(), "x");
        pooled.reset();
        copied.reset();
        stream.reset();
        static_cast<void>(socket.close());
        ::_exit(testing::Test::HasFailure() ? 1 : 0);
    };
    EXPECT_EXIT(story(), testing::ExitedWithCode(0), "operations did not end");
}

/// A coroutine that is not a task, and so can await before the context runs.
struct plain_coroutine {
    struct promise_type {
        plain_coroutine get_return_object() noexcept {
            return {std::coroutine_handle<promise_type>::from_promise(*this)};
        }
        std::suspend_never initial_suspend() noexcept { return {}; }
        std::suspend_never final_suspend() noexcept { return {}; }
        void return_void() noexcept {}
        void unhandled_exception() noexcept { ADD_FAILURE() << "an exception left the coroutine"; }
    };

    std::coroutine_handle<> frame;
};

plain_coroutine receive_before_run(tcp::socket& socket, std::error_code& result) {
    std::array<char, 10> buffer{};
    result = (co_await as_tuple(socket.recv(buffer))).error();
}

// Regression: close() entered the ring, which made this thread the owner, and run() on the intended thread
// threw wrong_thread.
TEST(LeaveThread, ClosingBeforeTheFirstRunDoesNotAdopt) {
    scripted_context context;
    auto socket = context.connected_socket();
    auto other = context.connected_socket();
    std::error_code closed, received;
    receive_before_run(socket, closed);
    receive_before_run(other, received);
    static_cast<void>(socket.close());
    EXPECT_EQ(context.script().enters(), 0u);
    on_another_thread([&] {
        context.answer_next("hello");
        context.run();
    });
    EXPECT_EQ(closed, error::operation_aborted);
    EXPECT_FALSE(received);
}

// Regression: the operation's destructor waited forever for a completion that could not come.
TEST(LeaveThreadDeathTest, StuckDestructorReportsOnce) {
    const auto story = [] {
        scripted_context context;
        auto socket = context.connected_socket();
        std::error_code result;
        const plain_coroutine receiver = receive_before_run(socket, result);
        leave_stuck(context);
        receiver.frame.destroy();
        static_cast<void>(socket.close());
        context.destroy();
        ::_exit(testing::Test::HasFailure() ? 1 : 0);
    };
    EXPECT_EXIT(story(), testing::ExitedWithCode(0),
                "recv on descriptor 1000\n.*recv on descriptor 1000 is being destroyed[^\n]*\n$");
}

}  // namespace
}  // namespace coil::test
