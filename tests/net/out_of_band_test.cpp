// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT

// Urgent data (tcp(7)): one byte that overtakes the stream, and a mark at its position in the stream.

#include <array>
#include <cerrno>
#include <cstdlib>
#include <string>
#include <string_view>

#include <coil/algo/read.hpp>
#include <coil/algo/timeout.hpp>
#include <coil/algo/write.hpp>

#include "net/connected.hpp"
#include "support/foreign_program.hpp"
#include "support/scripted_context.hpp"

namespace coil::test {
namespace {

using namespace std::chrono_literals;

class OutOfBand : public testing::Test {
protected:
    template <class F>
    void run(F&& story) {
        context_.run(story);
    }
    real_context& context() { return context_; }

    static void send_urgent(const plain_peer& peer, char byte) {
        EXPECT_EQ(::send(peer.number(), &byte, 1, MSG_OOB | MSG_NOSIGNAL), 1);
    }
    /// The text that a single recv returns.
    static task<std::string> text_of_recv(tcp::socket& socket, message_flags flags = {}) {
        std::array<char, 100> buffer;
        const std::size_t n = co_await socket.recv(buffer, flags);
        co_return std::string(buffer.data(), n);
    }

private:
    real_context context_;
};

TEST_F(OutOfBand, OvertakesTheBytesBeforeIt) {
    run([&]() -> task<> {
        auto [socket, peer] = context().connection();
        EXPECT_FALSE(socket.at_mark());
        peer.send("before");
        send_urgent(peer, '!');
        peer.send("after");
        EXPECT_EQ(co_await socket.wait(wait_error), wait_error);
        EXPECT_EQ(co_await text_of_recv(socket, message_flags::out_of_band), "!");
        EXPECT_FALSE(socket.at_mark());
        EXPECT_EQ(co_await text_of_recv(socket), "before");  // recv stops at the mark
        EXPECT_TRUE(socket.at_mark());
        EXPECT_EQ(co_await text_of_recv(socket), "after");
        EXPECT_FALSE(socket.at_mark());
    });
}

// io_uring's poll for POLLPRI alone never completes, so wait() also polls for POLLRDBAND.
TEST_F(OutOfBand, WakesAPendingWait) {
    for (const wait_type kinds: {wait_error, wait_read | wait_error}) {
        run([&]() -> task<> {
            auto [socket, peer] = context().connection();
            wait_type ready = socket_base::wait_none;
            const auto wait = [&](tcp::socket& on) -> task<> { ready = co_await on.wait(kinds); };
            auto waiter = co_spawn(context().io(), wait, std::ref(socket));
            co_await let_others_run();
            send_urgent(peer, '!');
            co_await waiter.join();
            EXPECT_EQ(ready, wait_error);
            EXPECT_EQ(co_await text_of_recv(socket, message_flags::out_of_band), "!");
        });
    }
}

TEST_F(OutOfBand, RecvFailsIfThereIsNone) {
    run([&]() -> task<> {
        auto [socket, peer] = context().connection();
        std::array<char, 1> buffer;
        auto [ec, n] = co_await as_tuple(socket.recv(buffer, message_flags::out_of_band));
        EXPECT_EQ(ec, std::errc::invalid_argument);
        send_urgent(peer, '!');
        co_await socket.wait(wait_error);
        EXPECT_EQ(co_await text_of_recv(socket, message_flags::out_of_band), "!");
        auto [ec2, n2] =
            co_await as_tuple(socket.recv(buffer, message_flags::out_of_band));  // already received
        EXPECT_EQ(ec2, std::errc::invalid_argument);
    });
}

TEST_F(OutOfBand, InlineOptionKeepsItInTheStream) {
    run([&]() -> task<> {
        auto [socket, peer] = context().connection();
        socket.set_option(socket_base::out_of_band_inline(true));
        peer.send("before");
        send_urgent(peer, '!');
        peer.send("after");
        EXPECT_TRUE(co_await socket.wait(wait_error) & wait_error);
        std::array<char, 1> buffer;
        auto [ec, n] = co_await as_tuple(socket.recv(buffer, message_flags::out_of_band));
        EXPECT_EQ(ec, std::errc::invalid_argument);
        EXPECT_EQ(co_await text_of_recv(socket), "before");
        EXPECT_TRUE(socket.at_mark());
        std::string rest(6, ' ');
        co_await coil::read(socket, rest);
        EXPECT_EQ(rest, "!after");
        EXPECT_FALSE(socket.at_mark());
    });
}

// Linux drops the urgent byte when a receive reads past it. So a single task has to wait for both.
TEST_F(OutOfBand, IsLostToAConcurrentRecv) {
    run([&]() -> task<> {
        auto [socket, peer] = context().connection();
        std::string received;
        const auto receive = [&](tcp::socket& from) -> task<> { received = co_await text_of_recv(from); };
        auto receiver = co_spawn(context().io(), receive, std::ref(socket));
        co_await let_others_run();
        std::array<char, 1> buffer;
        auto [ec, n] =
            co_await as_tuple(socket.recv(buffer, message_flags::out_of_band));  // concurrent with recv
        EXPECT_EQ(ec, std::errc::invalid_argument);
        send_urgent(peer, '!');
        peer.send("bytes");
        co_await receiver.join();
        EXPECT_EQ(received, "bytes");
        auto [ec2, n2] = co_await as_tuple(socket.recv(buffer, message_flags::out_of_band));
        EXPECT_EQ(ec2, std::errc::invalid_argument);
    });
}

TEST_F(OutOfBand, IsLostToARecvStream) {
    run([&]() -> task<> {
        auto [socket, peer] = context().connection();
        auto incoming = socket.recv_stream();
        peer.send("first");
        EXPECT_EQ((co_await incoming.next())->text(), "first");
        send_urgent(peer, '!');
        peer.send("second");
        EXPECT_EQ((co_await incoming.next())->text(), "second");
        std::array<char, 1> buffer;
        auto [ec, n] = co_await as_tuple(socket.recv(buffer, message_flags::out_of_band));
        EXPECT_EQ(ec, std::errc::invalid_argument);
    });
}

TEST_F(OutOfBand, IsReceivedByATaskThatWaitsForBoth) {
    run([&]() -> task<> {
        auto [socket, peer] = context().connection();
        peer.send("one");
        send_urgent(peer, '!');
        std::string bytes, urgent;
        for (bool is_open = true; is_open;) {
            const auto ready = co_await socket.wait(wait_read | wait_error);
            if (urgent.empty() && ready & wait_error) {
                urgent = co_await text_of_recv(socket, message_flags::out_of_band);
                peer.send("two");
                peer.finish_sending();
            } else if (ready & wait_read) {
                const std::string text = co_await text_of_recv(socket);
                is_open = !text.empty();
                bytes += text;
            }
        }
        EXPECT_EQ(bytes, "onetwo");
        EXPECT_EQ(urgent, "!");
    });
}

// Ordinary bytes wake the poll as well: wait() then checks with poll(2), and polls again.
TEST_F(OutOfBand, OrdinaryBytesDoNotEndTheWait) {
    run([&]() -> task<> {
        auto [socket, peer] = context().connection();
        std::error_code result;
        const auto wait = [&](tcp::socket& on) -> task<> {
            auto [ec, kinds] = co_await as_tuple(on.wait(wait_error));
            result = ec;
        };
        auto waiter = co_spawn(context().io(), wait, std::ref(socket));
        co_await let_others_run();
        for (int i = 0; i < 10; ++i) {
            peer.send("x");
            EXPECT_EQ(co_await text_of_recv(socket), "x");
            co_await let_others_run();
        }
        EXPECT_FALSE(result);
        socket.cancel();
        co_await waiter.join();
        EXPECT_EQ(result, error::operation_aborted);
    });
}

TEST_F(OutOfBand, IsSentToThePeer) {
    run([&]() -> task<> {
        auto [socket, peer] = context().connection();
        EXPECT_EQ(co_await socket.send("ab!", message_flags::out_of_band), 3u);
        EXPECT_EQ(peer.recv(), "ab");
        char urgent = 0;
        EXPECT_EQ(::recv(peer.number(), &urgent, 1, MSG_OOB), 1);
        EXPECT_EQ(urgent, '!');
    });
}

// The peer is a Python program.
TEST_F(OutOfBand, IsExchangedWithPython) {
    const std::string python = "/usr/bin/python3";
    if (!foreign_program::is_there(python))
        GTEST_SKIP() << "no python3";
    const std::string script = R"(
import socket, sys
peer = socket.create_connection(('127.0.0.1', int(sys.argv[1])))
peer.sendall(b'one')
peer.send(b'!', socket.MSG_OOB)
assert peer.recv(100) == b'two'
assert peer.recv(1, socket.MSG_OOB) == b'?'
assert peer.recv(100) == b''
)";
    run([&]() -> task<> {
        tcp::acceptor acceptor(context(), {ip::address_v4::loopback(), 0});
        foreign_program program({python, "-c", script, std::to_string(acceptor.local_endpoint().port())});
        auto peer = co_await acceptor.accept();
        EXPECT_TRUE(co_await peer.wait(wait_error) & wait_error);
        EXPECT_EQ(co_await text_of_recv(peer, message_flags::out_of_band), "!");
        EXPECT_EQ(co_await text_of_recv(peer), "one");
        EXPECT_TRUE(peer.at_mark());
        EXPECT_EQ(co_await peer.send("two?", message_flags::out_of_band), 4u);
        peer.shutdown(socket_base::shutdown_send);
        EXPECT_EQ(co_await text_of_recv(peer), "");
        EXPECT_EQ(program.finish(), "");
    });
}

TEST_F(OutOfBand, AtMarkFailsOnAClosedSocket) {
    std::error_code error;
    tcp::socket closed(context().io());
    EXPECT_FALSE(closed.at_mark(error));
    EXPECT_EQ(error, error::bad_descriptor);
    EXPECT_THROW(static_cast<void>(closed.at_mark()), std::system_error);
}

TEST(OutOfBandScript, IsNotAtMarkWithUnreadBytes) {
    scripted_context context;
    auto socket = context.connected_socket();
    context.script().set_at_mark(socket.native_handle(), true);
    EXPECT_TRUE(socket.at_mark());
    context.run([&]() -> task<> {
        auto stream = socket.recv_stream();
        context.then([&] {
            context.answer(IORING_OP_RECV, "one");
            context.answer(IORING_OP_RECV, "two");
        });
        EXPECT_EQ((co_await stream.next())->text(), "one");
        EXPECT_FALSE(socket.at_mark());
        EXPECT_EQ((co_await stream.next())->text(), "two");
        EXPECT_TRUE(socket.at_mark());
    });
    context.script().fail_next_call(EIO);
    std::error_code error;
    EXPECT_FALSE(socket.at_mark(error));
    EXPECT_EQ(error, std::errc::io_error);
}

// Covers recv() into one buffer and into a sequence of buffers.
TEST(OutOfBandScript, LeavesBytesReceivedAhead) {
    scripted_context context;
    context.run([&]() -> task<> {
        auto socket = context.connected_socket();
        auto stream = socket.recv_stream();
        context.then([&] {
            context.answer(IORING_OP_RECV, "one");
            context.answer(IORING_OP_RECV, "two");
        });
        EXPECT_EQ((co_await stream.next())->text(), "one");
        std::array<char, 1> byte;
        const std::array<mutable_buffer, 1> buffers{mutable_buffer(byte)};
        context.answer_next("!");
        EXPECT_EQ(co_await socket.recv(byte, message_flags::out_of_band), 1u);
        EXPECT_EQ(byte[0], '!');
        EXPECT_EQ(context.script().latest().msg_flags, static_cast<unsigned>(MSG_OOB));
        context.answer_next("?");
        EXPECT_EQ(co_await socket.recv(mutable_buffers(buffers), message_flags::out_of_band), 1u);
        EXPECT_EQ(byte[0], '?');
        EXPECT_EQ((co_await stream.next())->text(), "two");
    });
}

}  // namespace
}  // namespace coil::test
