// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#include <array>
#include <cerrno>
#include <cstdlib>
#include <optional>
#include <string>
#include <system_error>

#include <netinet/in.h>

#include "support/scripted_context.hpp"

namespace coil::test {
namespace {

const tcp::endpoint server(ip::address_v4({192, 0, 2, 1}), 80);

TEST(Connect, OpensTheSocketAndStoresThePeer) {
    scripted_context context;
    tcp::socket socket(context);
    context.run([&]() -> task<> {
        context.answer_next(0);
        co_await socket.connect(server);
    });
    const auto& sqe = context.script().latest();
    EXPECT_EQ(sqe.opcode, IORING_OP_CONNECT);
    EXPECT_EQ(sqe.fd, socket.native_handle());
    EXPECT_EQ(sqe.off, sizeof(sockaddr_in));
    const auto& descriptor = context.script().descriptor(socket.native_handle());
    EXPECT_EQ(descriptor.family, AF_INET);
    EXPECT_EQ(descriptor.type, SOCK_STREAM);
    EXPECT_EQ(descriptor.protocol, IPPROTO_TCP);
    EXPECT_EQ(descriptor.peer, server);
    EXPECT_EQ(socket.remote_endpoint(), server);
}

TEST(Connect, OpensASocketOfThePeersFamily) {
    scripted_context context;
    tcp::socket socket(context);
    context.run([&]() -> task<> {
        context.answer_next(0);
        co_await socket.connect({ip::address_v6::loopback(), 80});
    });
    EXPECT_EQ(context.script().descriptor(socket.native_handle()).family, AF_INET6);
}

TEST(Connect, UsesAnOpenSocket) {
    scripted_context context;
    tcp::socket socket(context, {tcp::v4(), 0});
    const int number = socket.native_handle();
    context.run([&]() -> task<> {
        context.answer_next(0);
        co_await socket.connect(server);
    });
    EXPECT_EQ(socket.native_handle(), number);
}

// The kernel may continue to connect a socket whose connect has failed or was cancelled.
TEST(Connect, FailureClosesTheSocket) {
    scripted_context context;
    tcp::socket socket(context);
    context.run([&]() -> task<> {
        context.answer_next(-ECONNREFUSED);
        auto [ec] = co_await as_tuple(socket.connect(server));
        EXPECT_EQ(ec, error::connection_refused);
        EXPECT_FALSE(socket.is_open());
        EXPECT_TRUE(context.script().open_descriptors().empty());
        context.answer_next(0);
        co_await socket.connect(server);
        EXPECT_TRUE(socket.is_open());
    });
}

TEST(Connect, CancelClosesTheSocket) {
    scripted_context context;
    tcp::socket socket(context);
    context.then([&] { socket.cancel(); });
    context.run([&]() -> task<> {
        auto [ec] = co_await as_tuple(socket.connect(server));
        EXPECT_EQ(ec, error::operation_aborted);
        EXPECT_FALSE(socket.is_open());
    });
    EXPECT_TRUE(context.script().open_descriptors().empty());
}

TEST(Connect, SucceedsIfTheCancelIsTooLate) {
    scripted_context context;
    tcp::socket socket(context);
    context.script().when_cancelled(0);
    context.then([&] { socket.cancel(); });
    context.run([&]() -> task<> {
        auto [ec] = co_await as_tuple(socket.connect(server));
        EXPECT_FALSE(ec);
        EXPECT_TRUE(socket.is_open());
    });
}

TEST(Connect, ReportsEachErrno) {
    scripted_context context;
    for (const int number: {ECONNREFUSED, ETIMEDOUT, ENETUNREACH, EHOSTUNREACH, EACCES, EADDRNOTAVAIL,
                            EAFNOSUPPORT, ENOMEM, EPERM}) {
        tcp::socket socket(context);
        context.run([&]() -> task<> {
            context.answer_next(-number);
            auto [ec] = co_await as_tuple(socket.connect(server));
            EXPECT_EQ(ec, detail::system_error_code(number));
            EXPECT_FALSE(socket.is_open());
        });
    }
}

TEST(Connect, ErrorNamesThePeer) {
    scripted_context context;
    tcp::socket socket(context);
    context.run([&]() -> task<> {
        context.answer_next(-ECONNREFUSED);
        try {
            co_await socket.connect(server);
            ADD_FAILURE() << "nothing was thrown";
        } catch (const std::system_error& failure) {
            EXPECT_NE(std::string(failure.what()).find("connect to 192.0.2.1:80"), std::string::npos)
                << failure.what();
        }
    });
}

TEST(Connect, LeavesAConnectedSocketConnected) {
    scripted_context context;
    auto socket = context.connected_socket();
    context.run([&]() -> task<> {
        context.answer_next(-EISCONN);
        auto [ec] = co_await as_tuple(socket.connect(server));
        EXPECT_EQ(ec, std::errc::already_connected);
    });
    EXPECT_TRUE(socket.is_open());
}

TEST(Connect, FailsWithoutADescriptor) {
    scripted_context context;
    tcp::socket socket(context);
    context.run([&]() -> task<> {
        context.script().fail_next_call(EMFILE);
        auto [ec] = co_await as_tuple(socket.connect(server));
        EXPECT_EQ(ec, std::errc::too_many_files_open);
    });
    EXPECT_TRUE(context.script().history().empty());
}

TEST(Connect, SubmitsNothingInAStoppedScope) {
    scripted_context context;
    tcp::socket socket(context);
    context.run([&]() -> task<> {
        (co_await own_environment).request_stop();
        auto [ec] = co_await as_tuple(socket.connect(server));
        EXPECT_EQ(ec, error::operation_aborted);
        EXPECT_FALSE(socket.is_open());
    });
    EXPECT_TRUE(context.script().history().empty());
}

TEST(Connect, IsAbortedByClose) {
    scripted_context context;
    tcp::socket socket(context);
    context.then([&] { socket.close(); });
    context.run([&]() -> task<> {
        auto [ec] = co_await as_tuple(socket.connect(server));
        EXPECT_EQ(ec, error::operation_aborted);
    });
}

TEST(Connect, FailureDoesNotCloseAReopenedSocket) {
    scripted_context context;
    tcp::socket socket(context);
    context.then([&] {
        socket.close();
        socket.open(tcp::v4());
    });
    context.run([&]() -> task<> {
        auto [ec] = co_await as_tuple(socket.connect(server));
        EXPECT_EQ(ec, error::operation_aborted);
        EXPECT_TRUE(socket.is_open());
    });
}

TEST(Connect, DestructionClosesTheSocket) {
    scripted_context context;
    tcp::socket socket(context);
    auto connecting = context.spawn([&]() -> task<> { co_await socket.connect(server); });
    context.poll();
    EXPECT_EQ(context.script().in_flight(IORING_OP_CONNECT).size(), 1u);
    context.destroy();
}

TEST(Connect, DescriptionMayBeAwaitedTwice) {
    scripted_context context;
    tcp::socket socket(context);
    context.run([&]() -> task<> {
        const auto connecting = socket.connect(server);
        context.answer_next(-ECONNREFUSED);
        EXPECT_EQ((co_await as_tuple(connecting)).error(), error::connection_refused);
        context.answer_next(0);
        co_await connecting;
    });
    EXPECT_TRUE(socket.is_open());
}

// In the kernel, a pending wait or recv on the old file would keep the connection attempt alive, and would
// receive the bytes of a connection that the socket no longer has.
TEST(Connect, FailureAbortsOtherOperations) {
    for (const bool cancelled: {false, true}) {
        scripted_context context;
        tcp::socket socket(context, tcp::v4());
        std::array<char, 10> buffer{};
        std::error_code connected, received, waited;
        context
            .spawn([&]() -> task<> {
                auto connecting = context.spawn([&]() -> task<> {
                    auto [ec] = co_await as_tuple(socket.connect(server));
                    connected = ec;
                });
                co_await connecting.join();
                EXPECT_FALSE(socket.is_open());
                EXPECT_TRUE(context.script().in_flight().empty());
                EXPECT_TRUE(context.script().open_descriptors().empty());
            })
            .detach();
        context
            .spawn([&]() -> task<> {
                co_await yield();
                co_await yield();
                auto [ec, n] = co_await as_tuple(socket.recv(buffer));
                received = ec;
            })
            .detach();
        context
            .spawn([&]() -> task<> {
                co_await yield();
                co_await yield();
                auto [ec, kinds] = co_await as_tuple(socket.wait(socket.wait_read));
                waited = ec;
            })
            .detach();
        context.script().then([&, cancelled] {
            EXPECT_EQ(context.script().in_flight().size(), 3u);
            context.script().answer(IORING_OP_CONNECT, cancelled ? -ECANCELED : -ECONNREFUSED);
        });
        context.run();
        EXPECT_EQ(connected, cancelled ? make_error_code(error::operation_aborted)
                                       : detail::system_error_code(ECONNREFUSED));
        EXPECT_EQ(received, error::operation_aborted);
        EXPECT_EQ(waited, error::operation_aborted);
        context.run([&]() -> task<> {
            context.answer_next(0);
            co_await socket.connect(server);
            context.answer_next("hello");
            EXPECT_EQ(co_await socket.recv(buffer), 5u);
        });
    }
}

TEST(Connect, FailureEndsAStreamLikeClose) {
    scripted_context context;
    tcp::socket socket(context, tcp::v4());
    auto stream = socket.recv_stream();
    std::error_code received;
    auto reader = context.spawn([&]() -> task<> {
        auto next = co_await as_tuple(stream.next());
        received = next.error();
    });
    context.run([&]() -> task<> {
        co_await yield();
        context.answer_next(-ECONNREFUSED);
        auto [ec] = co_await as_tuple(socket.connect(server));
        EXPECT_EQ(ec, error::connection_refused);
        co_await reader.join();
        EXPECT_EQ(received, error::operation_aborted);
        context.answer_next(0);
        co_await socket.connect(server);
        EXPECT_EQ((co_await as_tuple(stream.next())).error(), error::bad_descriptor);
        auto next_stream = socket.recv_stream();
        context.then([&] { context.answer(IORING_OP_RECV, "hello"); });
        auto bytes = co_await next_stream.next();
        CO_ASSERT_TRUE(bytes.has_value());
        EXPECT_EQ(bytes->text(), "hello");
    });
}

// Regression: an assertion assumed that the kernel ends every operation.
TEST(ConnectDeathTest, KeepsARecordWithStuckOperations) {
    const auto story = [] {
        scripted_context context;
        context.script().allow_close_in_flight();
        tcp::socket socket(context, {tcp::v4(), 0});
        std::optional<std::error_code> received;
        context
            .spawn([&]() -> task<> {
                std::array<char, 10> buffer{};
                received = (co_await as_tuple(socket.recv(buffer))).error();
            })
            .detach();
        context.run([&]() -> task<> {
            co_await yield();
            context.script().lose_cancels(1'000'000, -EALREADY);
            context.answer_next(-ECONNREFUSED);
            EXPECT_EQ((co_await as_tuple(socket.connect(server))).error(), std::errc::connection_refused);
            EXPECT_FALSE(socket.is_open());
            EXPECT_FALSE(received);
            context.answer_next(0);
            co_await socket.connect(server);
            EXPECT_EQ(socket.remote_endpoint(), server);
            context.then([&] { context.answer(IORING_OP_RECV, "late"); });
        });
        EXPECT_TRUE(received);
        socket.close();
        context.destroy();
        std::_Exit(testing::Test::HasFailure() ? 1 : 0);
    };
    EXPECT_EXIT(story(), testing::ExitedWithCode(0), "is being closed, and the kernel has not ended recv");
}

// The kernel connects to the loopback address instead, so the peer has to be queried.
TEST(Connect, QueriesThePeerOfAnUnspecifiedAddress) {
    scripted_context context;
    for (const char* address: {"0.0.0.0", "::", "::ffff:0.0.0.0"}) {
        tcp::socket socket(context);
        context.run([&]() -> task<> {
            const unsigned before = context.script().getpeername_calls();
            context.answer_next(0);
            co_await socket.connect({ip::make_address(address), 80});
            EXPECT_EQ(context.script().getpeername_calls(), before + 1);
            EXPECT_EQ(socket.remote_endpoint().port(), 80u);
            EXPECT_EQ(context.script().getpeername_calls(), before + 1);
        });
    }
}

TEST(Connect, OpensADualStackSocketLikeOpen) {
    scripted_context context;
    tcp::socket socket(context), opened(context);
    context.run([&]() -> task<> {
        context.answer_next(0);
        co_await socket.connect({ip::make_address("::ffff:192.0.2.1"), 80});
        opened.open(tcp::v6());
        for (const tcp::socket* each: {&socket, &opened})
            EXPECT_TRUE(context.script()
                            .descriptor(each->native_handle())
                            .options.contains({IPPROTO_IPV6, IPV6_V6ONLY}));
    });
}

TEST(Connect, LeavesNothingOpenIfAnOptionFails) {
    scripted_context context;
    tcp::socket socket(context), opened(context);
    const auto fail_second_call = [&] { context.script().fail_at(context.script().calls() + 1, ENOMEM); };
    context.run([&]() -> task<> {
        fail_second_call();
        auto [ec] = co_await as_tuple(socket.connect({ip::address_v6::loopback(), 80}));
        EXPECT_EQ(ec, std::errc::not_enough_memory);
        fail_second_call();
        EXPECT_THROW(opened.open(tcp::v6()), std::system_error);
        EXPECT_FALSE(socket.is_open());
        EXPECT_FALSE(opened.is_open());
        EXPECT_TRUE(context.script().open_descriptors().empty());
    });
}

TEST(ConnectDatagram, FailureLeavesTheSocketOpen) {
    scripted_context context;
    auto socket = context.datagram_socket();
    context.run([&]() -> task<> {
        context.answer_next(-ENETUNREACH);
        auto [ec] = co_await as_tuple(socket.connect(udp::endpoint(server)));
        EXPECT_EQ(ec, error::network_unreachable);
        EXPECT_TRUE(socket.is_open());
    });
}

}  // namespace
}  // namespace coil::test
