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
void on_another_thread(F&& function) {
    std::thread(std::forward<F>(function)).join();
}

/// A thread that does what it is told, and goes on living.
class obedient_thread {
public:
    obedient_thread() = default;
    obedient_thread(const obedient_thread&) = delete;
    obedient_thread& operator=(const obedient_thread&) = delete;
    ~obedient_thread() {
        orders_.set_value();
        thread_.join();
    }

    void does(std::function<void()> what) {
        thread_ = std::thread([this, what = std::move(what), end = orders_.get_future()]() mutable {
            what();
            done_.set_value();
            end.wait();
        });
        done_.get_future().wait();
    }

private:
    std::promise<void> orders_;
    std::promise<void> done_;
    std::thread thread_;
};

/// Receives once, and keeps what came of it.
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
    on_another_thread([&] {
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

TEST(Ownership, IsOfTheThreadThatFirstRunsNotOfTheOneThatMade) {
    scripted_context context;
    auto socket = context.connected_socket();
    receiver receiver(context, socket);  // spawned here, before anybody ran it
    on_another_thread([&] {
        context.answer_next("hello");
        context.run();
    });
    EXPECT_EQ(*receiver.result(), 5u);
}

TEST(Ownership, EndsWithTheThreadAndAnotherRunsOnWithANewRing) {
    scripted_context context;
    int turns = 0;
    const auto count = [&]() -> task<> {
        ++turns;
        co_return;
    };
    for (int i = 0; i < 3; ++i)
        on_another_thread([&] {
            co_spawn(context.io(), count, detached);
            context.run();
        });
    EXPECT_EQ(turns, 3);
    EXPECT_EQ(context.script().rings(), 3u);
}

TEST(Ownership, TheThreadsLastActEndsItsOperationsInGoodOrder) {
    scripted_context context;
    auto socket = context.connected_socket();
    receiver receiver(context, socket);
    on_another_thread([&] {
        context.poll();
        EXPECT_EQ(context.script().in_flight().size(), 1u);
    });
    EXPECT_TRUE(context.script().in_flight().empty());
    EXPECT_FALSE(receiver.ended());
    context.run();
    EXPECT_EQ(receiver.result().error(), error::operation_aborted);
}

TEST(Ownership, WhatAnOperationHadComeToWhenItsThreadEndedIsItsResult) {
    scripted_context context;
    auto socket = context.connected_socket();
    receiver receiver(context, socket);
    on_another_thread([&] {
        context.poll();
        context.script().when_cancelled("hello");
    });
    context.run();
    EXPECT_EQ(*receiver.result(), 5u);
}

TEST(Ownership, WhatFoundNoSlotUnderOneOwnerFindsOneUnderTheNext) {
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
    on_another_thread([&] {
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

TEST(Ownership, TimersGoOnUnderTheNextOwner) {
    scripted_context context;
    bool slept = false;
    auto sleeper = context.spawn([&]() -> task<> {
        co_await sleep_for(1h);
        slept = true;
    });
    on_another_thread([&] { context.io().run_for(1min); });
    EXPECT_FALSE(slept);
    context.run();
    EXPECT_TRUE(slept);
}

// An accept is in the kernel as any other operation is, and ends with the thread that submitted it.
TEST(Ownership, AnAcceptThatWaitsEndsWithItsOwner) {
    scripted_context context;
    auto acceptor = context.acceptor();
    std::error_code result;
    auto accepting =
        context.spawn([&]() -> task<> { result = (co_await as_tuple(acceptor.accept())).error(); });
    on_another_thread([&] { context.poll(); });
    context.run();
    EXPECT_EQ(result, error::operation_aborted);
}

TEST(Ownership, APostToAContextWithoutAnOwnerWaitsForTheNext) {
    scripted_context context;
    int ran = 0;
    on_another_thread([&] { context.run(); });
    context.io().post([&] { ++ran; });
    on_another_thread([&] { context.io().post([&] { ++ran; }); });
    context.run();
    EXPECT_EQ(ran, 2);
}

TEST(Ownership, PostsKeepTheirOrderWhileTheOwnerChanges) {
    scripted_context context;
    std::vector<int> log;
    context.io().post([&] { log.push_back(1); });  // nobody's yet
    on_another_thread([&] {
        context.io().post([&] {
            log.push_back(2);
            context.io().post([&] { log.push_back(3); });
        });
        context.run();
        context.io().post([&] { log.push_back(4); });  // its owner's
    });
    context.io().post([&] { log.push_back(5); });
    context.run();
    EXPECT_EQ(log, (std::vector{1, 2, 3, 4, 5}));
}

TEST(Ownership, TwoContextsMayTakeTurnsOnOneThread) {
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

TEST(Ownership, AThreadThatOwnsSeveralLeavesAllOfThem) {
    scripted_context contexts[3];
    std::vector<tcp::socket> sockets;
    std::vector<std::unique_ptr<receiver>> receivers;
    for (auto& context: contexts)
        sockets.push_back(context.connected_socket());
    for (std::size_t i = 0; i < 3; ++i)
        receivers.push_back(std::make_unique<receiver>(contexts[i], sockets[i]));
    on_another_thread([&] {
        for (auto& context: contexts)
            context.poll();
    });
    for (std::size_t i = 0; i < 3; ++i) {
        contexts[i].run();
        EXPECT_EQ(receivers[i]->result().error(), error::operation_aborted);
    }
}

TEST(Ownership, DestroyedOnTheOwnersThreadWithOperationsInFlight) {
    scripted_context context;
    auto socket = context.connected_socket();
    receiver receiver(context, socket);
    context.poll();
    context.destroy();
    EXPECT_FALSE(receiver.ended());
    EXPECT_FALSE(socket.is_open());
}

TEST(Ownership, DestroyedElsewhereAfterTheOwnerHasEnded) {
    scripted_context context;
    auto socket = context.connected_socket();
    receiver receiver(context, socket);
    on_another_thread([&] { context.poll(); });
    context.destroy();
    EXPECT_FALSE(receiver.ended());
}

TEST(Ownership, DestroyedElsewhereWhileTheOwnerIsAlive) {
    scripted_context context;
    auto socket = context.connected_socket();
    receiver receiver(context, socket);
    obedient_thread owner;
    owner.does([&] { context.poll(); });
    EXPECT_EQ(context.script().in_flight().size(), 1u);
    context.destroy();  // closes the ring, and waits until it has let go
    EXPECT_FALSE(receiver.ended());
}

TEST(Ownership, DestroyedElsewhereWhileTheOwnerIsAliveAndIdle) {
    scripted_context context;
    obedient_thread owner;
    owner.does([&] { context.run(); });
    context.destroy();
}

TEST(Ownership, AContextThatNeverRanIsDestroyedAnywhere) {
    scripted_context context;
    auto socket = context.connected_socket();
    receiver receiver(context, socket);
    on_another_thread([&] { context.destroy(); });
}

// The kernel may be stuck in a driver, with our buffers in its hands: they are never freed, and the program
// is told.
TEST(OwnershipDeathTest, WhatTheKernelDoesNotLetGoOfIsReportedAndNeverFreed) {
    const auto stuck = [] {
        scripted_context context;
        auto socket = context.connected_socket();
        receiver receiver(context, socket);
        obedient_thread owner;
        owner.does([&] { context.poll(); });
        context.script().never_let_go();
        context.destroy();
        ::_exit(testing::Test::HasFailure() ? 1 : 0);  // what is leaked on purpose is not to be looked for
    };
    EXPECT_EXIT(stuck(), testing::ExitedWithCode(0), "1 operations did not end.*\n.*recv on descriptor 1000");
}

TEST(OwnershipDeathTest, ClosingABusySocketOnAForeignThreadStopsTheProgram) {
    const auto foreign = [] {
        scripted_context context;
        auto socket = context.connected_socket();
        receiver receiver(context, socket);
        context.poll();
        on_another_thread([&] { socket.close(); });
    };
    EXPECT_DEATH(foreign(),
                 "socket: closed or destroyed on another thread than that of its io_context; post");
}

// An exception left run() in the iteration that submitted an accept: its answer was in the CQ when another
// thread destroyed the context, and the connection stayed open for ever.
TEST(Ownership, RunLeavesNoAnswerUncollected) {
    scripted_context context;
    auto acceptor = context.acceptor();
    context.answer_next(reply::connection());
    const auto accept = [&]() -> task<> { static_cast<void>(co_await as_tuple(acceptor.accept())); };
    co_spawn(context.io(), accept(), detached);
    context.io().post([] { throw std::runtime_error("a bug"); });
    obedient_thread owner;
    owner.does([&] { EXPECT_THROW(context.io().run(), std::runtime_error); });
    context.destroy();
}

}  // namespace
}  // namespace coil::test
