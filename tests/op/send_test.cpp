// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#include <array>
#include <cerrno>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <coil/algo/write.hpp>

#include "support/scripted_context.hpp"

namespace coil::test {
namespace {

TEST(Send, SubmitsTheArguments) {
    scripted_context context;
    auto socket = context.connected_socket();
    const std::string_view text = "hello";
    context.run([&]() -> task<> {
        context.answer_next(reply::all());
        co_await socket.send(text, message_flags::more);
    });
    const auto& sqe = context.script().latest();
    EXPECT_EQ(sqe.opcode, IORING_OP_SEND);
    EXPECT_EQ(sqe.fd, socket.native_handle());
    EXPECT_EQ(sqe.addr, reinterpret_cast<std::uintptr_t>(text.data()));
    EXPECT_EQ(sqe.len, text.size());
    EXPECT_EQ(sqe.msg_flags, static_cast<unsigned>(MSG_MORE | MSG_NOSIGNAL));
}

TEST(Send, ReturnsTheNumberOfBytesSent) {
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

TEST(Send, SubmitsNothingForAnEmptyBuffer) {
    scripted_context context;
    auto socket = context.connected_socket();
    context.run([&]() -> task<> {
        EXPECT_EQ(co_await socket.send(""), 0u);
        EXPECT_EQ(co_await socket.send("", ""), 0u);
    });
    EXPECT_TRUE(context.script().history().empty());
}

TEST(Send, ReportsEachErrno) {
    scripted_context context;
    auto socket = context.connected_socket();
    for (const int number: {EPIPE, ECONNRESET, ENOTCONN, EBADF, ENOMEM, ENOBUFS, EAGAIN, EACCES, EHOSTUNREACH,
                            ENETUNREACH, ETIMEDOUT, EIO}) {
        context.run([&]() -> task<> {
            context.answer_next(-number);
            auto [ec, n] = co_await as_tuple(socket.send("hello"));
            EXPECT_EQ(ec, detail::system_error_code(number));
            EXPECT_EQ(n, 0u);
        });
    }
}

TEST(Send, TransferErrorNamesTheOperation) {
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

TEST(Send, CancelReturnsTheBytesAlreadySent) {
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

TEST(Send, SecondWriterFails) {
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

TEST(Send, GathersTemporaries) {
    scripted_context context;
    auto socket = context.connected_socket();
    context.then([&] { context.answer(IORING_OP_SENDMSG, reply::all()); });
    context.run([&]() -> task<> {
        EXPECT_EQ(co_await socket.send(std::string(100, 'x'), std::string(100, 'y')), 200u);
    });
    EXPECT_EQ(context.script().sent(socket.native_handle()), std::string(100, 'x') + std::string(100, 'y'));
}

TEST(Send, IsShortWithMoreThanIovMaxBuffers) {
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

// ---- direct system calls ----------------------------------------------------------------------------------

TEST(Send, IsDirectWhileLoadIsLow) {
    scripted_context context;
    auto socket = context.connected_socket();
    context.run([&]() -> task<> {
        const unsigned enters = context.script().enters();
        for (int i = 0; i < 5; ++i) {
            context.script().answer_direct(reply::all());
            EXPECT_EQ(co_await socket.send("hello"), 5u);
        }
        EXPECT_EQ(context.script().enters(), enters);
    });
    EXPECT_EQ(context.script().sent(socket.native_handle()), "hellohellohellohellohello");
    EXPECT_EQ(context.script().submitted(IORING_OP_SEND), 0u);
    EXPECT_EQ(context.io().metrics().sends_direct, 5u);
}

TEST(Send, UsesTheRingIfItWouldBlock) {
    scripted_context context;
    auto socket = context.connected_socket();
    context.run([&]() -> task<> {
        context.script().answer_direct(-EAGAIN);
        context.answer_next(reply::all());
        EXPECT_EQ(co_await socket.send("hello"), 5u);
    });
    EXPECT_EQ(context.script().direct_sends(), 1u);
    EXPECT_EQ(context.script().submitted(IORING_OP_SEND), 1u);
}

TEST(Send, UsesTheRingUnderLoad) {
    scripted_context context;
    std::vector<tcp::socket> sockets;
    const auto echo = [](tcp::socket& socket) -> task<> {
        std::array<char, 10> buffer;
        const std::size_t n = co_await socket.recv(buffer);
        co_await socket.send(std::string_view(buffer.data(), n));
    };
    for (int i = 0; i < 3; ++i)
        sockets.push_back(context.connected_socket());
    std::vector<join_handle<void>> tasks;
    for (auto& each: sockets)
        tasks.push_back(co_spawn(context.io(), echo, std::ref(each)));
    context.then([&] {
        for (int i = 0; i < 3; ++i)
            context.answer(IORING_OP_RECV, "hello");
    });
    context.script().answer_every(IORING_OP_SEND, reply::all());
    context.run();
    EXPECT_EQ(context.script().direct_sends(), 0u);
    EXPECT_EQ(context.script().submitted(IORING_OP_SEND), 3u);
}

TEST(Send, DirectSendReportsErrors) {
    scripted_context context;
    auto socket = context.connected_socket();
    context.run([&]() -> task<> {
        context.script().answer_direct(-EPIPE);
        auto [ec, n] = co_await as_tuple(socket.send("hello"));
        EXPECT_EQ(ec, error::broken_pipe);
        context.script().answer_direct(-ECONNRESET);
        try {
            co_await socket.send("hello");
            ADD_FAILURE() << "no error";
        } catch (const transfer_error& failure) {
            EXPECT_EQ(failure.code(), error::connection_reset);
        }
    });
}

TEST(Send, DirectSendsDoNotStarveOthers) {
    scripted_context context;
    auto socket = context.connected_socket();
    int sent = 0;
    int sent_before_the_other = -1;
    context.script().answer_every(IORING_OP_SEND, reply::all());
    for (int i = 0; i < 1000; ++i)
        context.script().answer_direct(reply::all());
    context.run([&]() -> task<> {
        auto other = context.spawn([&]() -> task<> {
            sent_before_the_other = sent;
            co_return;
        });
        while (context.script().direct_sends() < 1000) {
            co_await socket.send("x");
            ++sent;
        }
        co_await other.join();
    });
    EXPECT_LE(sent_before_the_other, 100);
}

TEST(Send, UsesTheRingForLargeSends) {
    scripted_context context;
    auto socket = context.connected_socket();
    const std::string much(16 * 1024 + 1, 'x');
    context.run([&]() -> task<> {
        context.answer_next(reply::all());
        EXPECT_EQ(co_await socket.send(much), much.size());
        EXPECT_EQ(context.script().direct_sends(), 0u);
        context.script().answer_direct(reply::all());
        EXPECT_EQ(co_await socket.send(buffer(much.data(), 16 * 1024)), 16u * 1024);
    });
    EXPECT_EQ(context.script().direct_sends(), 1u);
}

TEST(Send, SubmitsNothingInAStoppedTask) {
    scripted_context context;
    auto socket = context.connected_socket();
    auto handle = context.spawn([&]() -> task<> {
        co_await yield();
        auto [ec, n] = co_await as_tuple(socket.send("hello"));
        EXPECT_EQ(ec, error::operation_aborted);
    });
    handle.request_stop();
    context.run();
    EXPECT_EQ(context.script().direct_sends(), 0u);
}

TEST(Send, DatagramSendIsDirectWhileLoadIsLow) {
    scripted_context context;
    auto socket = context.datagram_socket();
    context.run([&]() -> task<> {
        const udp::endpoint to(ip::address_v4::loopback(), 53);
        context.script().answer_direct(reply::all());
        EXPECT_EQ(co_await socket.sendto("question", to), 8u);
        context.script().answer_direct(reply::all());
        EXPECT_EQ(co_await socket.sendto(std::array{const_buffer("an"), const_buffer("swer")}, to), 6u);
    });
    EXPECT_EQ(context.script().sent(socket.native_handle()), "questionanswer");
}

// In Asio, two async_write calls on one socket send their parts alternately.
TEST(Send, NothingComesBetweenThePartsOfAWrite) {
    scripted_context context;
    auto socket = context.connected_socket();
    auto first = context.spawn([&]() -> task<> { EXPECT_EQ(co_await write(socket, "first message"), 13u); });
    context.then([&] { context.answer(IORING_OP_SEND, 5); });  // a partial write
    std::optional<join_handle<void>> second;
    context.then([&] {
        second = context.spawn([&]() -> task<> {
            auto [ec, n] = co_await as_tuple(write(socket, "second message"));
            EXPECT_EQ(ec, error::operation_in_progress);
            EXPECT_EQ(n, 0u);
        });
    });
    context.then([&] { context.answer(IORING_OP_SEND, reply::all()); });
    context.run();
    EXPECT_EQ(context.script().sent(socket.native_handle()), "first message");
}

TEST(Send, WriteIsDirectUntilTheSocketIsFull) {
    scripted_context context;
    auto socket = context.connected_socket();
    context.run([&]() -> task<> {
        context.script().answer_direct(3);  // a partial write: the socket is full
        context.answer_next(reply::all());
        EXPECT_EQ(co_await write(socket, "hello world"), 11u);
        EXPECT_EQ(context.script().submitted(IORING_OP_SEND), 1u);
        context.script().answer_direct(reply::all());
        EXPECT_EQ(co_await write(socket, "!"), 1u);
    });
    EXPECT_EQ(context.script().sent(socket.native_handle()), "hello world!");
    EXPECT_EQ(context.script().direct_sends(), 2u);
}

}  // namespace
}  // namespace coil::test
