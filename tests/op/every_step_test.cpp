// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#include <array>
#include <cerrno>
#include <optional>

#include "support/scripted_context.hpp"

// Each story runs with its first call or submission failing, then with its second, and so on. It may fail
// with that error only. The scripted kernel checks that nothing stays open or in flight.

namespace coil::test {
namespace {

template <class Story>
void at_every_step(Story story) {
    // Errors that the loop itself survives. Other errors of enter leave through run().
    for (const int error: {ENOMEM, EAGAIN, EINTR})
        EXPECT_GT(fail_at_every_step(error, story), 0u) << "nothing ever failed";
}

TEST(EveryStep, MayFailInAClient) {
    at_every_step([](scripted_context& context) {
        context.script().answer_every(IORING_OP_CONNECT, 0);
        context.script().answer_every(IORING_OP_SEND, reply::all());
        context.script().answer_every(IORING_OP_RECV, "answer");
        context.run([&]() -> task<> {
            tcp::socket socket(context);
            std::array<char, 10> buffer;
            if ((co_await as_tuple(socket.connect({ip::address_v4::loopback(), 80}))).error())
                co_return;
            if ((co_await as_tuple(socket.send("question"))).error())
                co_return;
            auto [ec, n] = co_await as_tuple(socket.recv(buffer));
            EXPECT_EQ(n, ec ? 0u : 6u);
            socket.shutdown(socket_base::shutdown_send);
        });
    });
}

TEST(EveryStep, MayFailInAServer) {
    at_every_step([](scripted_context& context) {
        context.script().answer_every(IORING_OP_ACCEPT, reply::connection());
        context.script().answer_every(IORING_OP_SEND, reply::all());
        context.script().answer_every(IORING_OP_RECV, "question");
        auto acceptor = context.acceptor();
        context.run([&]() -> task<> {
            std::array<char, 10> buffer;
            auto socket = co_await acceptor.accept();
            if ((co_await as_tuple(socket.recv(buffer))).error())
                co_return;
            static_cast<void>(co_await as_tuple(socket.send("answer")));
        });
    });
}

TEST(EveryStep, MayFailInDatagrams) {
    at_every_step([](scripted_context& context) {
        context.script().answer_every(IORING_OP_SEND, reply::all());
        context.script().answer_every(IORING_OP_RECVMSG, "answer");
        auto socket = context.datagram_socket();
        context.run([&]() -> task<> {
            std::array<char, 10> buffer;
            const udp::endpoint to(ip::address_v4::loopback(), 53);
            if ((co_await as_tuple(socket.sendto("question", to))).error())
                co_return;
            static_cast<void>(co_await as_tuple(socket.recvfrom(buffer)));
        });
    });
}

TEST(EveryStep, MayFailInACancel) {
    at_every_step([](scripted_context& context) {
        auto socket = context.connected_socket();
        std::array<char, 10> buffer;
        std::optional<outcome<std::size_t>> result;
        auto reader = context.spawn([&]() -> task<> { result = co_await as_tuple(socket.recv(buffer)); });
        context.after(std::chrono::seconds(1), [&] { socket.cancel(); });
        context.run();
        EXPECT_TRUE(result && result->error());
    });
}

TEST(EveryStep, MayFailInACloseWithPendingOperations) {
    at_every_step([](scripted_context& context) {
        auto socket = context.connected_socket();
        std::array<char, 10> buffer;
        int ended = 0;
        auto reader = context.spawn([&]() -> task<> {
            static_cast<void>(co_await as_tuple(socket.recv(buffer)));
            ++ended;
        });
        auto writer = context.spawn([&]() -> task<> {
            static_cast<void>(co_await as_tuple(socket.send("hello")));
            ++ended;
        });
        context.after(std::chrono::seconds(1), [&] { socket.close(); });
        context.run();
        EXPECT_EQ(ended, 2);
    });
}

TEST(EveryStep, MayFailBeforeContextDestruction) {
    at_every_step([](scripted_context& context) {
        auto socket = context.connected_socket();
        auto acceptor = context.acceptor();
        auto reader = context.spawn([&]() -> task<> {
            std::array<char, 10> buffer;
            static_cast<void>(co_await as_tuple(socket.recv(buffer)));
        });
        auto accepting =
            context.spawn([&]() -> task<> { static_cast<void>(co_await as_tuple(acceptor.accept())); });
        context.poll();
    });
}

}  // namespace
}  // namespace coil::test
