// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#include <array>
#include <cerrno>
#include <cstring>
#include <optional>
#include <utility>
#include <vector>

#include "support/scripted_context.hpp"

// The scripted kernel fails every test that closes a descriptor with an operation in flight, closes one
// twice, or leaves one open.

namespace coil::test {
namespace {

using bytes = std::array<char, 10>;

TEST(Close, AbortsPendingOperationsBeforeItReturns) {
    scripted_context context;
    auto socket = context.connected_socket();
    bytes buffer;
    context.then([&] {
        socket.close();
        EXPECT_TRUE(context.script().in_flight().empty());
        EXPECT_TRUE(context.script().open_descriptors().empty());
        EXPECT_FALSE(socket.is_open());
    });
    context.run([&]() -> task<> {
        auto [ec, n] = co_await as_tuple(socket.recv(buffer));
        EXPECT_EQ(ec, error::operation_aborted);
    });
}

TEST(Close, AbortsBothDirections) {
    scripted_context context;
    auto socket = context.connected_socket();
    bytes buffer;
    std::error_code reading, writing;
    auto reader =
        context.spawn([&]() -> task<> { reading = (co_await as_tuple(socket.recv(buffer))).error(); });
    auto writer = context.spawn([&]() -> task<> { writing = (co_await as_tuple(socket.send("x"))).error(); });
    context.then([&] { socket.close(); });
    context.run();
    EXPECT_EQ(reading, error::operation_aborted);
    EXPECT_EQ(writing, error::operation_aborted);
}

TEST(Close, DeliversBytesThatCameFirst) {
    scripted_context context;
    auto socket = context.connected_socket();
    bytes buffer;
    context.script().when_cancelled("hello");
    context.then([&] { socket.close(); });
    context.run([&]() -> task<> { EXPECT_EQ(co_await socket.recv(buffer), 5u); });
}

TEST(Close, WaitsForAnOperationInProgress) {
    scripted_context context;
    auto socket = context.connected_socket();
    bytes buffer;
    context.script().when_cancelled_later("late");
    context.then([&] { socket.close(); });
    context.run([&]() -> task<> { EXPECT_EQ(co_await socket.recv(buffer), 4u); });
}

TEST(Close, KeepsCompletionsOfOtherSockets) {
    scripted_context context;
    auto socket = context.connected_socket();
    auto other = context.connected_socket();
    bytes buffer, kept;
    std::size_t received = 0;
    auto reader = context.spawn([&]() -> task<> { received = co_await other.recv(kept); });
    context.then([&] {
        context.answer(IORING_OP_RECV, "kept");
        socket.close();
    });
    context.run([&]() -> task<> {
        auto [ec, n] = co_await as_tuple(socket.recv(buffer));
        EXPECT_EQ(ec, error::operation_aborted);
    });
    EXPECT_EQ(received, 4u);
}

TEST(Close, AbortsAnUnsubmittedOperation) {
    scripted_context context;
    auto socket = context.connected_socket();
    bytes buffer;
    std::error_code result;
    auto reader =
        context.spawn([&]() -> task<> { result = (co_await as_tuple(socket.recv(buffer))).error(); });
    context.run([&]() -> task<> {
        socket.close();
        co_return;
    });
    EXPECT_EQ(result, error::operation_aborted);
}

TEST(Close, AbortsAnOperationWithoutASlot) {
    scripted_context context({.entries = 1, .completions = 2});
    auto socket = context.connected_socket();
    bytes buffer;
    std::error_code result;
    auto refusing = context.spawn([&]() -> task<> {
        context.script().refuse_enters(1000, -EBUSY);
        co_return;
    });
    auto reader =
        context.spawn([&]() -> task<> { result = (co_await as_tuple(socket.recv(buffer))).error(); });
    context.run([&]() -> task<> {
        socket.close();
        context.script().refuse_enters(0, 0);
        co_return;
    });
    EXPECT_EQ(result, error::operation_aborted);
    EXPECT_EQ(context.script().submitted(IORING_OP_RECV), 0u);
}

TEST(Close, MayBeRepeated) {
    scripted_context context;
    auto socket = context.connected_socket();
    context.run([&]() -> task<> {
        co_await socket.close();
        co_await socket.close();
    });
}

TEST(Close, DestructorAbortsAPendingOperation) {
    scripted_context context;
    std::optional<tcp::socket> socket(context.connected_socket());
    bytes buffer;
    context.then([&] { socket.reset(); });
    context.run([&]() -> task<> {
        auto [ec, n] = co_await as_tuple(socket->recv(buffer));
        EXPECT_EQ(ec, error::operation_aborted);
    });
}

TEST(Close, AssignmentAbortsAPendingOperation) {
    scripted_context context;
    auto socket = context.connected_socket();
    bytes buffer;
    context.then([&] { socket = context.connected_socket(); });
    context.run([&]() -> task<> {
        auto [ec, n] = co_await as_tuple(socket.recv(buffer));
        EXPECT_EQ(ec, error::operation_aborted);
        context.answer_next("hello");
        EXPECT_EQ(co_await socket.recv(buffer), 5u);
    });
}

TEST(Close, OldOperationNeverReadsTheNextSocket) {
    scripted_context context;
    auto socket = context.connected_socket();
    bytes earlier{}, later{};
    std::error_code result;
    auto reader =
        context.spawn([&]() -> task<> { result = (co_await as_tuple(socket.recv(earlier))).error(); });
    context.run([&]() -> task<> {
        co_await yield();
        socket.close();
        socket = context.connected_socket();
        context.answer_next("hello");
        EXPECT_EQ(co_await socket.recv(later), 5u);
    });
    EXPECT_EQ(result, error::operation_aborted);
    EXPECT_EQ(earlier, bytes{});
}

/// True if SO_LINGER is set on a descriptor. The descriptor may be closed.
bool lingers(scripted_context& context, int number) {
    const auto& options = context.script().descriptor(number).options;
    const auto found = options.find({SOL_SOCKET, SO_LINGER});
    linger value{};
    if (found != options.end())
        std::memcpy(&value, found->second.data(), sizeof value);
    return value.l_onoff != 0;
}

// A peer that does not read must block neither the loop nor a kernel worker thread.
TEST(Close, TurnsLingerOffAndDoesNotBlock) {
    scripted_context context;
    auto socket = context.connected_socket();
    socket.set_option(socket_base::linger(true, 5));
    const int number = socket.native_handle();
    socket.close();
    EXPECT_FALSE(lingers(context, number));
    EXPECT_TRUE(context.script().history().empty());
    EXPECT_TRUE(context.script().open_descriptors().empty());
}

TEST(Close, KeepsALingerOfZeroSeconds) {
    scripted_context context;
    auto socket = context.connected_socket();
    socket.set_option(socket_base::linger(true, 0));
    const int number = socket.native_handle();
    socket.close();
    EXPECT_TRUE(lingers(context, number));
    EXPECT_TRUE(context.script().history().empty());
}

/// Sets SO_LINGER by a system call that the library does not see.
void set_linger_directly(scripted_context& context, int number) {
    const linger five{1, 5};
    EXPECT_EQ(context.script().setsockopt(number, SOL_SOCKET, SO_LINGER, &five, sizeof five), 0);
}

unsigned linger_queries(scripted_context& context) {
    return context.script().getsockopt_calls(SOL_SOCKET, SO_LINGER);
}

/// Closes a socket whose SO_LINGER is set.
void close_lingering(scripted_context& context, tcp::socket& socket) {
    const int number = context.script().open_descriptors().back();
    EXPECT_TRUE(lingers(context, number));
    socket.close();
    EXPECT_FALSE(lingers(context, number));
    EXPECT_EQ(linger_queries(context), 1u);
}

TEST(Close, DoesNotQueryLingerIfNeverSet) {
    scripted_context context;
    context.run([&]() -> task<> {
        tcp::socket socket(context, {tcp::v4(), 0});
        socket.set_option(socket_base::keep_alive(true));
        socket_base::keep_alive kept;
        socket.get_option(kept);
        context.answer_next(0);
        co_await socket.connect({ip::address_v4::loopback(), 7777});
        EXPECT_EQ(socket.remote_endpoint().port(), 7777u);
        EXPECT_NE(socket.local_endpoint().port(), 0u);
        socket.shutdown(socket_base::shutdown_send);
        socket.close();
        udp::socket datagrams(context, {udp::v4(), 0});
        tcp::acceptor acceptor(context, {tcp::v6(), 0});
        context.answer_next(reply::connection());
        tcp::endpoint peer;
        auto accepted = co_await acceptor.accept(peer);
        accepted.set_option(socket_base::keep_alive(true));
    });
    EXPECT_TRUE(context.script().open_descriptors().empty());
    EXPECT_EQ(linger_queries(context), 0u);
}

TEST(Close, HonoursLingerSetAsAnOption) {
    scripted_context context;
    tcp::socket socket(context, tcp::v4());
    socket.set_option(socket_base::linger(true, 5));
    close_lingering(context, socket);
}

TEST(Close, HonoursLingerOfAnAssignedSocket) {
    scripted_context context;
    const int number = context.script().make_connection(SOCK_STREAM, {ip::address_v4::loopback(), 7777});
    set_linger_directly(context, number);
    tcp::socket socket(context);
    socket.assign(tcp::v4(), number);
    close_lingering(context, socket);
}

TEST(Close, HonoursLingerSetOnTheNativeHandle) {
    scripted_context context;
    tcp::socket socket(context, tcp::v4());
    set_linger_directly(context, std::as_const(socket).native_handle());
    close_lingering(context, socket);
}

TEST(Close, HonoursInheritedLinger) {
    const auto accept_and_close = [](scripted_context& context, tcp::acceptor& acceptor) {
        tcp::socket socket;
        context.run([&]() -> task<> {
            context.answer_next(reply::connection());
            socket = co_await acceptor.accept();
        });
        close_lingering(context, socket);
    };
    {
        scripted_context context;
        auto acceptor = context.acceptor();
        acceptor.set_option(socket_base::linger(true, 5));
        accept_and_close(context, acceptor);
    }
    {
        scripted_context context;
        auto acceptor = context.acceptor();
        set_linger_directly(context, acceptor.native_handle());
        accept_and_close(context, acceptor);
    }
    {
        scripted_context context;
        const int number = context.script().socket(AF_INET, SOCK_STREAM, 0);
        set_linger_directly(context, number);
        tcp::acceptor acceptor(context);
        acceptor.assign(tcp::v4(), number);
        acceptor.listen();
        accept_and_close(context, acceptor);
    }
}

// The accept completes, but resumes only after the acceptor is closed.
TEST(Close, HonoursInheritedLingerAfterAcceptorClose) {
    scripted_context context;
    auto acceptor = context.acceptor();
    acceptor.set_option(socket_base::linger(true, 5));
    tcp::socket socket;
    std::array<char, 10> buffer;
    auto other = context.connected_socket();
    auto closing = context.spawn([&]() -> task<> {
        co_await other.recv(buffer);
        acceptor.close();
        EXPECT_EQ(linger_queries(context), 1u);
    });
    context.then([&] {
        context.answer(IORING_OP_RECV, "close");
        context.answer(IORING_OP_ACCEPT, reply::connection());
    });
    context.run([&]() -> task<> { socket = co_await acceptor.accept(); });
    socket.close();
    EXPECT_EQ(linger_queries(context), 2u);
}

// A record is reused for the next descriptor, possibly of the same socket.
TEST(Close, ResetsLingerStateWithTheDescriptor) {
    scripted_context context;
    context.run([&]() -> task<> {
        tcp::socket socket(context, tcp::v4());
        socket.set_option(socket_base::linger(true, 0));
        context.answer_next(-ECONNREFUSED);
        auto [refused] = co_await as_tuple(socket.connect({ip::address_v4::loopback(), 7777}));
        EXPECT_EQ(refused, error::connection_refused);
        EXPECT_EQ(linger_queries(context), 1u);
        context.answer_next(0);
        co_await socket.connect({ip::address_v4::loopback(), 7777});
        socket.close();
        EXPECT_EQ(linger_queries(context), 1u);

        socket.open();
        socket.set_option(socket_base::linger(true, 0));
        socket.close();
        EXPECT_EQ(linger_queries(context), 2u);
        socket.open();
        socket.close();
        EXPECT_EQ(linger_queries(context), 2u);
    });
}

TEST(Release, ReturnsTheDescriptorAndAbortsPending) {
    scripted_context context;
    auto socket = context.connected_socket();
    bytes buffer;
    int number = -1;
    context.then([&] { number = socket.release(); });
    context.run([&]() -> task<> {
        auto [ec, n] = co_await as_tuple(socket.recv(buffer));
        EXPECT_EQ(ec, error::operation_aborted);
    });
    EXPECT_FALSE(socket.is_open());
    EXPECT_EQ(context.script().open_descriptors(), std::vector<int>{number});
    context.script().forget(number);
    EXPECT_EQ(socket.release(), -1);
}

TEST(Handle, MayOutliveItsContext) {
    std::optional<scripted_context> context(std::in_place);
    auto socket = context->connected_socket();
    auto acceptor = context->acceptor();
    context.reset();
    EXPECT_FALSE(socket.is_open());
    EXPECT_FALSE(acceptor.is_open());
    socket.close();
    socket.cancel();
    EXPECT_EQ(socket.release(), -1);
    auto moved = std::move(socket);
    EXPECT_FALSE(moved.is_open());
}

TEST(Handle, MovedFromKeepsItsContext) {
    scripted_context context;
    auto socket = context.connected_socket();
    auto moved = std::move(socket);
    EXPECT_FALSE(socket.is_open());
    EXPECT_EQ(&socket.context(), &context.io());
    socket.open(tcp::v4());
    EXPECT_TRUE(socket.is_open());
    EXPECT_TRUE(moved.is_open());
}

TEST(Handle, RecordsAreReused) {
    scripted_context context;
    bytes buffer;
    context.run([&]() -> task<> {
        for (int i = 0; i < 1000; ++i) {
            auto socket = context.connected_socket();
            context.answer_next("x");
            EXPECT_EQ(co_await socket.recv(buffer), 1u);
        }
    });
}

}  // namespace
}  // namespace coil::test
