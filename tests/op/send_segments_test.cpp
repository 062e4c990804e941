// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#include <coil/op/send_segments.hpp>

#include <cerrno>
#include <cstdint>
#include <cstring>
#include <netinet/udp.h>
#include <optional>
#include <string>

#include "support/scripted_context.hpp"

namespace coil::test {
namespace {

const udp::endpoint destination(ip::address_v4({192, 0, 2, 7}), 5353);

/// The UDP_SEGMENT size in a message.
std::optional<std::uint16_t> segment_size_of(const msghdr& message) {
    const cmsghdr* head = CMSG_FIRSTHDR(&message);
    if (!head)
        return std::nullopt;
    EXPECT_EQ(head->cmsg_level, IPPROTO_UDP);
    EXPECT_EQ(head->cmsg_type, UDP_SEGMENT);
    EXPECT_EQ(head->cmsg_len, CMSG_LEN(sizeof(std::uint16_t)));
    std::uint16_t size;
    std::memcpy(&size, CMSG_DATA(head), sizeof size);
    return size;
}

TEST(SendSegments, SubmitsOneMessageWithTheSegmentSize) {
    scripted_context context;
    auto socket = context.datagram_socket();
    const std::string bytes(2500, 'x');
    context.run([&]() -> task<> {
        context.then([&] {
            const auto submitted = context.script().in_flight(IORING_OP_SENDMSG).at(0);
            const auto& message = *reinterpret_cast<const msghdr*>(submitted.sqe().addr);
            EXPECT_EQ(segment_size_of(message), 1000);
            EXPECT_NE(message.msg_name, nullptr);
            EXPECT_TRUE(submitted.sqe().msg_flags & MSG_NOSIGNAL);
            context.answer(IORING_OP_SENDMSG, reply::all());
        });
        EXPECT_EQ(co_await socket.sendto(segments(bytes, 1000), destination), 2500u);
    });
    EXPECT_EQ(context.script().sent(socket.native_handle()), bytes);
    EXPECT_EQ(context.script().submitted(IORING_OP_SENDMSG), 1u);
}

TEST(SendSegments, OmitsTheSizeForASingleDatagram) {
    scripted_context context;
    auto socket = context.connected_datagram_socket();
    context.run([&]() -> task<> {
        for (const std::string& bytes: {std::string(1000, 'x'), std::string()}) {
            context.then([&] {
                const auto submitted = context.script().in_flight(IORING_OP_SENDMSG).at(0);
                const auto& message = *reinterpret_cast<const msghdr*>(submitted.sqe().addr);
                EXPECT_EQ(segment_size_of(message), std::nullopt);
                EXPECT_EQ(message.msg_name, nullptr);
                context.answer(IORING_OP_SENDMSG, reply::all());
            });
            EXPECT_EQ(co_await socket.send(segments(bytes, 1000)), bytes.size());
        }
    });
}

TEST(SendSegments, IsDirectWhileLoadIsLow) {
    scripted_context context;
    auto socket = context.datagram_socket();
    const std::string bytes(2500, 'x');
    context.run([&]() -> task<> {
        context.script().answer_direct(reply::all());
        EXPECT_EQ(co_await socket.sendto(segments(bytes, 1000), destination), 2500u);
        context.script().answer_direct(-EMSGSIZE);
        auto [ec, sent] = co_await as_tuple(socket.sendto(segments(bytes, 2000), destination));
        EXPECT_EQ(ec, error::message_size);
    });
    EXPECT_EQ(context.script().submitted(IORING_OP_SENDMSG), 0u);
    EXPECT_EQ(context.io().metrics().sends_direct, 2u);
}

TEST(SendSegments, FailsOnInvalidSizes) {
    scripted_context context;
    auto socket = context.datagram_socket();
    const std::string bytes(70'000, 'x');
    const const_buffer all(bytes);
    context.run([&]() -> task<> {
        const auto attempt = [&](std::size_t size, std::size_t segment) -> task<std::error_code> {
            auto [ec, sent] =
                co_await as_tuple(socket.sendto(segments(all.first(size), segment), destination));
            co_return ec;
        };
        EXPECT_EQ(co_await attempt(10, 0), error::invalid_argument);
        EXPECT_EQ(co_await attempt(0, 0), error::invalid_argument);
        EXPECT_EQ(co_await attempt(65, 1), error::message_size);
        EXPECT_EQ(co_await attempt(6401, 100), error::message_size);
        EXPECT_EQ(co_await attempt(65'508, 65'508), error::message_size);
        EXPECT_EQ(context.script().submitted(IORING_OP_SENDMSG), 0u);
        EXPECT_EQ(context.script().direct_sends(), 0u);
        context.script().answer_every(IORING_OP_SENDMSG, reply::all());
        EXPECT_FALSE(co_await attempt(64, 1));
        EXPECT_FALSE(co_await attempt(6400, 100));
        EXPECT_FALSE(co_await attempt(65'507, 1024));
        EXPECT_FALSE(co_await attempt(65'507, 65'507));
    });
}

TEST(SendSegments, ErrorNamesTheAddress) {
    scripted_context context;
    auto socket = context.datagram_socket();
    const std::string bytes(2500, 'x');
    context.run([&]() -> task<> {
        context.answer_next(-EIO);
        try {
            co_await socket.sendto(segments(bytes, 1000), destination);
            ADD_FAILURE() << "no error";
        } catch (const std::system_error& failure) {
            EXPECT_EQ(failure.code(), std::errc::io_error);
            EXPECT_NE(std::string(failure.what()).find("sendto 192.0.2.7:5353"), std::string::npos);
        }
    });
}

}  // namespace
}  // namespace coil::test
