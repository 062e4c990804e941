// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#include <array>
#include <chrono>
#include <functional>
#include <future>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include <unistd.h>

#include <coil/io/sleep.hpp>

#include "support/scripted_context.hpp"

// A context belongs to the thread that first runs it, until that thread ends.

namespace coil::test {
namespace {

using namespace std::chrono_literals;

template <class F>
void in_another_thread(F&& function) {
    std::thread(std::forward<F>(function)).join();
}

/// A thread that runs one function, and then stays alive until the destructor.
class long_lived_thread {
public:
    long_lived_thread() = default;
    long_lived_thread(const long_lived_thread&) = delete;
    long_lived_thread& operator=(const long_lived_thread&) = delete;
    ~long_lived_thread() {
        end_.set_value();
        thread_.join();
    }

    void run(std::function<void()> what) {
        thread_ = std::thread([this, what = std::move(what), end = end_.get_future()]() mutable {
            what();
            done_.set_value();
            end.wait();
        });
        done_.get_future().wait();
    }

private:
    std::promise<void> end_;
    std::promise<void> done_;
    std::thread thread_;
};

/// Receives once, and keeps the result.
class receiver {
public:
    receiver(scripted_context& context, tcp::socket& socket)
        : socket_(socket), handle_(co_spawn(context.io(), &receiver::receive, this)) {}

    [[nodiscard]] bool ended() const { return result_.has_value(); }
    [[nodiscard]] const outcome<std::size_t>& result() const { return result_.value(); }

private:
    task<> receive() { result_ = co_await as_tuple(socket_.recv(buffer_)); }

    tcp::socket& socket_;
    std::array<char, 10> buffer_{};
    std::optional<outcome<std::size_t>> result_;
    join_handle<void> handle_;
};

TEST(Ownership, RunOnASecondThreadThrowsWrongThread) {
    scripted_context context;
    const work_guard guard(context.io());
    context.poll();
    in_another_thread([&] {
        for (const auto& call: {std::function<void()>([&] { context.io().run(); }),
                                std::function<void()>([&] { context.io().poll(); }),
                                std::function<void()>([&] { context.io().run_one(); }),
                                std::function<void()>([&] { context.io().run_for(1s); })}) {
            try {
                call();
                ADD_FAILURE() << "nothing was thrown";
            } catch (const std::system_error& failure) {
                EXPECT_EQ(failure.code(), error::wrong_thread);
                EXPECT_NE(std::string(failure.what()).find("post()"), std::string::npos) << failure.what();
            }
        }
    });
}

TEST(Ownership, BelongsToTheThreadThatFirstRuns) {
    scripted_context context;
    auto socket = context.connected_socket();
    receiver receiver(context, socket);  // spawned before the first run()
    in_another_thread([&] {
        context.answer_next("hello");
        context.run();
    });
    EXPECT_EQ(*receiver.result(), 5u);
}

TEST(Ownership, NextThreadGetsANewRing) {
    scripted_context context;
    int runs = 0;
    const auto count = [&]() -> task<> {
        ++runs;
        co_return;
    };
    for (int i = 0; i < 3; ++i)
        in_another_thread([&] {
            co_spawn(context.io(), count, detached);
            context.run();
        });
    EXPECT_EQ(runs, 3);
    EXPECT_EQ(context.script().rings(), 3u);
}

TEST(Ownership, ThreadExitCancelsItsOperations) {
    scripted_context context;
    auto socket = context.connected_socket();
    receiver receiver(context, socket);
    in_another_thread([&] {
        context.poll();
        EXPECT_EQ(context.script().in_flight().size(), 1u);
    });
    EXPECT_TRUE(context.script().in_flight().empty());
    EXPECT_FALSE(receiver.ended());
    context.run();
    EXPECT_EQ(receiver.result().error(), error::operation_aborted);
}

TEST(Ownership, ResultDuringThreadExitIsDelivered) {
    scripted_context context;
    auto socket = context.connected_socket();
    receiver receiver(context, socket);
    in_another_thread([&] {
        context.poll();
        context.script().when_cancelled("hello");
    });
    context.run();
    EXPECT_EQ(*receiver.result(), 5u);
}

TEST(Ownership, NextOwnerSubmitsWhatFoundNoSlot) {
    scripted_context context({.entries = 1, .completions = 4});
    auto socket = context.connected_socket();
    auto other = context.connected_socket();
    co_spawn(
        context.io(),
        [](ring::scripted_kernel& script) -> task<> {
            script.refuse_enters(1000, -EBUSY);
            co_return;
        },
        std::ref(context.script()), detached);
    receiver one(context, socket), two(context, other);
    in_another_thread([&] {
        context.poll();
        context.script().refuse_enters(0, 0);
    });
    EXPECT_TRUE(context.script().history().empty());
    context.then([&] {
        context.answer(IORING_OP_RECV, "hello");
        context.answer(IORING_OP_RECV, "hello");
    });
    context.run();
    EXPECT_EQ(*one.result(), 5u);
    EXPECT_EQ(*two.result(), 5u);
}

TEST(Ownership, TimersContinueUnderTheNextOwner) {
    scripted_context context;
    bool slept = false;
    auto sleeper = context.spawn([&]() -> task<> {
        co_await sleep_for(1h);
        slept = true;
    });
    in_another_thread([&] { context.io().run_for(1min); });
    EXPECT_FALSE(slept);
    context.run();
    EXPECT_TRUE(slept);
}

// An accept is an operation in the kernel, so it ends when the thread that submitted it exits.
TEST(Ownership, PendingAcceptEndsWithItsOwner) {
    scripted_context context;
    auto acceptor = context.acceptor();
    std::error_code result;
    auto accepting =
        context.spawn([&]() -> task<> { result = (co_await as_tuple(acceptor.accept())).error(); });
    in_another_thread([&] { context.poll(); });
    context.run();
    EXPECT_EQ(result, error::operation_aborted);
}

TEST(Ownership, PostWithoutAnOwnerWaitsForTheNext) {
    scripted_context context;
    int ran = 0;
    in_another_thread([&] { context.run(); });
    context.io().post([&] { ++ran; });
    in_another_thread([&] { context.io().post([&] { ++ran; }); });
    context.run();
    EXPECT_EQ(ran, 2);
}

TEST(Ownership, PostsKeepTheirOrderAcrossOwners) {
    scripted_context context;
    std::vector<int> log;
    context.io().post([&] { log.push_back(1); });  // no owner yet
    in_another_thread([&] {
        context.io().post([&] {
            log.push_back(2);
            context.io().post([&] { log.push_back(3); });
        });
        context.run();
        context.io().post([&] { log.push_back(4); });  // posted by the owner
    });
    context.io().post([&] { log.push_back(5); });
    context.run();
    EXPECT_EQ(log, (std::vector{1, 2, 3, 4, 5}));
}

TEST(Ownership, OneThreadAlternatesTwoContexts) {
    scripted_context one, two;
    auto socket = one.connected_socket();
    auto other = two.connected_socket();
    receiver first(one, socket), second(two, other);
    one.poll();
    two.poll();
    one.answer(IORING_OP_RECV, "hello");
    two.answer(IORING_OP_RECV, "world");
    two.run();
    one.run();
    EXPECT_EQ(*first.result(), 5u);
    EXPECT_EQ(*second.result(), 5u);
}

TEST(Ownership, ThreadExitLeavesAllItsContexts) {
    scripted_context contexts[3];
    std::vector<tcp::socket> sockets;
    std::vector<std::unique_ptr<receiver>> receivers;
    for (auto& context: contexts)
        sockets.push_back(context.connected_socket());
    for (std::size_t i = 0; i < 3; ++i)
        receivers.push_back(std::make_unique<receiver>(contexts[i], sockets[i]));
    in_another_thread([&] {
        for (auto& context: contexts)
            context.poll();
    });
    for (std::size_t i = 0; i < 3; ++i) {
        contexts[i].run();
        EXPECT_EQ(receivers[i]->result().error(), error::operation_aborted);
    }
}

TEST(Ownership, DestroyedByOwnerWithOperationsInFlight) {
    scripted_context context;
    auto socket = context.connected_socket();
    receiver receiver(context, socket);
    context.poll();
    context.destroy();
    EXPECT_FALSE(receiver.ended());
    EXPECT_FALSE(socket.is_open());
}

TEST(Ownership, DestroyedElsewhereAfterOwnerEnded) {
    scripted_context context;
    auto socket = context.connected_socket();
    receiver receiver(context, socket);
    in_another_thread([&] { context.poll(); });
    context.destroy();
    EXPECT_FALSE(receiver.ended());
}

TEST(Ownership, DestroyedElsewhereWhileOwnerIsAlive) {
    scripted_context context;
    auto socket = context.connected_socket();
    receiver receiver(context, socket);
    long_lived_thread owner;
    owner.run([&] { context.poll(); });
    EXPECT_EQ(context.script().in_flight().size(), 1u);
    context.destroy();  // closes the ring, and waits for its teardown
    EXPECT_FALSE(receiver.ended());
}

TEST(Ownership, DestroyedElsewhereWhileOwnerIsIdle) {
    scripted_context context;
    long_lived_thread owner;
    owner.run([&] { context.run(); });
    context.destroy();
}

TEST(Ownership, UnrunContextIsDestroyedAnywhere) {
    scripted_context context;
    auto socket = context.connected_socket();
    receiver receiver(context, socket);
    in_another_thread([&] { context.destroy(); });
}

// A kernel that is stuck in a driver may still write to our buffers: they are reported on stderr, and never
// freed.
TEST(OwnershipDeathTest, StuckOperationIsReportedAndKept) {
    const auto stuck = [] {
        scripted_context context;
        auto socket = context.connected_socket();
        receiver receiver(context, socket);
        long_lived_thread owner;
        owner.run([&] { context.poll(); });
        context.script().never_release();
        context.destroy();
        ::_exit(testing::Test::HasFailure() ? 1 : 0);  // skips LeakSanitizer: the leak is intended
    };
    EXPECT_EXIT(stuck(), testing::ExitedWithCode(0), "1 operations did not end.*\n.*recv on descriptor 1000");
}

TEST(OwnershipDeathTest, BusySocketClosedElsewhereAborts) {
    const auto foreign = [] {
        scripted_context context;
        auto socket = context.connected_socket();
        receiver receiver(context, socket);
        context.poll();
        in_another_thread([&] { socket.close(); });
    };
    EXPECT_DEATH(foreign(), "socket: closed or destroyed on the wrong thread; use post");
}

// Regression: an exception left run() in the iteration that submitted an accept. Its completion was still in
// the CQ when another thread destroyed the context, and the accepted connection leaked.
TEST(Ownership, RunCollectsCompletionsBeforeItThrows) {
    scripted_context context;
    auto acceptor = context.acceptor();
    context.answer_next(reply::connection());
    const auto accept = [&]() -> task<> { static_cast<void>(co_await as_tuple(acceptor.accept())); };
    co_spawn(context.io(), accept(), detached);
    context.io().post([] { throw std::runtime_error("a bug"); });
    long_lived_thread owner;
    owner.run([&] { EXPECT_THROW(context.io().run(), std::runtime_error); });
    context.destroy();
}

}  // namespace
}  // namespace coil::test
