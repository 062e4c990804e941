// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#include <coil/loop/sync_wait.hpp>

#include <array>
#include <barrier>
#include <cstddef>
#include <memory>
#include <stdexcept>
#include <string>
#include <system_error>
#include <thread>

#include <gtest/gtest.h>

#include <coil/coro/as_tuple.hpp>
#include <coil/coro/yield.hpp>
#include <coil/loop/this_coro.hpp>
#include <coil/net/tcp.hpp>

#include "coro/manual_scheduler.hpp"

namespace coil::test {
namespace {

using ip::tcp;

task<int> answer() {
    co_await yield();
    co_return 42;
}

task<int> sum(int a, int b) {
    co_await yield();
    co_return a + b;
}

TEST(SyncWait, ReturnsTheTasksResult) { EXPECT_EQ(sync_wait(answer()), 42); }

TEST(SyncWait, CallsAFunctionWithItsArguments) {
    EXPECT_EQ(sync_wait(answer), 42);
    EXPECT_EQ(sync_wait(sum, 3, 4), 7);
}

TEST(SyncWait, PassesArgumentsByReference) {
    int count = 0;
    const auto add = [](int& target, std::unique_ptr<int> amount) -> task<> {
        co_await yield();
        target += *amount;
    };
    sync_wait(add, count, std::make_unique<int>(5));
    EXPECT_EQ(count, 5);
    auto owned = std::make_unique<int>(6);
    sync_wait([&count, kept = std::move(owned)]() -> task<> {
        co_await yield();
        count += *kept;
    });
    EXPECT_EQ(count, 11);
}

TEST(SyncWait, CallsAMemberFunction) {
    struct adder {
        int base;
        task<int> plus(int more) const {
            co_await yield();
            co_return base + more;
        }
    };
    const adder ten{10};
    EXPECT_EQ(sync_wait(&adder::plus, ten, 5), 15);
    EXPECT_EQ(sync_wait(&adder::plus, &ten, 6), 16);
}

TEST(SyncWait, ReturnsVoidReferencesAndMoveOnly) {
    int object = 1;
    const auto nothing = [&]() -> task<> {
        ++object;
        co_return;
    };
    const auto lend = [&]() -> task<int&> { co_return object; };
    const auto make = []() -> task<std::unique_ptr<int>> { co_return std::make_unique<int>(3); };
    sync_wait(nothing());
    EXPECT_EQ(object, 2);
    EXPECT_EQ(&sync_wait(lend()), &object);
    EXPECT_EQ(*sync_wait(make()), 3);
}

TEST(SyncWait, PropagatesTheTasksException) {
    const auto fail = [](bool is_bug) -> task<int> {
        co_await yield();
        if (is_bug)
            throw std::runtime_error("a bug");
        throw std::system_error(std::make_error_code(std::errc::io_error));
    };
    EXPECT_THROW(sync_wait(fail, true), std::runtime_error);
    EXPECT_THROW(sync_wait(fail, false), std::system_error);
}

TEST(SyncWait, PropagatesTheFunctionsException) {
    const auto fail = []() -> task<> { throw std::runtime_error("no task"); };
    EXPECT_THROW(sync_wait(fail), std::runtime_error);
}

TEST(SyncWait, TaskUsesTheContext) {
    const auto exchange = []() -> task<std::string> {
        io_context& context = co_await this_coro::context;
        tcp::acceptor acceptor(context, {ip::address_v4::loopback(), 0});
        tcp::socket client(context);
        co_await client.connect(acceptor.local_endpoint());
        tcp::socket server = co_await acceptor.accept();
        co_await client.send(std::string_view("hello"));
        std::string text(5, '\0');
        const std::size_t n = co_await server.recv(text);
        text.resize(n);
        co_return text;
    };
    EXPECT_EQ(sync_wait(exchange), "hello");
}

TEST(SyncWait, DestroysUnfinishedSpawnedTasks) {
    auto held = std::make_shared<int>(1);
    gate closed;
    const auto wait_forever = [&closed](std::shared_ptr<int>) -> task<> { co_await closed.wait(); };
    const auto story = [&]() -> task<int> {
        io_context& context = co_await this_coro::context;
        co_spawn(context, wait_forever(held), detached);
        co_await yield();
        EXPECT_EQ(held.use_count(), 2);
        co_return 1;
    };
    EXPECT_EQ(sync_wait(story), 1);
    EXPECT_EQ(held.use_count(), 1);
}

TEST(SyncWait, ReturnedSocketIsClosed) {
    const auto open = []() -> task<tcp::socket> {
        tcp::socket socket(co_await this_coro::context);
        socket.open(tcp::v4());
        co_return socket;
    };
    const tcp::socket socket = sync_wait(open);
    EXPECT_FALSE(socket.is_open());
}

TEST(SyncWait, PropagatesABugInADetachedTask) {
    gate closed;
    const auto bug = []() -> task<> {
        co_await yield();
        throw std::logic_error("a bug");
    };
    const auto story = [&]() -> task<> {
        io_context& context = co_await this_coro::context;
        co_spawn(context, bug(), detached);
        co_await closed.wait();
    };
    EXPECT_THROW(sync_wait(story), std::logic_error);
}

TEST(SyncWait, ThrowsOperationAbortedIfStopped) {
    gate closed;
    const auto story = [&]() -> task<> {
        io_context& context = co_await this_coro::context;
        context.stop();
        co_await closed.wait();
    };
    try {
        sync_wait(story);
        ADD_FAILURE() << "nothing was thrown";
    } catch (const std::system_error& failure) {
        EXPECT_EQ(failure.code(), error::operation_aborted);
        EXPECT_NE(std::string(failure.what()).find("sync_wait: "), std::string::npos) << failure.what();
    }
}

TEST(SyncWait, TaskMayStopItsContextAndReturn) {
    const auto story = []() -> task<int> {
        io_context& context = co_await this_coro::context;
        context.stop();
        co_return 5;
    };
    EXPECT_EQ(sync_wait(story), 5);
}

TEST(SyncWait, NestedCallBlocksTheOuterContext) {
    const auto outer = []() -> task<int> {
        const int inner = sync_wait(answer());
        co_await yield();
        co_return inner + 1;
    };
    EXPECT_EQ(sync_wait(outer), 43);
}

TEST(SyncWait, RunsOnSeveralThreads) {
    constexpr int count = 4;
    // Maps all rings before any is unmapped: ThreadSanitizer does not notice that a new ring reuses the
    // address of an old one.
    std::barrier all_have_started(count);
    const auto double_of = [&](int i) -> task<int> {
        all_have_started.arrive_and_wait();
        co_await yield();
        co_return 2 * i;
    };
    std::array<int, count> results{};
    std::array<std::thread, count> threads;
    for (std::size_t i = 0; i < count; ++i)
        threads[i] = std::thread([&, i] { results[i] = sync_wait(double_of, static_cast<int>(i)); });
    for (auto& each: threads)
        each.join();
    EXPECT_EQ(results, (std::array{0, 2, 4, 6}));
}

}  // namespace
}  // namespace coil::test
