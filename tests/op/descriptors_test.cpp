// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT

// Descriptors that are sent and received: the submitted messages, and the ownership of received descriptors.

#include <array>
#include <cerrno>
#include <vector>

#include <fcntl.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <coil/algo/timeout.hpp>
#include <coil/net/local.hpp>

#include "support/scripted_context.hpp"

namespace coil::test {
namespace {

using namespace std::chrono_literals;
using stream = local::stream_protocol;
using packets = local::seq_packet_protocol;
using bytes = std::array<char, 10>;

int open_one() { return ::eventfd(0, EFD_CLOEXEC); }
bool is_open(int number) { return ::fcntl(number, F_GETFD) >= 0; }

template <class Protocol>
typename Protocol::socket connected(scripted_context& context) {
    typename Protocol::socket socket(context);
    socket.assign(Protocol(),
                  context.script().make_connection(Protocol().type(), local::endpoint("/run/peer")));
    return socket;
}

TEST(SendDescriptors, PassesDescriptorsWithTheBytes) {
    scripted_context context;
    auto socket = connected<stream>(context);
    context.run([&]() -> task<> {
        context.answer_next(2);
        EXPECT_EQ(co_await local::send_descriptors(socket, "hello", std::array{7, 8, 9}), 2u);
    });
    const auto& fake = context.script().descriptor(socket.native_handle());
    EXPECT_EQ(fake.sent, "he") << "on a stream a send may be short";
    EXPECT_EQ(fake.passed, (std::vector{7, 8, 9}));
    EXPECT_EQ(context.script().latest().opcode, IORING_OP_SENDMSG);
    EXPECT_EQ(context.script().latest().msg_flags, static_cast<unsigned>(MSG_NOSIGNAL));
}

TEST(SendDescriptors, IsDirectWhileLoadIsLow) {
    scripted_context context;
    auto socket = connected<packets>(context);
    context.run([&]() -> task<> {
        context.script().answer_direct(reply::all());
        EXPECT_EQ(co_await local::send_descriptors(socket, "hello", std::array{7}), 5u);
    });
    EXPECT_EQ(context.script().descriptor(socket.native_handle()).passed, std::vector{7});
    EXPECT_EQ(context.script().submitted(IORING_OP_SENDMSG), 0u);
}

TEST(SendDescriptors, FailsWithoutDataOrWithTooMany) {
    scripted_context context;
    auto socket = connected<stream>(context);
    context.run([&]() -> task<> {
        auto [empty, none] = co_await as_tuple(local::send_descriptors(socket, "", std::array{7}));
        EXPECT_EQ(empty, error::invalid_argument);
        auto [many, nothing] =
            co_await as_tuple(local::send_descriptors(socket, "x", std::vector<int>(254, 7)));
        EXPECT_EQ(many, error::invalid_argument);
    });
    EXPECT_EQ(context.script().submitted(IORING_OP_SENDMSG), 0u);
}

TEST(SendDescriptors, IsCancelledAndDestroyedInFlight) {
    for (const bool destroyed: {false, true}) {
        scripted_context context;
        auto socket = connected<stream>(context);
        std::error_code error;
        const auto waiting = context.spawn([&]() -> task<> {
            auto [ec, n] =
                co_await as_tuple(timeout(local::send_descriptors(socket, "x", std::array{7}), 1s));
            error = ec;
        });
        context.poll();
        EXPECT_EQ(context.script().in_flight(IORING_OP_SENDMSG).size(), 1u);
        if (destroyed) {
            context.destroy();
            continue;
        }
        context.run();
        EXPECT_EQ(error, error::timed_out);
    }
}

TEST(RecvDescriptors, FillsTheSpanInOrder) {
    scripted_context context;
    auto socket = connected<stream>(context);
    const int one = open_one(), other = open_one();
    context.run([&]() -> task<> {
        bytes buffer;
        std::array<unique_descriptor, 3> arrived;
        arrived[0].reset(open_one());
        const int before = arrived[0].get();
        context.answer_next(reply("hello").with({one, other}));
        auto [size, truncated, count, dropped] = co_await local::recv_descriptors(socket, buffer, arrived);
        EXPECT_EQ(size, 5u);
        EXPECT_FALSE(truncated);
        EXPECT_EQ(count, 2u);
        EXPECT_FALSE(dropped);
        EXPECT_EQ(arrived[0].get(), one);
        EXPECT_EQ(arrived[1].get(), other);
        EXPECT_FALSE(is_open(before)) << "the previous descriptor is closed";
    });
    EXPECT_FALSE(is_open(one));
    EXPECT_EQ(context.script().latest().opcode, IORING_OP_RECVMSG);
    EXPECT_EQ(context.script().latest().msg_flags, static_cast<unsigned>(MSG_CMSG_CLOEXEC));
}

TEST(RecvDescriptors, ClosesDescriptorsWithoutRoom) {
    scripted_context context;
    auto socket = connected<packets>(context);
    std::vector<int> sent;
    for (int i = 0; i < 5; ++i)
        sent.push_back(open_one());
    context.run([&]() -> task<> {
        bytes buffer;
        std::array<unique_descriptor, 2> arrived;
        context.answer_next(reply("too long for it").with(sent));
        auto [size, truncated, count, dropped] = co_await local::recv_descriptors(socket, buffer, arrived);
        EXPECT_EQ(size, 10u);
        EXPECT_TRUE(truncated);
        EXPECT_EQ(count, 2u);
        EXPECT_TRUE(dropped);
        for (std::size_t i = 0; i < sent.size(); ++i)
            EXPECT_EQ(is_open(sent[i]), i < 2) << i;
    });
}

// Descriptors that arrive while the waiter is being destroyed are closed.
TEST(RecvDescriptors, ClosesDescriptorsWithoutAWaiter) {
    scripted_context context;
    auto socket = connected<stream>(context);
    const int one = open_one();
    bytes buffer;
    std::array<unique_descriptor, 2> arrived;
    const auto waiting_1 =
        context.spawn([&]() -> task<> { co_await local::recv_descriptors(socket, buffer, arrived); });
    context.poll();
    context.script().when_cancelled(reply("late").with({one}));
    context.destroy();
    EXPECT_FALSE(is_open(one));
    EXPECT_FALSE(arrived[0]);
}

// The cancel comes too late: the descriptors have arrived, and are delivered.
TEST(RecvDescriptors, LateCancelLosesNone) {
    scripted_context context;
    auto socket = connected<stream>(context);
    const int one = open_one();
    context.run([&]() -> task<> {
        bytes buffer;
        std::array<unique_descriptor, 2> arrived;
        context.script().when_cancelled(reply("late").with({one}));
        auto got = co_await timeout(local::recv_descriptors(socket, buffer, arrived), 1s);
        EXPECT_EQ(got.size, 4u);
        EXPECT_EQ(got.descriptors, 1u);
        EXPECT_EQ(arrived[0].get(), one);
    });
}

TEST(RecvDescriptors, ReportsErrorsAndTheEnd) {
    scripted_context context;
    auto socket = connected<stream>(context);
    context.run([&]() -> task<> {
        bytes buffer;
        std::array<unique_descriptor, 2> arrived;
        context.answer_next(-ECONNRESET);
        auto [ec, got] = co_await as_tuple(local::recv_descriptors(socket, buffer, arrived));
        EXPECT_EQ(ec, error::connection_reset);
        context.answer_next("");
        EXPECT_EQ((co_await local::recv_descriptors(socket, buffer, arrived)).size, 0u);
    });
}

TEST(RecvDescriptors, OwnShutdownIsAnAbort) {
    scripted_context context;
    auto socket = connected<stream>(context);
    context.then([&] {
        socket.shutdown(socket_base::shutdown_receive);
        context.script().answer(IORING_OP_RECVMSG, "");
    });
    context.run([&]() -> task<> {
        bytes buffer;
        std::array<unique_descriptor, 2> arrived;
        auto [ec, got] = co_await as_tuple(local::recv_descriptors(socket, buffer, arrived));
        EXPECT_EQ(ec, error::operation_aborted);
    });
}

// Several tasks may wait for packets: they are served in FIFO order.
TEST(RecvDescriptors, ServesWaitersInFifoOrder) {
    scripted_context context;
    auto socket = connected<packets>(context);
    std::string order;
    const auto receive = [&](char name) -> task<> {
        bytes buffer;
        std::array<unique_descriptor, 1> arrived;
        auto got = co_await local::recv_descriptors(socket, buffer, arrived);
        order += name + std::string(buffer.data(), got.size);
    };
    const auto waiting_2 = context.spawn([&]() -> task<> { co_await receive('a'); });
    const auto waiting_3 = context.spawn([&]() -> task<> { co_await receive('b'); });
    context.script().then([&] { context.script().answer(IORING_OP_RECVMSG, "1"); });
    context.script().then([&] { context.script().answer(IORING_OP_RECVMSG, "2"); });
    context.run();
    EXPECT_EQ(order, "a1b2");
}

}  // namespace
}  // namespace coil::test
