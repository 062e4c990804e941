// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#include <array>
#include <cerrno>
#include <optional>

#include "support/scripted_context.hpp"

// The script fails every test that closes a descriptor with an operation in flight, closes one twice, or leaves one open.

namespace coil::test {
namespace {

using bytes = std::array<char, 10>;

TEST(Close, EndsWhatIsPendingAndReturnsWhenTheKernelHasLetGo) {
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

TEST(Close, EndsBothDirections) {
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

TEST(Close, BytesThatWonTheRaceAreDelivered) {
    scripted_context context;
    auto socket = context.connected_socket();
    bytes buffer;
    context.script().when_cancelled("hello");
    context.then([&] { socket.close(); });
    context.run([&]() -> task<> { EXPECT_EQ(co_await socket.recv(buffer), 5u); });
}

TEST(Close, WaitsForAnOperationThatIsBeingWorkedOn) {
    scripted_context context;
    auto socket = context.connected_socket();
    bytes buffer;
    context.script().when_cancelled_later("late");
    context.then([&] { socket.close(); });
    context.run([&]() -> task<> { EXPECT_EQ(co_await socket.recv(buffer), 4u); });
}

TEST(Close, OtherAnswersThatCameOnTheWayAreKept) {
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

TEST(Close, OfAnOperationNotYetSubmitted) {
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

TEST(Close, OfAnOperationThatFoundNoSlot) {
    scripted_context context({.entries = 1, .completions = 2});
    auto socket = context.connected_socket();
    bytes buffer;
    std::error_code result;
    auto stuffing = context.spawn([&]() -> task<> {
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

TEST(Close, TwiceIsFine) {
    scripted_context context;
    auto socket = context.connected_socket();
    context.run([&]() -> task<> {
        co_await socket.close();
        co_await socket.close();
    });
}

TEST(Close, OfASocketThatIsDestroyedWhileATaskWaits) {
    scripted_context context;
    std::optional<tcp::socket> socket(context.connected_socket());
    bytes buffer;
    context.then([&] { socket.reset(); });
    context.run([&]() -> task<> {
        auto [ec, n] = co_await as_tuple(socket->recv(buffer));
        EXPECT_EQ(ec, error::operation_aborted);
    });
}

TEST(Close, OfASocketThatIsAssignedTo) {
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

TEST(Close, AnEarlierOperationNeverReadsTheNextSocket) {
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

TEST(Close, WithLingerGoesOffTheLoop) {
    scripted_context context;
    auto socket = context.connected_socket();
    socket.set_option(socket_base::linger(true, 5));
    context.run([&]() -> task<> {
        socket.close();
        co_return;
    });
    const auto& sqe = context.script().latest();
    EXPECT_EQ(sqe.opcode, IORING_OP_CLOSE);
    EXPECT_TRUE(sqe.flags & IOSQE_ASYNC);
}

TEST(Close, WithLingerOfZeroSecondsResetsAtOnce) {
    scripted_context context;
    auto socket = context.connected_socket();
    socket.set_option(socket_base::linger(true, 0));
    socket.close();
    EXPECT_TRUE(context.script().history().empty());
}

TEST(Close, WithLingerOnAContextThatNeverRan) {
    scripted_context context;
    auto socket = context.connected_socket();
    socket.set_option(socket_base::linger(true, 5));
    socket.close();
}

TEST(Release, HandsTheDescriptorOutAndEndsWhatIsPending) {
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

TEST(Handle, ThatOutlivesItsContextIsClosedAndHarmless) {
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

TEST(Handle, MovedFromIsAsFreshlyMade) {
    scripted_context context;
    auto socket = context.connected_socket();
    auto moved = std::move(socket);
    EXPECT_FALSE(socket.is_open());
    EXPECT_EQ(&socket.context(), &context.io());
    socket.open(tcp::v4());
    EXPECT_TRUE(socket.is_open());
    EXPECT_TRUE(moved.is_open());
}

TEST(Handle, RecordsAreUsedAgain) {
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
