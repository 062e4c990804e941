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

// A context leaves its thread: at the end of the thread, or when it is destroyed. The kernel may take its time.

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

/// Another thread, which runs and destroys a context of its own when a step of the script starts it.
class bystander {
public:
    /// Within an enter of the context that leaves. Whether the other thread was held up.
    [[nodiscard]] bool is_held_up() {
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

// The lock of all contexts of the process was held meanwhile, for up to four seconds.
TEST(LeaveThread, EndOfThreadDoesNotHoldUpOtherContexts) {
    scripted_context context;
    bystander other;
    bool held_up = true;
    auto socket = context.connected_socket();
    auto receiver = co_spawn(context.io(), receive_from(socket));
    on_another_thread([&] {
        context.poll();
        context.script().when_cancelled_later("hello");
        context.script().then([&] { held_up = other.is_held_up(); });
    });
    EXPECT_FALSE(held_up);
    context.run();
    EXPECT_TRUE(receiver.done());
}

TEST(LeaveThread, DestructorDoesNotHoldUpOtherContexts) {
    scripted_context context;
    bystander other;
    bool held_up = true;
    auto socket = context.connected_socket();
    co_spawn(context.io(), receive_from(socket), detached);
    context.poll();
    context.script().when_cancelled_later("hello");
    context.script().then([&] { held_up = other.is_held_up(); });
    context.destroy();
    EXPECT_FALSE(held_up);
}

TEST(LeaveThread, DestructorElsewhereWaitsForThreadEnd) {
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

TEST(LeaveThread, NextOwnerWaitsForTheEndOfThread) {
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

// A child of fork(2) waited without end for the thread that settled the context in the parent. Each step of that thread.
TEST(LeaveThread, ForkMeanwhileLosesContextInChild) {
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

// The result of closing the ring was ignored: the operation ended with operation_aborted, and its frame was freed while the
// kernel could still write into its buffer.
TEST(LeaveThreadDeathTest, FramesStayIfBuffersAreInUse) {
    const auto stuck = [] {
        scripted_context context;
        auto socket = context.connected_socket();
        auto receiver = co_spawn(context.io(), receive_from(socket));
        on_another_thread([&] {
            context.poll();
            context.script().hand_out_at_most(0);
            context.script().never_let_go();
        });
        context.script().hand_out_at_most(20);
        auto other = context.spawn([]() -> task<> { co_await sleep_for(1s); });
        const auto cancels = context.io().metrics().cancels;
        context.io().run_for(1h);
        EXPECT_TRUE(other.done());  // others go on
        EXPECT_FALSE(receiver.done());
        EXPECT_EQ(context.io().metrics().cancels, cancels);
        context.destroy();
        EXPECT_FALSE(socket.is_open());
        ::_exit(testing::Test::HasFailure() ? 1 : 0);  // what is leaked on purpose is not to be looked for
    };
    EXPECT_EXIT(stuck(), testing::ExitedWithCode(0),
                "1 operations did not end.*\n.*recv on descriptor 1000\n$");
}

/// Runs the context on a thread whose ring the kernel does not let go of, and lets it go on with the next one.
void leave_stuck(scripted_context& context) {
    on_another_thread([&] {
        context.poll();
        context.script().lose_cancels(1'000'000, -EALREADY);
        context.script().never_let_go();
    });
    context.script().lose_cancels(0);
    context.script().never_let_go(false);
}

// The end of a second thread ended what the ring of the first one still wrote for, and its own ring was never closed.
TEST(LeaveThreadDeathTest, StuckFramesStayAfterASecondThread) {
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
        EXPECT_EQ(context.io().now(), start);  // no second wait for what is stuck
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

// It made the closing thread the owner, and waited 2 s for an answer that could not come.
TEST(LeaveThreadDeathTest, StuckSocketIsClosedWithoutAWait) {
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
        on_another_thread([&] { context.poll(); });  // throws where another thread is the owner
        context.destroy();
        ::_exit(testing::Test::HasFailure() ? 1 : 0);
    };
    EXPECT_EXIT(story(), testing::ExitedWithCode(0),
                "1 operations did not end.*\n.*recv on descriptor 1000\n$");
}

// A task may have called exit(), or the kernel may still write: then the frames stay, and the pools with them. What
// refers to them from elsewhere led to the context that was gone.
TEST(LeaveThreadDeathTest, HandlesAndChunksOutliveFramesThatStay) {
    const auto story = [] {
        chunk pooled, copied;
        scripted_context context({.pool_size = 1 << 20});
        context.script().know_no_incremental_buffers();
        auto socket = context.connected_socket();
        auto fed = context.connected_socket();
        auto streaming = context.connected_socket();
        std::optional<recv_stream> stream = streaming.recv_stream();
        auto feeder = context.spawn([&]() -> task<> {
            buffer_pool& pool = context.io().pool();
            std::vector<chunk> hoarded;
            for (bool is_copied = false; !is_copied && hoarded.size() < pool.size() / pool.entry_size();) {
                context.answer_next("x");
                hoarded.push_back(co_await fed.recv(pool));
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
        context.script().never_let_go();
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

/// A coroutine that is no task, and so may await before a context runs.
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

// Closing it entered the ring, which made this thread the owner: run() on the thread that was meant for it threw wrong_thread.
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

// Its destructor waited without an end for an answer that could not come.
TEST(LeaveThreadDeathTest, StuckOperationIsReportedOnceIfDestroyed) {
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
