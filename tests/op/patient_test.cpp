// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT

// The story: a UNIX domain datagram that found its receiver's queue full was sent empty when there was room again, as a success
// of 0 bytes. The kernel had taken the bytes off, and did not put them back before its second try.

#include <cerrno>
#include <string>

#include <poll.h>
#include <sys/socket.h>

#include <coil/algo/timeout.hpp>
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

TEST(PatientSend, AsksTheKernelNotToWait) {
    sender one;
    one.context.run([&]() -> task<> {
        one.context.answer_next(reply::all());
        EXPECT_EQ(co_await one.socket.sendto("hello", receiver), 5u);
    });
    EXPECT_EQ(one.script().latest().opcode, IORING_OP_SEND);
    EXPECT_NE(one.script().latest().msg_flags & MSG_DONTWAIT, 0u);
}

TEST(PatientSend, ToAnAddressLooksForRoomThereAndSendsAgain) {
    sender one;
    one.context.run([&]() -> task<> {
        one.context.answer_next(-EAGAIN);
        one.context.answer_next(POLLOUT);  // we have room
        one.context.answer_next(0);        // the onlooker is connected
        one.context.answer_next(POLLOUT);  // so has the receiver
        one.context.answer_next(-EAGAIN);  // somebody else took it
        one.context.answer_next(POLLOUT);
        one.context.answer_next(POLLOUT);
        one.context.answer_next(reply::all());
        EXPECT_EQ(co_await one.socket.sendto("hello", receiver), 5u);
        EXPECT_EQ(one.open(), 1u) << "the onlooker is closed";
    });
    EXPECT_EQ(one.script().submitted(IORING_OP_SEND), 3u);
    EXPECT_EQ(one.script().submitted(IORING_OP_CONNECT), 1u) << "one onlooker does";
    EXPECT_EQ(one.script().descriptor(one.socket.native_handle()).sent, "hello") << "whole, and once";
}

TEST(PatientSend, OfAConnectedSocketWaitsForTheSocketAlone) {
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

TEST(PatientSend, GoesOnWhereTheReceiverLetsNobodyLook) {
    sender one;
    one.context.run([&]() -> task<> {
        for (int i = 0; i < 2; ++i) {
            one.context.answer_next(-EAGAIN);
            one.context.answer_next(POLLOUT);
            one.context.answer_next(-EPERM);  // it is connected to somebody
        }
        one.context.answer_next(-ECONNREFUSED);  // and now it is gone
        auto [ec, n] = co_await as_tuple(one.socket.sendto("hello", receiver));
        EXPECT_EQ(ec, error::connection_refused);
        EXPECT_EQ(one.open(), 1u);
    });
}

TEST(PatientSend, TellsWhenThereIsNoDescriptorToLookWith) {
    sender one;
    one.context.run([&]() -> task<> {
        one.context.answer_next(-EAGAIN);
        one.script().then([&] {
            one.script().answer(IORING_OP_POLL_ADD, POLLOUT);
            one.script().fail_next_call(EMFILE);
        });
        auto [ec, n] = co_await as_tuple(one.socket.sendto("hello", receiver));
        EXPECT_EQ(ec, std::errc::too_many_files_open);
    });
}

TEST(PatientSend, WithDontwaitIsNotPatient) {
    sender one;
    one.context.run([&]() -> task<> {
        one.context.answer_next(-EAGAIN);
        auto [ec, n] = co_await as_tuple(one.socket.sendto("hello", receiver, message_flags::dont_wait));
        EXPECT_EQ(ec, error::would_block);
    });
}

// At each of its steps.
TEST(PatientSend, IsCancelledWhereverItIs) {
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

// The cancel comes when the answer is there, and its turn is not.
TEST(PatientSend, DoesNotGoOnAfterACancelThatCameBetween) {
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

TEST(PatientSend, IsDestroyedWhereverItIs) {
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

}  // namespace
}  // namespace coil::test
