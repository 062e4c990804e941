// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#include <array>
#include <cerrno>
#include <string_view>
#include <vector>

#include "support/address_space.hpp"
#include "support/scripted_context.hpp"

namespace coil::test {
namespace {

using bytes = std::array<char, 10>;

std::string_view prefix(const bytes& buffer, std::size_t n) { return {buffer.data(), n}; }

TEST(Recv, SubmitsTheArguments) {
    scripted_context context;
    auto socket = context.connected_socket();
    bytes buffer;
    context.run([&]() -> task<> {
        context.answer_next("hello");
        co_await socket.recv(buffer, message_flags::peek);
    });
    const auto& sqe = context.script().latest();
    EXPECT_EQ(sqe.opcode, IORING_OP_RECV);
    EXPECT_EQ(sqe.fd, socket.native_handle());
    EXPECT_EQ(sqe.addr, reinterpret_cast<std::uintptr_t>(buffer.data()));
    EXPECT_EQ(sqe.len, buffer.size());
    EXPECT_EQ(sqe.msg_flags, static_cast<unsigned>(MSG_PEEK));
    EXPECT_EQ(sqe.flags, 0);
}

TEST(Recv, ReturnsTheBytes) {
    scripted_context context;
    auto socket = context.connected_socket();
    bytes buffer;
    context.run([&]() -> task<> {
        context.answer_next("hello");
        EXPECT_EQ(co_await socket.recv(buffer), 5u);
        EXPECT_EQ(prefix(buffer, 5), "hello");
        context.answer_next("more than there is room for");
        EXPECT_EQ(co_await socket.recv(buffer), 10u);
        EXPECT_EQ(prefix(buffer, 10), "more than ");
    });
}

TEST(Recv, CompletesWhenTheBytesComeLater) {
    scripted_context context;
    auto socket = context.connected_socket();
    bytes buffer;
    context.then([&] { context.answer(IORING_OP_RECV, "late"); });
    context.run([&]() -> task<> {
        EXPECT_EQ(co_await socket.recv(buffer), 4u);
        EXPECT_EQ(prefix(buffer, 4), "late");
    });
}

TEST(Recv, ReturnsZeroAtTheEndOfTheStream) {
    scripted_context context;
    auto socket = context.connected_socket();
    bytes buffer;
    context.run([&]() -> task<> {
        context.answer_next(0);
        EXPECT_EQ(co_await socket.recv(buffer), 0u);
        context.answer_next(0);
        auto [ec, n] = co_await as_tuple(socket.recv(buffer));
        EXPECT_FALSE(ec);
        EXPECT_EQ(n, 0u);
    });
}

TEST(Recv, ReportsAResetAsAnError) {
    scripted_context context;
    auto socket = context.connected_socket();
    bytes buffer;
    context.run([&]() -> task<> {
        context.answer_next(-ECONNRESET);
        auto [ec, n] = co_await as_tuple(socket.recv(buffer));
        EXPECT_EQ(ec, std::errc::connection_reset);
        EXPECT_EQ(n, 0u);
    });
}

TEST(Recv, ReportsEachErrno) {
    scripted_context context;
    auto socket = context.connected_socket();
    bytes buffer;
    for (const int number: {EBADF, ENOTCONN, ECONNREFUSED, ETIMEDOUT, EHOSTUNREACH, ENOMEM, ENOBUFS, EAGAIN,
                            EACCES, EINVAL, EFAULT, EIO, EOPNOTSUPP, EBUSY}) {
        context.run([&]() -> task<> {
            context.answer_next(-number);
            auto [ec, n] = co_await as_tuple(socket.recv(buffer));
            EXPECT_EQ(ec, detail::system_error_code(number));
            EXPECT_EQ(n, 0u);
        });
    }
}

TEST(Recv, ThrowsWhatAsTupleReturns) {
    scripted_context context;
    auto socket = context.connected_socket();
    bytes buffer;
    context.run([&]() -> task<> {
        context.answer_next(-ECONNRESET);
        try {
            co_await socket.recv(buffer);
            ADD_FAILURE() << "nothing was thrown";
        } catch (const transfer_error& failure) {
            EXPECT_EQ(failure.code(), std::errc::connection_reset);
            EXPECT_EQ(failure.bytes_transferred(), 0u);
            EXPECT_NE(std::string(failure.what()).find("recv"), std::string::npos) << failure.what();
        }
    });
}

TEST(Recv, ErrorNamesThePeer) {
    scripted_context context;
    tcp::socket socket(context);
    bytes buffer;
    context.run([&]() -> task<> {
        context.answer_next(0);
        co_await socket.connect({ip::address_v4({192, 0, 2, 1}), 80});
        context.answer_next(-ECONNRESET);
        try {
            co_await socket.recv(buffer);
            ADD_FAILURE() << "nothing was thrown";
        } catch (const std::system_error& failure) {
            EXPECT_NE(std::string(failure.what()).find("192.0.2.1:80"), std::string::npos) << failure.what();
        }
    });
}

TEST(Recv, SubmitsNothingForAnEmptyBuffer) {
    scripted_context context;
    auto socket = context.connected_socket();
    context.run([&]() -> task<> { EXPECT_EQ(co_await socket.recv(mutable_buffer()), 0u); });
    EXPECT_TRUE(context.script().history().empty());
}

TEST(Recv, LimitsTheSizeToTheKernelsMaximum) {
    scripted_context context;
    auto socket = context.connected_socket();
    const address_space huge(std::size_t{5} << 30);
    context.run([&]() -> task<> {
        context.answer_next(1);
        co_await socket.recv(huge.buffer());
    });
    EXPECT_EQ(context.script().latest().len, 0x7ffff000u);
}

TEST(Recv, RetriesAfterEintr) {
    scripted_context context;
    auto socket = context.connected_socket();
    bytes buffer;
    context.run([&]() -> task<> {
        context.answer_next(-EINTR);
        context.answer_next(-EINTR);
        context.answer_next("hello");
        EXPECT_EQ(co_await socket.recv(buffer), 5u);
    });
    EXPECT_EQ(context.script().submitted(IORING_OP_RECV), 3u);
}

TEST(Recv, FailsOnAClosedSocket) {
    scripted_context context;
    tcp::socket socket(context);
    bytes buffer;
    context.run([&]() -> task<> {
        auto [ec, n] = co_await as_tuple(socket.recv(buffer));
        EXPECT_EQ(ec, error::bad_descriptor);
    });
    EXPECT_TRUE(context.script().history().empty());
}

TEST(Recv, ThrowsOnASocketWithoutAContext) {
    scripted_context context;
    tcp::socket socket;
    bytes buffer;
    context.run([&]() -> task<> {
        bool threw = false;
        try {
            co_await socket.recv(buffer);
        } catch (const std::system_error& failure) {
            threw = true;
            EXPECT_EQ(failure.code(), error::bad_descriptor);
        }
        EXPECT_TRUE(threw);
    });
}

TEST(Recv, StaleDescriptionFails) {
    scripted_context context;
    auto socket = context.connected_socket();
    bytes buffer;
    context.run([&]() -> task<> {
        auto before = socket.recv(buffer);
        socket.close();
        socket = context.connected_socket();
        auto [ec, n] = co_await as_tuple(before);
        EXPECT_EQ(ec, error::bad_descriptor);
    });
    EXPECT_EQ(context.script().submitted(IORING_OP_RECV), 0u);
}

TEST(Recv, DescriptionMayBeAwaitedTwice) {
    scripted_context context;
    auto socket = context.connected_socket();
    bytes buffer;
    context.run([&]() -> task<> {
        const auto description = socket.recv(buffer);
        context.answer_next("one");
        EXPECT_EQ(co_await description, 3u);
        context.answer_next("three");
        EXPECT_EQ(co_await description, 5u);
    });
}

TEST(Recv, SecondReaderFails) {
    const auto two_readers = [] {
        scripted_context context;
        auto socket = context.connected_socket();
        bytes one, two;
        auto first_reader =
            context.spawn([&]() -> task<> { static_cast<void>(co_await as_tuple(socket.recv(one))); });
        context.then([&] { context.answer(IORING_OP_RECV, 0); });
        context.run([&]() -> task<> {
            auto [ec, n] = co_await as_tuple(socket.recv(two));
            EXPECT_EQ(ec, error::operation_in_progress);
        });
        EXPECT_EQ(context.script().submitted(IORING_OP_RECV), 1u);
    };
    two_readers();
}

TEST(Recv, NextReaderMayStartAfterTheFirst) {
    scripted_context context;
    auto socket = context.connected_socket();
    bytes buffer;
    context.run([&]() -> task<> {
        for (int i = 0; i < 100; ++i) {
            context.answer_next("x");
            EXPECT_EQ(co_await socket.recv(buffer), 1u);
        }
    });
}

TEST(Recv, ReaderAndWriterAreIndependent) {
    scripted_context context;
    auto socket = context.connected_socket();
    bytes buffer;
    std::size_t received = 0;
    auto reader = context.spawn([&]() -> task<> { received = co_await socket.recv(buffer); });
    context.then([&] { context.answer(IORING_OP_SEND, reply::all()); });
    context.then([&] { context.answer(IORING_OP_RECV, "pong"); });
    context.run([&]() -> task<> {
        EXPECT_EQ(co_await socket.send("ping"), 4u);
        EXPECT_EQ(received, 0u);
    });
    EXPECT_EQ(received, 4u);
}

TEST(Recv, OwnShutdownIsAnAbort) {
    scripted_context context;
    auto socket = context.connected_socket();
    bytes buffer;
    context.then([&] {
        socket.shutdown(socket_base::shutdown_receive);
        context.answer(IORING_OP_RECV, 0);  // as the kernel does immediately
    });
    context.run([&]() -> task<> {
        auto [ec, n] = co_await as_tuple(socket.recv(buffer));
        EXPECT_EQ(ec, error::operation_aborted);
    });
    EXPECT_EQ(context.script().descriptor(socket.native_handle()).shut_down, SHUT_RD);
}

TEST(Recv, DeliversBytesThatCameBeforeAShutdown) {
    scripted_context context;
    auto socket = context.connected_socket();
    bytes buffer;
    context.then([&] {
        context.answer(IORING_OP_RECV, "hello");
        socket.shutdown(socket_base::shutdown_both);
    });
    context.run([&]() -> task<> { EXPECT_EQ(co_await socket.recv(buffer), 5u); });
}

TEST(Recv, ShutdownSendKeepsThePeersEnd) {
    scripted_context context;
    auto socket = context.connected_socket();
    bytes buffer;
    context.then([&] {
        socket.shutdown(socket_base::shutdown_send);
        context.answer(IORING_OP_RECV, 0);
    });
    context.run([&]() -> task<> {
        auto [ec, n] = co_await as_tuple(socket.recv(buffer));
        EXPECT_FALSE(ec);
    });
}

TEST(Recv, ContinuesWhenItsSocketIsMoved) {
    scripted_context context;
    auto socket = context.connected_socket();
    bytes buffer;
    tcp::socket moved;
    context.then([&] {
        moved = std::move(socket);
        EXPECT_FALSE(socket.is_open());
        EXPECT_EQ(&socket.context(), &context.io());
        context.answer(IORING_OP_RECV, "hello");
    });
    context.run([&]() -> task<> { EXPECT_EQ(co_await socket.recv(buffer), 5u); });
    EXPECT_TRUE(moved.is_open());
}

TEST(Recv, ScattersIntoSeveralBuffers) {
    scripted_context context;
    auto socket = context.connected_socket();
    std::array<char, 3> one;
    std::array<char, 4> two;
    context.run([&]() -> task<> {
        context.answer_next("hello");
        EXPECT_EQ(co_await socket.recv(one, two), 5u);
    });
    EXPECT_EQ(std::string_view(one.data(), 3), "hel");
    EXPECT_EQ(std::string_view(two.data(), 2), "lo");
    EXPECT_EQ(context.script().latest().opcode, IORING_OP_RECVMSG);
}

TEST(Recv, ScattersIntoARuntimeArray) {
    scripted_context context;
    auto socket = context.connected_socket();
    std::string memory(2000, '\0');
    std::vector<mutable_buffer> buffers;
    for (std::size_t i = 0; i < memory.size(); ++i)
        buffers.emplace_back(memory.data() + i, 1);
    context.run([&]() -> task<> {
        context.answer_next(std::string(2000, 'x'));
        // The kernel takes at most 1024 buffers (IOV_MAX); the next receive gets the rest.
        EXPECT_EQ(co_await socket.recv(mutable_buffers(buffers)), 1024u);
    });
    EXPECT_EQ(memory, std::string(1024, 'x') + std::string(976, '\0'));
}

TEST(Recv, SubmitsNothingForEmptyBuffers) {
    scripted_context context;
    auto socket = context.connected_socket();
    context.run([&]() -> task<> {
        EXPECT_EQ(co_await socket.recv(mutable_buffer(), mutable_buffer()), 0u);
        EXPECT_EQ(co_await socket.recv(mutable_buffers()), 0u);
    });
    EXPECT_TRUE(context.script().history().empty());
}

}  // namespace
}  // namespace coil::test
