// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#include <array>
#include <cerrno>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "support/scripted_context.hpp"

namespace coil::test {
namespace {

const udp::endpoint peer(ip::address_v4({192, 0, 2, 7}), 5353);

using bytes = std::array<char, 10>;

std::string_view first(const bytes& buffer, std::size_t n) { return {buffer.data(), n}; }

TEST(Recvfrom, ReturnsTheDatagramAndItsSender) {
    scripted_context context;
    auto socket = context.datagram_socket();
    bytes buffer;
    context.run([&]() -> task<> {
        context.answer_next(reply("hello").from(peer));
        auto [size, truncated, from] = co_await socket.recvfrom(buffer);
        EXPECT_EQ(first(buffer, size), "hello");
        EXPECT_FALSE(truncated);
        EXPECT_EQ(from, peer);
    });
    const auto& sqe = context.script().latest();
    EXPECT_EQ(sqe.opcode, IORING_OP_RECVMSG);
    EXPECT_EQ(sqe.fd, socket.native_handle());
    EXPECT_EQ(sqe.msg_flags, static_cast<unsigned>(MSG_TRUNC));
}

TEST(Recvfrom, ReportsASenderOfTheOtherFamily) {
    scripted_context context;
    auto socket = context.datagram_socket();
    const udp::endpoint v6(ip::address_v6::loopback(), 5353);
    bytes buffer;
    context.run([&]() -> task<> {
        context.answer_next(reply("hello").from(v6));
        EXPECT_EQ((co_await socket.recvfrom(buffer)).from, v6);
    });
}

TEST(Recvfrom, ReportsTruncation) {
    scripted_context context;
    auto socket = context.datagram_socket();
    bytes buffer;
    context.run([&]() -> task<> {
        context.answer_next("0123456789 and more");
        auto [size, truncated, from] = co_await socket.recvfrom(buffer);
        EXPECT_EQ(first(buffer, size), "0123456789");
        EXPECT_TRUE(truncated);
        context.answer_next("0123456789");
        EXPECT_FALSE((co_await socket.recvfrom(buffer)).truncated);
    });
}

TEST(RecvDatagram, FillsSeveralBuffersInOrder) {
    scripted_context context;
    auto socket = context.connected_datagram_socket();
    std::array<char, 3> head;
    bytes rest;
    context.run([&]() -> task<> {
        context.answer_next("hello");
        auto [size, truncated] = co_await socket.recv(head, rest);
        EXPECT_EQ(size, 5u);
        EXPECT_FALSE(truncated);
        EXPECT_EQ(first(rest, 2), "lo");
        const std::array<mutable_buffer, 2> made_at_run_time = {head, rest};
        context.answer_next("much more than thirteen");
        const auto cut = co_await socket.recv(made_at_run_time);
        EXPECT_EQ(cut.size, 13u);
        EXPECT_TRUE(cut.truncated);
    });
    EXPECT_EQ(context.script().latest().opcode, IORING_OP_RECVMSG);
}

TEST(RecvDatagram, ScatteredRecvIsCancelledAndDestroyed) {
    for (const bool destroyed: {false, true}) {
        scripted_context context;
        auto socket = context.connected_datagram_socket();
        std::array<char, 3> head;
        bytes rest;
        std::error_code error;
        const auto waiting = context.spawn([&]() -> task<> {
            auto [ec, received] = co_await as_tuple(socket.recv(head, rest));
            error = ec;
        });
        context.poll();
        if (destroyed) {
            context.destroy();
            continue;
        }
        socket.cancel();
        context.run();
        EXPECT_EQ(error, error::operation_aborted);
    }
}

TEST(RecvDatagram, FailsWithMoreThanIovMaxBuffers) {
    scripted_context context;
    auto socket = context.connected_datagram_socket();
    const std::vector<mutable_buffer> many(1025);
    context.run([&]() -> task<> {
        auto [ec, received] = co_await as_tuple(socket.recv(many));
        EXPECT_EQ(ec, error::message_size);
    });
}

TEST(Recvfrom, ReceivesAnEmptyDatagram) {
    scripted_context context;
    auto socket = context.datagram_socket();
    bytes buffer;
    context.run([&]() -> task<> {
        context.answer_next(reply("").from(peer));
        auto [ec, received] = co_await as_tuple(socket.recvfrom(buffer));
        EXPECT_FALSE(ec);
        EXPECT_EQ(received.size, 0u);
        EXPECT_EQ(received.from, peer);
    });
}

TEST(Recvfrom, EmptyBufferConsumesADatagram) {
    scripted_context context;
    auto socket = context.datagram_socket();
    context.run([&]() -> task<> {
        context.answer_next(reply("hello").from(peer));
        auto [size, truncated, from] = co_await socket.recvfrom(mutable_buffer());
        EXPECT_EQ(size, 0u);
        EXPECT_TRUE(truncated);
        EXPECT_EQ(from, peer);
    });
}

TEST(Recvfrom, ScattersOverSeveralBuffers) {
    scripted_context context;
    auto socket = context.datagram_socket();
    std::array<char, 3> one;
    std::array<char, 3> two;
    context.run([&]() -> task<> {
        context.answer_next(reply("0123456789").from(peer));
        auto [size, truncated, from] = co_await socket.recvfrom(one, two);
        EXPECT_EQ(size, 6u);
        EXPECT_TRUE(truncated);
        EXPECT_EQ(from, peer);
    });
    EXPECT_EQ(std::string_view(two.data(), 3), "345");
}

TEST(Recvfrom, FailsWithMoreThanIovMaxBuffers) {
    scripted_context context;
    auto socket = context.datagram_socket();
    const std::vector<mutable_buffer> buffers(1025);
    context.run([&]() -> task<> {
        auto [ec, received] = co_await as_tuple(socket.recvfrom(mutable_buffers(buffers)));
        EXPECT_EQ(ec, error::message_size);
    });
    EXPECT_TRUE(context.script().history().empty());
}

TEST(Recvfrom, ReportsErrors) {
    scripted_context context;
    auto socket = context.datagram_socket();
    bytes buffer;
    context.run([&]() -> task<> {
        context.answer_next(-ECONNREFUSED);
        auto [ec, received] = co_await as_tuple(socket.recvfrom(buffer));
        EXPECT_EQ(ec, error::connection_refused);
        bool threw = false;
        context.answer_next(-ENOMEM);
        try {
            co_await socket.recvfrom(buffer);
        } catch (const std::system_error& failure) {
            threw = true;
            EXPECT_NE(std::string(failure.what()).find("recvfrom"), std::string::npos) << failure.what();
        }
        EXPECT_TRUE(threw);
    });
}

/// Receives one datagram, and logs the result.
task<> receive(udp::socket& socket, std::vector<std::string>& log, std::string name) {
    bytes buffer;
    auto [ec, received] = co_await as_tuple(socket.recvfrom(buffer));
    log.push_back(name + ": " + (ec ? ec.message() : std::string(first(buffer, received.size))));
}

TEST(Recvfrom, ServesWaitersInFifoOrder) {
    scripted_context context;
    auto socket = context.datagram_socket();
    std::vector<std::string> log;
    for (const char* name: {"a", "b", "c"})
        co_spawn(context.io(), receive(socket, log, name), detached);
    for (const char* text: {"1", "2", "3"})
        context.then([&, text] {
            EXPECT_EQ(context.script().in_flight().size(), 1u);  // only the first is submitted
            context.answer(IORING_OP_RECVMSG, text);
        });
    context.run();
    EXPECT_EQ(log, (std::vector<std::string>{"a: 1", "b: 2", "c: 3"}));
}

TEST(Recvfrom, CancelOfAQueuedWaiterKeepsTheOrder) {
    scripted_context context;
    auto socket = context.datagram_socket();
    std::vector<std::string> log;
    co_spawn(context.io(), receive(socket, log, "a"), detached);
    auto second = co_spawn(context.io(), receive(socket, log, "b"));
    co_spawn(context.io(), receive(socket, log, "c"), detached);
    context.then([&] { second.request_stop(); });
    for (const char* text: {"1", "2"})
        context.then([&, text] { context.answer(IORING_OP_RECVMSG, text); });
    context.run();
    EXPECT_EQ(log, (std::vector<std::string>{"b: operation aborted", "a: 1", "c: 2"}));
    EXPECT_EQ(context.script().submitted(IORING_OP_ASYNC_CANCEL), 0u);
}

TEST(Recvfrom, CancelOfTheFirstServesTheNext) {
    scripted_context context;
    auto socket = context.datagram_socket();
    std::vector<std::string> log;
    auto head = co_spawn(context.io(), receive(socket, log, "a"));
    co_spawn(context.io(), receive(socket, log, "b"), detached);
    context.then([&] { head.request_stop(); });
    context.then([&] { context.answer(IORING_OP_RECVMSG, "1"); });
    context.run();
    EXPECT_EQ(log, (std::vector<std::string>{"a: operation aborted", "b: 1"}));
}

TEST(Recvfrom, SocketCancelAbortsAllWaiters) {
    scripted_context context;
    auto socket = context.datagram_socket();
    std::vector<std::string> log;
    for (const char* name: {"a", "b", "c"})
        co_spawn(context.io(), receive(socket, log, name), detached);
    context.then([&] { socket.cancel(); });
    context.run();
    EXPECT_EQ(log.size(), 3u);
    for (const std::string& line: log)
        EXPECT_NE(line.find("operation aborted"), std::string::npos) << line;
    EXPECT_EQ(context.script().submitted(IORING_OP_RECVMSG), 1u);
}

TEST(RecvDatagram, ReportsTruncationOnAConnectedSocket) {
    scripted_context context;
    auto socket = context.connected_datagram_socket();
    bytes buffer;
    context.run([&]() -> task<> {
        context.answer_next("0123456789 and more");
        auto [size, truncated] = co_await socket.recv(buffer);
        EXPECT_EQ(size, 10u);
        EXPECT_TRUE(truncated);
        context.answer_next("");
        auto [ec, empty] = co_await as_tuple(socket.recv(buffer));
        EXPECT_FALSE(ec);
        EXPECT_EQ(empty.size, 0u);
    });
    EXPECT_EQ(context.script().latest().opcode, IORING_OP_RECV);
    EXPECT_EQ(context.script().latest().msg_flags, static_cast<unsigned>(MSG_TRUNC));
}

TEST(Sendto, SubmitsTheDatagramAndItsAddress) {
    scripted_context context;
    auto socket = context.datagram_socket();
    context.run([&]() -> task<> {
        context.answer_next(reply::all());
        EXPECT_EQ(co_await socket.sendto("hello", peer), 5u);
    });
    const auto& sqe = context.script().latest();
    EXPECT_EQ(sqe.opcode, IORING_OP_SEND);
    EXPECT_EQ(sqe.msg_flags, static_cast<unsigned>(MSG_NOSIGNAL));
    EXPECT_EQ(sqe.addr_len, sizeof(sockaddr_in));
    EXPECT_NE(sqe.addr2, 0u);
    EXPECT_EQ(context.script().sent(socket.native_handle()), "hello");
}

TEST(Sendto, KeepsTheAddressUntilItIsSent) {
    scripted_context context;
    auto socket = context.datagram_socket();
    context.then([&] {
        const auto& sqe = context.script().latest();
        ip::socket_address address{};
        std::memcpy(&address, reinterpret_cast<const void*>(sqe.addr2), sqe.addr_len);
        EXPECT_EQ(ip::endpoint::from_sockaddr(address, sqe.addr_len), peer);
        context.answer(IORING_OP_SEND, reply::all());
    });
    context.run([&]() -> task<> {
        udp::endpoint to = peer;
        auto sending = socket.sendto("hello", to);
        EXPECT_EQ(co_await sending, 5u);
    });
}

TEST(Sendto, SendsAnEmptyDatagram) {
    scripted_context context;
    auto socket = context.datagram_socket();
    context.run([&]() -> task<> {
        context.answer_next(0);
        EXPECT_EQ(co_await socket.sendto("", peer), 0u);
    });
    EXPECT_EQ(context.script().submitted(IORING_OP_SEND), 1u);
}

TEST(Sendto, SeveralMayOverlap) {
    scripted_context context;
    auto socket = context.datagram_socket();
    std::size_t sent = 0;
    const auto send = [&]() -> task<> { sent += co_await socket.sendto("hello", peer); };
    auto one = context.spawn(send);
    auto two = context.spawn(send);
    context.then([&] {
        EXPECT_EQ(context.script().in_flight(IORING_OP_SEND).size(), 2u);
        context.answer(IORING_OP_SEND, reply::all());
        context.answer(IORING_OP_SEND, reply::all());
    });
    context.run();
    EXPECT_EQ(sent, 10u);
}

TEST(Sendto, ErrorNamesTheAddress) {
    scripted_context context;
    auto socket = context.datagram_socket();
    context.run([&]() -> task<> {
        context.answer_next(-EMSGSIZE);
        try {
            co_await socket.sendto("hello", peer);
            ADD_FAILURE() << "nothing was thrown";
        } catch (const std::system_error& failure) {
            EXPECT_EQ(failure.code(), error::message_size);
            EXPECT_NE(std::string(failure.what()).find("192.0.2.7:5353"), std::string::npos)
                << failure.what();
        }
    });
}

TEST(Sendto, GathersABufferArray) {
    scripted_context context;
    auto socket = context.datagram_socket();
    const std::array<const_buffer, 2> buffers{const_buffer("hello "), const_buffer("world")};
    context.then([&] {
        const auto& message = *reinterpret_cast<const msghdr*>(context.script().latest().addr);
        EXPECT_EQ(ip::endpoint::from_sockaddr(message.msg_name, message.msg_namelen), peer);
        context.answer(IORING_OP_SENDMSG, reply::all());
    });
    context.run([&]() -> task<> { EXPECT_EQ(co_await socket.sendto(buffers, peer), 11u); });
    EXPECT_EQ(context.script().sent(socket.native_handle()), "hello world");
}

TEST(Sendto, FailsWithMoreThanIovMaxBuffers) {
    scripted_context context;
    auto socket = context.datagram_socket();
    const std::vector<const_buffer> buffers(1025, const_buffer("x"));
    context.run([&]() -> task<> {
        auto [ec, n] = co_await as_tuple(socket.sendto(const_buffers(buffers), peer));
        EXPECT_EQ(ec, error::message_size);
    });
    EXPECT_TRUE(context.script().history().empty());
}

TEST(SendDatagram, HasNoAddressOnAConnectedSocket) {
    scripted_context context;
    auto socket = context.connected_datagram_socket();
    context.run([&]() -> task<> {
        context.answer_next(reply::all());
        EXPECT_EQ(co_await socket.send("hello"), 5u);
        context.answer_next(reply::all());
        EXPECT_EQ(co_await socket.send("one", "two"), 6u);
        context.answer_next(0);
        EXPECT_EQ(co_await socket.send(""), 0u);
    });
    EXPECT_EQ(context.script().latest().addr2, 0u);
    EXPECT_EQ(context.script().sent(socket.native_handle()), "helloonetwo");
}

}  // namespace
}  // namespace coil::test
