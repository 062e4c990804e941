// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT

// read() and write(): what they submit, and how they handle completions.

#include <coil/algo/read.hpp>
#include <coil/algo/write.hpp>

#include <array>
#include <cerrno>
#include <climits>
#include <string>
#include <string_view>
#include <vector>

#include <sys/uio.h>

#include "support/address_space.hpp"
#include "support/scripted_context.hpp"

namespace coil::test {
namespace {

class Whole : public testing::Test {
protected:
    Whole() : socket_(context_.connected_socket()) {}

    template <class F>
    void run(F&& story) {
        context_.run(story);
    }
    scripted_context& context() { return context_; }
    ring::scripted_kernel& script() { return context_.script(); }
    tcp::socket& socket() { return socket_; }
    [[nodiscard]] std::string sent() { return script().sent(socket_.native_handle()); }

    std::array<char, 10> buffer_{};

private:
    scripted_context context_;
    tcp::socket socket_;
};

using Read = Whole;
using Write = Whole;

TEST_F(Read, RepeatsRecvUntilFull) {
    run([&]() -> task<> {
        context().answer_next("abc");
        context().answer_next("d");
        context().answer_next("efghij");
        EXPECT_EQ(co_await read(socket(), buffer_), 10u);
        EXPECT_EQ(std::string_view(buffer_.data(), 10), "abcdefghij");
        EXPECT_EQ(script().submitted(IORING_OP_RECV), 3u);
        EXPECT_EQ(script().latest().len, 6u);
        EXPECT_EQ(script().latest().addr, reinterpret_cast<std::uintptr_t>(buffer_.data() + 4));
    });
}

TEST_F(Read, NeedsOneRecvIfAllIsThere) {
    run([&]() -> task<> {
        context().answer_next("abcdefghij");
        EXPECT_EQ(co_await read(socket(), buffer_), 10u);
        EXPECT_EQ(script().submitted(IORING_OP_RECV), 1u);
    });
}

TEST_F(Read, ContinuesInsidePartlyFilledBuffer) {
    run([&]() -> task<> {
        std::array<char, 4> first{};
        std::array<char, 3> second{};
        std::array<char, 2> third{};
        context().answer_next("abcde");  // ends inside the second buffer
        context().answer_next("f");      // received into the second's rest alone
        context().answer_next("g");
        context().answer_next("hi");
        EXPECT_EQ(co_await read(socket(), first, second, third), 9u);
        EXPECT_EQ(std::string(first.begin(), first.end()) + std::string(second.begin(), second.end()) +
                      std::string(third.begin(), third.end()),
                  "abcdefghi");
        EXPECT_EQ(script().submitted(IORING_OP_RECVMSG), 4u);
    });
}

TEST_F(Read, SubmitsAtMostIovMaxBuffers) {
    run([&]() -> task<> {
        std::string bytes(IOV_MAX + 500, '\0');
        std::vector<mutable_buffer> buffers;
        for (char& each: bytes)
            buffers.emplace_back(&each, 1);
        std::vector<std::size_t> requested;
        const auto note = [&](std::size_t size) {
            const auto receiving = script().in_flight(IORING_OP_RECVMSG);
            const auto& message = *reinterpret_cast<const msghdr*>(receiving.front().sqe().addr);
            requested.push_back(message.msg_iovlen);
            script().answer(IORING_OP_RECVMSG, std::string(size, 'x'));
        };
        script().then([&] { note(IOV_MAX); });
        script().then([&] { note(500); });
        EXPECT_EQ(co_await read(socket(), mutable_buffers(buffers)), bytes.size());
        EXPECT_EQ(requested, (std::vector<std::size_t>{IOV_MAX, 500}));
        EXPECT_EQ(bytes, std::string(bytes.size(), 'x'));
    });
}

TEST_F(Read, SplitsReadOver2GiB) {
    run([&]() -> task<> {
        const address_space huge(std::size_t{3} << 30);
        std::vector<std::uint32_t> requested;
        const auto note = [&](int size) {
            requested.push_back(script().in_flight(IORING_OP_RECV).front().sqe().len);
            script().answer(IORING_OP_RECV, size);
        };
        script().then([&] { note(0x7ffff000); });
        script().then([&] { note(0x40001000); });
        EXPECT_EQ(co_await read(socket(), huge.buffer()), std::size_t{3} << 30);
        EXPECT_EQ(requested, (std::vector<std::uint32_t>{0x7ffff000, 0x40001000}));
    });
}

TEST_F(Read, ErrorCarriesByteCount) {
    run([&]() -> task<> {
        context().answer_next("abc");
        context().answer_next(-ECONNRESET);
        auto [ec, n] = co_await as_tuple(read(socket(), buffer_));
        EXPECT_EQ(ec, error::connection_reset);
        EXPECT_EQ(n, 3u);
        context().answer_next("abcd");
        context().answer_next(-ECONNRESET);
        try {
            co_await read(socket(), buffer_);
            ADD_FAILURE() << "no error";
        } catch (const transfer_error& failure) {
            EXPECT_EQ(failure.code(), error::connection_reset);
            EXPECT_EQ(failure.bytes_transferred(), 4u);
            const std::string_view text = failure.what();
            EXPECT_NE(text.find("read"), std::string_view::npos) << text;
        }
    });
}

// With MSG_WAITALL the kernel returns the byte count and drops the error that cut the recv short: a reset
// became a clean end of stream.
TEST_F(Read, DoesNotUseMsgWaitall) {
    run([&]() -> task<> {
        context().answer_next("abcdefghij");
        co_await read(socket(), buffer_);
        EXPECT_EQ(script().latest().msg_flags & MSG_WAITALL, 0u);
        std::array<char, 5> first;
        std::array<char, 5> second;
        context().answer_next("abcdefghij");
        co_await read(socket(), first, second);
        EXPECT_EQ(script().latest().msg_flags & MSG_WAITALL, 0u);
    });
}

TEST_F(Read, StopCountsBytesInFlight) {
    run([&]() -> task<> {
        auto reader = co_spawn(context().io(), [&]() -> task<> {
            auto [ec, n] = co_await as_tuple(read(socket(), buffer_));
            EXPECT_EQ(ec, error::operation_aborted);
            EXPECT_EQ(n, 5u);
        });
        script().then([&] { script().answer(IORING_OP_RECV, "abc"); });
        context().then([&] {
            script().when_cancelled("de");
            reader.request_stop();
        });
        co_await reader.join();
        EXPECT_EQ(std::string_view(buffer_.data(), 5), "abcde");
        EXPECT_EQ(script().submitted(IORING_OP_RECV), 2u);  // no recv for the rest
    });
}

// The completion of the first step is in the ring, or in the ready list, when the cancel comes.
TEST_F(Read, CancelBetweenStepsIsNotLost) {
    for (const bool closes: {false, true}) {
        run([&]() -> task<> {
            auto reader = co_spawn(context().io(), [&]() -> task<> {
                auto [ec, n] = co_await as_tuple(read(socket(), buffer_));
                EXPECT_EQ(ec, error::operation_aborted) << ec.message();
                EXPECT_EQ(n, 3u);
            });
            script().then([&] {
                context().io().post([&] {
                    if (closes)
                        socket().close();
                    else
                        socket().cancel();
                });
                script().answer(IORING_OP_RECV, "abc");
            });
            co_await reader.join();
        });
    }
}

TEST_F(Read, StopBetweenStepsIsNotLost) {
    run([&]() -> task<> {
        auto reader = co_spawn(context().io(), [&]() -> task<> {
            auto [ec, n] = co_await as_tuple(read(socket(), buffer_));
            EXPECT_EQ(ec, error::operation_aborted) << ec.message();
            EXPECT_EQ(n, 3u);
        });
        script().then([&] {
            context().io().post([&] { reader.request_stop(); });
            script().answer(IORING_OP_RECV, "abc");
        });
        co_await reader.join();
    });
}

TEST_F(Read, SucceedsIfFullBeforeCancel) {
    run([&]() -> task<> {
        auto reader =
            co_spawn(context().io(), [&]() -> task<> { EXPECT_EQ(co_await read(socket(), buffer_), 10u); });
        script().then([&] {
            context().io().post([&] { socket().cancel(); });
            script().answer(IORING_OP_RECV, "abcdefghij");
        });
        co_await reader.join();
    });
}

TEST_F(Write, RepeatsPartialSends) {
    run([&]() -> task<> {
        context().answer_next(3);
        context().answer_next(1);
        context().answer_next(reply::all());
        EXPECT_EQ(co_await write(socket(), "0123456789"), 10u);
        EXPECT_EQ(sent(), "0123456789");
        EXPECT_EQ(script().submitted(IORING_OP_SEND), 3u);
    });
}

TEST_F(Write, ContinuesInsidePartlySentBuffer) {
    run([&]() -> task<> {
        context().answer_next(5);
        context().answer_next(1);
        context().answer_next(2);
        context().answer_next(reply::all());
        EXPECT_EQ(co_await write(socket(), "0123", "", "4567", "89"), 10u);
        EXPECT_EQ(sent(), "0123456789");
        EXPECT_EQ(script().submitted(IORING_OP_SENDMSG), 4u);
    });
}

// With MSG_WAITALL the kernel hid the error that cut a send short: the next send reported a reset as
// broken_pipe.
TEST_F(Write, DoesNotUseMsgWaitall) {
    run([&]() -> task<> {
        context().answer_next(3);
        context().answer_next(-ECONNRESET);
        auto [ec, n] = co_await as_tuple(write(socket(), "abcdefghij"));
        EXPECT_EQ(ec, error::connection_reset);
        EXPECT_EQ(n, 3u);
        context().answer_next(reply::all());
        co_await write(socket(), "abc", "de");
        for (const auto& each: script().history())
            EXPECT_EQ(each.sqe().msg_flags & MSG_WAITALL, 0u);
    });
}

// Each step summed the sizes of all remaining buffers: quadratic, so a write of a million buffers took
// minutes.
TEST_F(Write, CursorYieldsAtMostIovMaxBuffers) {
    std::vector<const_buffer> many(2500, const_buffer("x", 1));
    detail::many_cursor<const_buffer> cursor(many);
    EXPECT_EQ(cursor.next().size(), std::size_t{IOV_MAX});
    EXPECT_EQ(cursor.next_size(), std::size_t{IOV_MAX});
    cursor.advance(IOV_MAX);
    cursor.advance(IOV_MAX);
    EXPECT_EQ(cursor.next().size(), 2500u - 2 * IOV_MAX);
    cursor.advance(cursor.next_size());
    EXPECT_TRUE(cursor.is_done());
}

TEST_F(Write, RaisesNoSignal) {
    run([&]() -> task<> {
        context().answer_next(-EPIPE);
        auto [ec, n] = co_await as_tuple(write(socket(), "0123456789"));
        EXPECT_EQ(ec, error::broken_pipe);
        EXPECT_TRUE(script().latest().msg_flags & MSG_NOSIGNAL);
        context().answer_next(-EPIPE);
        auto [several_ec, several_n] = co_await as_tuple(write(socket(), "01234", "56789"));
        EXPECT_EQ(several_ec, error::broken_pipe);
        EXPECT_TRUE(script().latest().msg_flags & MSG_NOSIGNAL);
    });
}

TEST_F(Write, ErrorCarriesByteCount) {
    run([&]() -> task<> {
        context().answer_next(4);
        context().answer_next(-EPIPE);
        auto [ec, n] = co_await as_tuple(write(socket(), "0123456789"));
        EXPECT_EQ(ec, error::broken_pipe);
        EXPECT_EQ(n, 4u);
        EXPECT_EQ(sent(), "0123");
    });
}

TEST_F(Write, FailsWithoutProgress) {
    run([&]() -> task<> {
        context().answer_next(4);
        context().answer_next(0);
        auto [ec, n] = co_await as_tuple(write(socket(), "0123456789"));
        EXPECT_EQ(ec, error::nothing_sent);
        EXPECT_EQ(n, 4u);
    });
}

TEST_F(Write, StopCountsSentBytes) {
    run([&]() -> task<> {
        auto writer = co_spawn(context().io(), [&]() -> task<> {
            auto [ec, n] = co_await as_tuple(write(socket(), "0123456789"));
            EXPECT_EQ(ec, error::operation_aborted);
            EXPECT_EQ(n, 7u);
        });
        script().then([&] { script().answer(IORING_OP_SEND, 4); });
        context().then([&] {
            script().when_cancelled(3);
            writer.request_stop();
        });
        co_await writer.join();
        EXPECT_EQ(sent(), "0123456");
    });
}

// Fails each kernel call and each submission once. The returned counts match the bytes moved.
TEST(ReadAndWrite, CountBytesAtEveryFailure) {
    const std::size_t failures = fail_at_every_step(ENOBUFS, [](scripted_context& context) {
        auto socket = context.connected_socket();
        context.run([&]() -> task<> {
            std::array<char, 6> buffer{};
            context.script().answer_every(IORING_OP_RECV, "ab");
            auto [read_ec, received] = co_await as_tuple(read(socket, buffer));
            EXPECT_EQ(received == 6, !read_ec);
            EXPECT_EQ(std::string_view(buffer.data(), received),
                      std::string_view("ababab").substr(0, received));
            context.script().answer_every(IORING_OP_SEND, 3);
            auto [write_ec, sent] = co_await as_tuple(write(socket, "0123456789abcde"));
            EXPECT_EQ(sent == 15, !write_ec);
            EXPECT_EQ(context.script().sent(socket.native_handle()).size(), sent);
        });
    });
    EXPECT_GT(failures, 8u);  // three receives and five sends at least
}

}  // namespace
}  // namespace coil::test
