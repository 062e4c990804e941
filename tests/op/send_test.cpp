// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#include <array>
#include <cerrno>
#include <string>
#include <string_view>
#include <vector>

#include "support/scripted_context.hpp"

namespace coil::test {
namespace {

TEST(Send, AsksTheKernelForWhatTheCallSays) {
    scripted_context context;
    auto socket = context.connected_socket();
    const std::string_view text = "hello";
    context.run([&]() -> task<> {
        context.answer_next(reply::all());
        co_await socket.send(text, MSG_MORE);
    });
    const auto& sqe = context.script().latest();
    EXPECT_EQ(sqe.opcode, IORING_OP_SEND);
    EXPECT_EQ(sqe.fd, socket.native_handle());
    EXPECT_EQ(sqe.addr, reinterpret_cast<std::uintptr_t>(text.data()));
    EXPECT_EQ(sqe.len, text.size());
    EXPECT_EQ(sqe.msg_flags, static_cast<unsigned>(MSG_MORE | MSG_NOSIGNAL));
}

TEST(Send, SaysHowMuchTheKernelTook) {
    scripted_context context;
    auto socket = context.connected_socket();
    context.run([&]() -> task<> {
        context.answer_next(reply::all());
        EXPECT_EQ(co_await socket.send("hello"), 5u);
        context.answer_next(2);
        EXPECT_EQ(co_await socket.send("world"), 2u);
    });
    EXPECT_EQ(context.script().sent(socket.native_handle()), "hellowo");
}

TEST(Send, AnEmptyBufferAsksNothing) {
    scripted_context context;
    auto socket = context.connected_socket();
    context.run([&]() -> task<> {
        EXPECT_EQ(co_await socket.send(""), 0u);
        EXPECT_EQ(co_await socket.send("", ""), 0u);
    });
    EXPECT_TRUE(context.script().history().empty());
}

TEST(Send, EveryErrnoArrivesAsItIs) {
    scripted_context context;
    auto socket = context.connected_socket();
    for (const int number: {EPIPE, ECONNRESET, ENOTCONN, EBADF, ENOMEM, ENOBUFS, EAGAIN, EACCES, EHOSTUNREACH,
                            ENETUNREACH, ETIMEDOUT, EIO}) {
        context.run([&]() -> task<> {
            context.answer_next(-number);
            auto [ec, n] = co_await as_tuple(socket.send("hello"));
            EXPECT_EQ(ec, system_error_code(number));
            EXPECT_EQ(n, 0u);
        });
    }
}

TEST(Send, ThrowsATransferErrorThatNamesIt) {
    scripted_context context;
    auto socket = context.connected_socket();
    context.run([&]() -> task<> {
        context.answer_next(-EPIPE);
        try {
            co_await socket.send("hello");
            ADD_FAILURE() << "nothing was thrown";
        } catch (const transfer_error& failure) {
            EXPECT_EQ(failure.code(), error::broken_pipe);
            EXPECT_NE(std::string(failure.what()).find("send"), std::string::npos) << failure.what();
        }
    });
}

TEST(Send, ThatWasCancelledDeliversTheBytesThatWereTaken) {
    scripted_context context;
    auto socket = context.connected_socket();
    context.script().when_cancelled(3);
    context.then([&] { socket.cancel(); });
    context.run([&]() -> task<> {
        auto [ec, n] = co_await as_tuple(socket.send("hello"));
        EXPECT_FALSE(ec);
        EXPECT_EQ(n, 3u);
    });
    EXPECT_EQ(context.script().sent(socket.native_handle()), "hel");
}

TEST(Send, ASecondWriterIsRefused) {
    const auto two_writers = [] {
        scripted_context context;
        auto socket = context.connected_socket();
        auto first = context.spawn([&]() -> task<> { co_await socket.send("first"); });
        context.then([&] { context.answer(IORING_OP_SEND, reply::all()); });
        context.run([&]() -> task<> {
            auto [ec, n] = co_await as_tuple(socket.send("second"));
            EXPECT_EQ(ec, error::operation_in_progress);
        });
        EXPECT_EQ(context.script().sent(socket.native_handle()), "first");
    };
    if (asserts_enabled())
        EXPECT_DEATH(two_writers(), "check failed: !place");
    else
        two_writers();
}

TEST(Send, GathersSeveralBuffers) {
    scripted_context context;
    auto socket = context.connected_socket();
    const std::string world = "world";
    context.run([&]() -> task<> {
        context.answer_next(reply::all());
        EXPECT_EQ(co_await socket.send("hello", ", ", world), 12u);
    });
    EXPECT_EQ(context.script().latest().opcode, IORING_OP_SENDMSG);
    EXPECT_EQ(context.script().latest().msg_flags, static_cast<unsigned>(MSG_NOSIGNAL));
    EXPECT_EQ(context.script().sent(socket.native_handle()), "hello, world");
}

TEST(Send, GathersTemporariesThatLiveAsLongAsTheAwait) {
    scripted_context context;
    auto socket = context.connected_socket();
    context.then([&] { context.answer(IORING_OP_SENDMSG, reply::all()); });
    context.run([&]() -> task<> {
        EXPECT_EQ(co_await socket.send(std::string(100, 'x'), std::string(100, 'y')), 200u);
    });
    EXPECT_EQ(context.script().sent(socket.native_handle()), std::string(100, 'x') + std::string(100, 'y'));
}

TEST(Send, OfMoreBuffersThanTheKernelTakesIsShort) {
    scripted_context context;
    auto socket = context.connected_socket();
    const std::string memory(3000, 'x');
    std::vector<const_buffer> buffers;
    for (const char& byte: memory)
        buffers.emplace_back(&byte, 1);
    context.run([&]() -> task<> {
        context.answer_next(reply::all());
        EXPECT_EQ(co_await socket.send(const_buffers(buffers)), 1024u);
    });
}

}  // namespace
}  // namespace coil::test
