// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT

// Regression: a UNIX domain datagram whose receiver's queue was full was sent empty when there was room
// again, as a success of 0 bytes. The kernel had consumed the bytes, and did not restore them for its second
// attempt.

#include <array>
#include <cerrno>
#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <linux/netlink.h>
#include <poll.h>
#include <sys/socket.h>

#include <coil/algo/timeout.hpp>
#include <coil/io/sleep.hpp>
#include <coil/net/generic.hpp>
#include <coil/net/local.hpp>

#include "support/scripted_context.hpp"

namespace coil::test {
namespace {

using namespace std::chrono_literals;
using datagrams = local::datagram_protocol;

const local::endpoint receiver("/run/receiver");

struct sender {
    scripted_context context;
    datagrams::socket socket{context.io(), datagrams()};

    ring::scripted_kernel& script() { return context.script(); }
    std::size_t open() { return script().open_descriptors().size(); }
};

TEST(RetryingSend, SubmitsWithMsgDontwait) {
    sender one;
    one.context.run([&]() -> task<> {
        one.context.answer_next(reply::all());
        EXPECT_EQ(co_await one.socket.sendto("hello", receiver), 5u);
    });
    EXPECT_EQ(one.script().latest().opcode, IORING_OP_SEND);
    EXPECT_NE(one.script().latest().msg_flags & MSG_DONTWAIT, 0u);
}

TEST(RetryingSend, PollsTheReceiverThroughAProbe) {
    sender one;
    one.context.run([&]() -> task<> {
        one.context.answer_next(-EAGAIN);
        one.context.answer_next(POLLOUT);  // the sender has room
        one.context.answer_next(0);        // the probe is connected
        one.context.answer_next(POLLOUT);  // the receiver has room
        one.context.answer_next(-EAGAIN);  // another sender took it
        one.context.answer_next(POLLOUT);
        one.context.answer_next(POLLOUT);
        one.context.answer_next(reply::all());
        EXPECT_EQ(co_await one.socket.sendto("hello", receiver), 5u);
        EXPECT_EQ(one.open(), 1u) << "the probe is closed";
    });
    EXPECT_EQ(one.script().submitted(IORING_OP_SEND), 3u);
    EXPECT_EQ(one.script().submitted(IORING_OP_CONNECT), 1u) << "one probe is enough";
    EXPECT_EQ(one.script().descriptor(one.socket.native_handle()).sent, "hello") << "whole, and once";
}

TEST(RetryingSend, ConnectedSocketPollsItselfOnly) {
    sender one;
    one.context.run([&]() -> task<> {
        one.context.answer_next(0);
        co_await one.socket.connect(datagrams::endpoint(receiver));
        for (int i = 0; i < 3; ++i) {
            one.context.answer_next(-EAGAIN);
            one.context.answer_next(POLLOUT);
        }
        one.context.answer_next(reply::all());
        EXPECT_EQ(co_await one.socket.send("hello"), 5u);
        one.context.answer_next(-EAGAIN);
        one.context.answer_next(POLLOUT);
        one.context.answer_next(reply::all());
        EXPECT_EQ(co_await one.socket.send("in ", "parts"), 8u);
    });
    EXPECT_EQ(one.open(), 1u);
    EXPECT_EQ(one.script().descriptor(one.socket.native_handle()).sent, "helloin parts");
}

TEST(RetryingSend, RetriesIfTheProbeIsRefused) {
    sender one;
    one.context.run([&]() -> task<> {
        for (int i = 0; i < 2; ++i) {
            one.context.answer_next(-EAGAIN);
            one.context.answer_next(POLLOUT);
            one.context.answer_next(-EPERM);  // the receiver has another peer
        }
        one.context.answer_next(-ECONNREFUSED);  // the receiver is gone
        auto [ec, n] = co_await as_tuple(one.socket.sendto("hello", receiver));
        EXPECT_EQ(ec, error::connection_refused);
        EXPECT_EQ(one.open(), 1u);
    });
}

TEST(RetryingSend, BacksOffWithoutADescriptorForAProbe) {
    sender one;
    const auto began = one.context.io().now();
    one.context.run([&]() -> task<> {
        one.context.answer_next(-EAGAIN);
        one.script().then([&] {
            one.script().answer(IORING_OP_POLL_ADD, POLLOUT);
            one.script().fail_next_call(EMFILE);
            one.context.answer_next(-EAGAIN);  // the send; then a back-off
            one.context.answer_next(POLLOUT);  // the sender has room
            one.context.answer_next(0);        // the probe is connected
            one.context.answer_next(POLLOUT);
            one.context.answer_next(reply::all());
        });
        EXPECT_EQ(co_await one.socket.sendto("hello", receiver), 5u);
    });
    EXPECT_GE(one.context.io().now() - began, 1ms);
    EXPECT_LE(one.context.io().now() - began, 2ms);
}

// A receiver that does not read must not cost its senders a descriptor for each send.
TEST(RetryingSend, OpensAtMostSixteenProbes) {
    sender one;
    one.script().answer_every(IORING_OP_SEND, -EAGAIN);
    one.script().answer_every(IORING_OP_CONNECT, 0);
    std::vector<join_handle<void>> sends;
    for (int i = 0; i < 100; ++i)
        sends.push_back(
            one.context.spawn([&]() -> task<> { EXPECT_EQ(co_await one.socket.sendto("x", receiver), 1u); }));
    one.context.then([&] {
        for (const auto& each: one.script().in_flight(IORING_OP_POLL_ADD))
            one.script().answer(each, POLLOUT);  // the sender has room
    });
    one.context.after(1s, [&] {
        EXPECT_EQ(one.open(), 1u + 16u);
        one.script().answer_every(IORING_OP_SEND, reply::all());
        one.script().answer_every(IORING_OP_POLL_ADD, POLLOUT);
        for (const auto& each: one.script().in_flight(IORING_OP_POLL_ADD))
            one.script().answer(each, POLLOUT);
    });
    one.context.run();
    EXPECT_EQ(one.open(), 1u);
    EXPECT_EQ(one.script().descriptor(one.socket.native_handle()).sent.size(), 100u);
}

TEST(RetryingSend, FailsInsteadOfWaitingWithDontWait) {
    sender one;
    one.context.run([&]() -> task<> {
        one.context.answer_next(-EAGAIN);
        auto [ec, n] = co_await as_tuple(one.socket.sendto("hello", receiver, message_flags::dont_wait));
        EXPECT_EQ(ec, error::would_block);
    });
}

// Cancels the send at each of its steps.
TEST(RetryingSend, IsCancelledAtEachStep) {
    for (int steps = 0; steps < 4; ++steps) {
        SCOPED_TRACE(steps);
        sender one;
        one.context.run([&]() -> task<> {
            const int answers[] = {-EAGAIN, POLLOUT, 0};
            for (int i = 0; i < steps; ++i)
                one.context.answer_next(answers[i]);
            auto [ec, n] = co_await as_tuple(timeout(one.socket.sendto("hello", receiver), 1s));
            EXPECT_EQ(ec, error::timed_out);
            EXPECT_EQ(one.open(), 1u);
        });
    }
}

// The cancel comes after the completion, but before the send is retried.
TEST(RetryingSend, DoesNotRetryAfterACancel) {
    sender one;
    one.context.then([&] {
        one.script().answer(IORING_OP_SEND, -EAGAIN);
        one.socket.cancel();
    });
    one.context.run([&]() -> task<> {
        auto [ec, n] = co_await as_tuple(one.socket.sendto("hello", receiver));
        EXPECT_EQ(ec, error::operation_aborted);
    });
}

TEST(RetryingSend, IsDestroyedAtEachStep) {
    for (int steps = 0; steps < 4; ++steps) {
        SCOPED_TRACE(steps);
        sender one;
        const int answers[] = {-EAGAIN, POLLOUT, 0};
        for (int i = 0; i < steps; ++i)
            one.context.answer_next(answers[i]);
        const auto waiting_1 =
            one.context.spawn([&]() -> task<> { co_await one.socket.sendto("hello", receiver); });
        one.context.poll();
        one.context.poll();
        one.context.destroy();
    }
}

// A poll of a netlink socket reports "writable", however full the receiver's queue is.
TEST(RetryingSend, BacksOffIfThePollIgnoresTheReceiver) {
    scripted_context context;
    generic::raw_protocol::socket socket(context, generic::raw_protocol(AF_NETLINK, 0));
    const sockaddr_nl name{AF_NETLINK, 0, 4711, 0};
    const generic::raw_protocol::endpoint to(&name, sizeof name);
    context.script().answer_every(IORING_OP_SEND, -EAGAIN);
    context.script().answer_every(IORING_OP_POLL_ADD, POLLOUT);
    context.after(500ms, [&] { context.script().answer_every(IORING_OP_SEND, reply::all()); });
    const auto began = context.io().now();
    context.run([&]() -> task<> { EXPECT_EQ(co_await socket.sendto("hello", to), 5u); });
    EXPECT_GE(context.io().now() - began, 500ms);
    EXPECT_LE(context.io().now() - began, 564ms);
    EXPECT_LE(context.script().submitted(IORING_OP_SEND), 20u);
    EXPECT_GE(context.script().submitted(IORING_OP_SEND), 10u);
}

TEST(RetryingSend, IsCancelledDuringABackOff) {
    scripted_context context;
    generic::raw_protocol::socket socket(context, generic::raw_protocol(AF_NETLINK, 0));
    const sockaddr_nl name{AF_NETLINK, 0, 4711, 0};
    const generic::raw_protocol::endpoint to(&name, sizeof name);
    context.script().answer_every(IORING_OP_SEND, -EAGAIN);
    context.script().answer_every(IORING_OP_POLL_ADD, POLLOUT);
    const auto began = context.io().now();
    context.run([&]() -> task<> {
        auto [ec, n] = co_await as_tuple(timeout(socket.sendto("hello", to), 100ms));
        EXPECT_EQ(ec, error::timed_out);
        EXPECT_LE(context.io().now() - began, 101ms);
        auto sending = context.spawn([&]() -> task<> {
            const auto sent = co_await as_tuple(socket.sendto("hello", to));
            EXPECT_EQ(sent.error(), error::operation_aborted);
        });
        co_await sleep_for(10ms);
        socket.close();
        co_await sending.join();
    });
}

// ---- packets ----------------------------------------------------------------------------------------------

struct packet_sender {
    using packets = local::seq_packet_protocol;

    packet_sender() {
        socket.assign(packets(), script().make_connection(SOCK_SEQPACKET, generic::endpoint(receiver)));
    }
    ring::scripted_kernel& script() { return context.script(); }
    [[nodiscard]] std::size_t in_flight() { return script().in_flight(IORING_OP_SEND).size(); }
    auto send(const char* text, message_flags flags = {}) {
        return context.spawn([this, text, flags]() -> task<std::error_code> {
            auto [ec, n] = co_await as_tuple(socket.send(std::string_view(text), flags));
            co_return ec;
        });
    }

    scripted_context context;
    packets::socket socket{context.io()};
};

// A send that waits for room must not be overtaken by a later one.
TEST(PacketSend, IsSubmittedInFifoOrder) {
    packet_sender one;
    auto first = one.send("first ");
    auto second = one.send("second ");
    auto third = one.send("third");
    for (int i = 0; i < 3; ++i)
        one.context.then([&] {
            EXPECT_EQ(one.in_flight(), 1u);
            one.script().answer(IORING_OP_SEND, reply::all());
        });
    one.context.run();
    EXPECT_EQ(one.script().descriptor(one.socket.native_handle()).sent, "first second third");
}

TEST(PacketSend, IsNotDirectBehindAQueue) {
    packet_sender one;
    auto first = one.send("first ");
    std::optional<join_handle<std::error_code>> second;
    one.context.then([&] { second.emplace(one.send("second")); });
    one.context.then([&] {
        EXPECT_EQ(one.script().direct_sends(), 1u);  // the first
        one.script().answer(IORING_OP_SEND, reply::all());
    });
    one.context.then([&] { one.script().answer(IORING_OP_SEND, reply::all()); });
    one.context.run();
    EXPECT_EQ(one.script().descriptor(one.socket.native_handle()).sent, "first second");
}

TEST(PacketSend, CancelServesTheNextSend) {
    packet_sender one;
    auto first = one.send("first");
    auto second = one.send("second");
    auto third = one.send("third");
    one.context.then([&] { second.request_stop(); });
    one.context.then([&] { first.request_stop(); });
    one.context.then([&] { one.script().answer(IORING_OP_SEND, reply::all()); });
    one.context.run();
    EXPECT_EQ(one.script().descriptor(one.socket.native_handle()).sent, "third");
}

TEST(PacketSend, QueuedSendEndsWithItsSocket) {
    packet_sender one;
    auto first = one.send("first");
    auto second = one.send("second");
    one.context.then([&] { one.socket.close(); });
    one.context.run([&]() -> task<> {
        EXPECT_EQ(co_await first.join(), error::operation_aborted);
        EXPECT_EQ(co_await second.join(), error::operation_aborted);
    });
}

TEST(PacketSend, DontWaitDoesNotQueue) {
    packet_sender one;
    auto first = one.send("first");
    auto second = one.send("second", message_flags::dont_wait);
    one.context.then([&] {
        EXPECT_EQ(one.in_flight(), 2u);
        one.script().answer(one.script().in_flight(IORING_OP_SEND).back(), -EAGAIN);
    });
    one.context.then([&] { one.script().answer(IORING_OP_SEND, reply::all()); });
    one.context.run([&]() -> task<> {
        EXPECT_FALSE(co_await first.join());
        EXPECT_EQ(co_await second.join(), error::would_block);
    });
}

// The record keeps queued sends and queued receives in one list.
TEST(PacketSend, QueuesIndependentlyOfReceives) {
    packet_sender one;
    std::array<char, 10> buffer{};
    std::vector<std::size_t> sizes;
    const auto receive = [&]() -> task<> {
        const auto received = co_await one.socket.recv(buffer);
        sizes.push_back(received.size);
    };
    auto first = one.send("first ");
    auto reader = one.context.spawn(receive);
    auto second = one.send("second");
    auto other_reader = one.context.spawn(receive);
    one.context.then([&] { one.script().answer(IORING_OP_RECV, "a"); });
    one.context.then([&] { one.script().answer(IORING_OP_SEND, reply::all()); });
    one.context.then([&] { one.script().answer(IORING_OP_RECV, "bb"); });
    one.context.then([&] { one.script().answer(IORING_OP_SEND, reply::all()); });
    one.context.run();
    EXPECT_EQ(sizes, (std::vector<std::size_t>{1, 2}));
    EXPECT_EQ(one.script().descriptor(one.socket.native_handle()).sent, "first second");
}

}  // namespace
}  // namespace coil::test
