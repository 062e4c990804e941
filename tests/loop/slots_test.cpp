// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#include <array>
#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include <coil/io/sleep.hpp>
#include <coil/op/nop.hpp>

#include "support/real_context.hpp"
#include "support/scripted_context.hpp"

// Rings that are too small for their load: every operation still completes.

namespace coil::test {
namespace {

using namespace std::chrono_literals;

task<> run_nops(int times, int& completed) {
    for (int i = 0; i < times; ++i) {
        co_await op::nop_description{};
        ++completed;
    }
}

TEST(Slots, MoreOperationsThanEntriesKeepTheirOrder) {
    scripted_context context({.entries = 4, .completions = 1024});
    std::vector<tcp::socket> sockets;
    for (int i = 0; i < 100; ++i)
        sockets.push_back(context.connected_socket());
    context.script().answer_every(IORING_OP_SEND, reply::all());
    int sent = 0;
    for (auto& socket: sockets)
        co_spawn(
            context.io(),
            [](tcp::socket& to, int& count) -> task<> {
                co_await to.send("hello");
                ++count;
            },
            std::ref(socket), std::ref(sent), detached);
    context.run();
    EXPECT_EQ(sent, 100);
    const auto& history = context.script().history();
    for (std::size_t i = 0; i < history.size(); ++i)
        EXPECT_EQ(history[i].descriptor(), sockets[i].native_handle());
    EXPECT_LE(context.script().enters(), 30u);  // one per full queue
}

TEST(Slots, OperationsWithoutASlotKeepTheirOrder) {
    scripted_context context({.entries = 1, .completions = 8});
    std::vector<tcp::socket> sockets;
    for (int i = 0; i < 10; ++i)
        sockets.push_back(context.connected_socket());
    context.script().answer_every(IORING_OP_SEND, reply::all());
    auto blocker = context.spawn([&]() -> task<> {
        context.script().refuse_enters(20, -EBUSY);
        co_return;
    });
    for (auto& socket: sockets)
        co_spawn(
            context.io(), [](tcp::socket& to) -> task<> { co_await to.send("hello"); }, std::ref(socket),
            detached);
    context.run();
    const auto& history = context.script().history();
    ASSERT_EQ(history.size(), 10u);
    for (std::size_t i = 0; i < history.size(); ++i)
        EXPECT_EQ(history[i].descriptor(), sockets[i].native_handle());
}

template <class Context>
class TinyRings : public testing::Test {};
using both_kernels = testing::Types<scripted_context, real_context>;
TYPED_TEST_SUITE(TinyRings, both_kernels);

TYPED_TEST(TinyRings, CompleteEverythingInEverySize) {
    for (unsigned entries = 1; entries <= 4; entries *= 2)
        for (unsigned completions = entries; completions <= 8; completions *= 2) {
            TypeParam context({.entries = entries, .completions = completions});
            int completed = 0;
            for (int i = 0; i < 100; ++i)
                co_spawn(context.io(), run_nops(5, completed), detached);
            context.run([&]() -> task<> { co_await op::nop_description{}; });
            EXPECT_EQ(completed, 500) << entries << " entries, " << completions << " completions";
        }
}

TYPED_TEST(TinyRings, LoseNoWakeIfCompletionsOverflow) {
    TypeParam context({.entries = 2, .completions = 2});
    int completed = 0;
    int posted = 0;
    for (int round = 0; round < 10; ++round) {
        for (int i = 0; i < 20; ++i)
            co_spawn(context.io(), run_nops(1, completed), detached);
        std::thread poster;
        context.run([&]() -> task<> {
            poster = std::thread([&] {
                for (int i = 0; i < 10; ++i)
                    context.io().post([&] { ++posted; });
            });
            poster.join();
            co_return;
        });
    }
    EXPECT_EQ(completed, 200);
    EXPECT_EQ(posted, 100);
}

TYPED_TEST(TinyRings, CountTheirOverflows) {
    TypeParam context({.entries = 4, .completions = 4});
    int completed = 0;
    for (int i = 0; i < 100; ++i)
        co_spawn(context.io(), run_nops(1, completed), detached);
    context.run([&]() -> task<> { co_return; });
    EXPECT_EQ(completed, 100);
    EXPECT_GT(context.io().metrics().overflows, 0u);
}

TEST(RealSlots, CancelsAreNotLostInTheSmallestRing) {
    real_context context({.entries = 1, .completions = 2});
    std::vector<std::pair<tcp::socket, plain_peer>> connections;
    for (int i = 0; i < 50; ++i)
        connections.push_back(context.connection());
    int aborted = 0;
    std::vector<join_handle<void>> tasks;
    for (auto& [socket, peer]: connections)
        tasks.push_back(co_spawn(
            context.io(),
            [](tcp::socket& from, int& count) -> task<> {
                std::array<char, 10> buffer;
                if ((co_await as_tuple(from.recv(buffer))).error() == error::operation_aborted)
                    ++count;
            },
            std::ref(socket), std::ref(aborted)));
    context.run([&]() -> task<> {
        co_await sleep_for(1ms);
        for (auto& each: tasks)
            each.request_stop();
    });
    EXPECT_EQ(aborted, 50);
}

TEST(RealSlots, MoreReceivesThanCompletionsAllArrive) {
    real_context context({.entries = 8, .completions = 16});
    std::vector<std::pair<tcp::socket, plain_peer>> connections;
    for (int i = 0; i < 200; ++i)
        connections.push_back(context.connection());
    int received = 0;
    for (auto& [socket, peer]: connections)
        co_spawn(
            context.io(),
            [](tcp::socket& from, int& count) -> task<> {
                std::array<char, 10> buffer;
                if (co_await from.recv(buffer) == 1)
                    ++count;
            },
            std::ref(socket), std::ref(received), detached);
    context.run([&]() -> task<> {
        co_await sleep_for(1ms);  // all receives are in flight
        for (auto& [socket, peer]: connections)
            peer.send("x");
    });
    EXPECT_EQ(received, 200);
}

}  // namespace
}  // namespace coil::test
