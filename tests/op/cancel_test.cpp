// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#include <array>
#include <cerrno>
#include <functional>
#include <memory>
#include <optional>

#include "loop/tags.hpp"
#include "support/mistake.hpp"
#include "support/scripted_context.hpp"

// A receive is cancelled in each of its states. All other operations are cancelled in the same way. The
// states, in order:
//
//     queued -- submitted -- partly done -- completed, not collected -- collected, not resumed -- resumed

namespace coil::test {
namespace {

/// A task that receives once.
class receiver {
public:
    receiver(scripted_context& context, tcp::socket& socket)
        : socket_(socket), handle_(co_spawn(context.io(), &receiver::receive, this)) {}

    void request_stop() { handle_.request_stop(); }
    [[nodiscard]] bool ended() const { return result_.has_value(); }
    [[nodiscard]] const outcome<std::size_t>& result() const { return result_.value(); }
    [[nodiscard]] std::string_view bytes() const { return {buffer_.data(), *result()}; }

private:
    task<> receive() { result_ = co_await as_tuple(socket_.recv(buffer_)); }

    tcp::socket& socket_;
    std::array<char, 10> buffer_{};
    std::optional<outcome<std::size_t>> result_;
    join_handle<void> handle_;
};

TEST(Cancel, EndsAPendingOperationWithOperationAborted) {
    scripted_context context;
    auto socket = context.connected_socket();
    receiver receiver(context, socket);
    context.then([&] { socket.cancel(); });
    context.run();
    EXPECT_EQ(receiver.result().error(), error::operation_aborted);
    EXPECT_EQ(receiver.result().error(), std::errc::operation_canceled);
    EXPECT_TRUE(socket.is_open());
}

TEST(Cancel, AbortsOnAStopRequest) {
    scripted_context context;
    auto socket = context.connected_socket();
    receiver receiver(context, socket);
    context.then([&] { receiver.request_stop(); });
    context.run();
    EXPECT_EQ(receiver.result().error(), error::operation_aborted);
}

TEST(Cancel, PostsNoCompletionOfItsOwn) {
    scripted_context context;
    auto socket = context.connected_socket();
    receiver receiver(context, socket);
    unsigned long long completions = 0;
    context.then([&] {
        completions = context.io().metrics().completions;
        socket.cancel();
    });
    context.run();
    const auto& cancel = context.script().latest();
    EXPECT_EQ(cancel.opcode, IORING_OP_ASYNC_CANCEL);
    EXPECT_EQ(cancel.user_data, cancel_tag);
    EXPECT_EQ(cancel.flags, IOSQE_CQE_SKIP_SUCCESS);
    EXPECT_EQ(context.io().metrics().completions, completions + 1);  // of the target
}

TEST(Cancel, ReachesAnOperationOfTheSameBatch) {
    scripted_context context;
    auto socket = context.connected_socket();
    receiver receiver(context, socket);
    auto canceller = context.spawn([&]() -> task<> {
        socket.cancel();  // the receive is queued, but not submitted
        co_return;
    });
    context.run();
    EXPECT_EQ(receiver.result().error(), error::operation_aborted);
    EXPECT_EQ(context.script().enters(), 1u);
}

TEST(Cancel, SubmitsNothingBeforeTheTaskStarts) {
    scripted_context context;
    auto socket = context.connected_socket();
    receiver receiver(context, socket);
    receiver.request_stop();
    context.run();
    EXPECT_EQ(receiver.result().error(), error::operation_aborted);
    EXPECT_TRUE(context.script().history().empty());
}

TEST(Cancel, DropsAnOperationWithoutASlot) {
    scripted_context context({.entries = 1, .completions = 2});
    auto socket = context.connected_socket();
    auto second = context.connected_socket();
    auto refusing = context.spawn([&]() -> task<> {
        context.script().refuse_enters(1000, -EBUSY);
        co_return;
    });
    receiver one(context, socket), two(context, second);
    auto canceller = context.spawn([&]() -> task<> {
        two.request_stop();
        context.script().refuse_enters(0, 0);
        co_return;
    });
    context.then([&] { context.answer(IORING_OP_RECV, "hello"); });
    context.run();
    EXPECT_EQ(one.bytes(), "hello");
    EXPECT_EQ(two.result().error(), error::operation_aborted);
    EXPECT_EQ(context.script().submitted(IORING_OP_RECV), 1u);
}

// socket.cancel() also finds operations that have not reached the kernel.
TEST(Cancel, SocketCancelReachesOperationsWithoutSlot) {
    scripted_context context({.entries = 1, .completions = 2});
    auto socket = context.connected_socket();
    auto second = context.connected_socket();
    auto refusing = context.spawn([&]() -> task<> {
        context.script().refuse_enters(1000, -EBUSY);
        co_return;
    });
    receiver one(context, socket), two(context, second);
    auto canceller = context.spawn([&]() -> task<> {
        second.cancel();
        context.script().refuse_enters(0, 0);
        co_return;
    });
    context.then([&] { context.answer(IORING_OP_RECV, "hello"); });
    context.run();
    EXPECT_EQ(one.bytes(), "hello");
    EXPECT_EQ(two.result().error(), error::operation_aborted);
}

TEST(Cancel, DeliversTheBytesIfTooLate) {
    scripted_context context;
    auto socket = context.connected_socket();
    receiver receiver(context, socket);
    context.script().when_cancelled("hello");  // the target wins
    context.then([&] { socket.cancel(); });
    context.run();
    EXPECT_FALSE(receiver.result().error());
    EXPECT_EQ(receiver.bytes(), "hello");
}

TEST(Cancel, WaitsForAnOperationInProgress) {
    scripted_context context;
    auto socket = context.connected_socket();
    receiver receiver(context, socket);
    context.script().when_cancelled_later("hello");  // -EALREADY
    context.then([&] { socket.cancel(); });
    context.then([&] { EXPECT_FALSE(receiver.ended()); });
    context.run();
    EXPECT_EQ(receiver.bytes(), "hello");
}

TEST(Cancel, TreatsEintrAfterACancelAsAborted) {
    scripted_context context;
    auto socket = context.connected_socket();
    receiver receiver(context, socket);
    context.script().when_cancelled(-EINTR);
    context.then([&] { socket.cancel(); });
    context.run();
    EXPECT_EQ(receiver.result().error(), error::operation_aborted);
    EXPECT_EQ(context.script().submitted(IORING_OP_RECV), 1u);
}

TEST(Cancel, ReportsAnErrorThatCameFirst) {
    scripted_context context;
    auto socket = context.connected_socket();
    receiver receiver(context, socket);
    context.script().when_cancelled(-ECONNRESET);
    context.then([&] { socket.cancel(); });
    context.run();
    EXPECT_EQ(receiver.result().error(), std::errc::connection_reset);
}

TEST(Cancel, DoesNotAffectACompletedOperation) {
    scripted_context context;
    auto socket = context.connected_socket();
    receiver receiver(context, socket);
    context.then([&] {
        context.answer(IORING_OP_RECV, "hello");  // not collected yet
        socket.cancel();
    });
    context.run();
    EXPECT_EQ(receiver.bytes(), "hello");
}

TEST(Cancel, DoesNotAffectACollectedOperation) {
    scripted_context context;
    auto socket = context.connected_socket();
    auto other = context.connected_socket();
    std::optional<outcome<std::size_t>> before;
    std::array<char, 10> buffer;
    // Both operations complete in one enter. The task that is resumed first cancels the other operation.
    auto canceller = context.spawn([&]() -> task<> {
        before = co_await as_tuple(other.recv(buffer));
        socket.cancel();
    });
    receiver receiver(context, socket);
    context.then([&] {
        context.answer(IORING_OP_RECV, "first");
        context.answer(IORING_OP_RECV, "hello");
    });
    context.run();
    EXPECT_EQ(receiver.bytes(), "hello");
    EXPECT_EQ(context.script().submitted(IORING_OP_ASYNC_CANCEL), 0u);
}

TEST(Cancel, SubmitsOnceIfRepeated) {
    scripted_context context;
    auto socket = context.connected_socket();
    receiver receiver(context, socket);
    context.then([&] {
        socket.cancel();
        socket.cancel();
        receiver.request_stop();
    });
    context.run();
    EXPECT_EQ(receiver.result().error(), error::operation_aborted);
    EXPECT_EQ(context.script().submitted(IORING_OP_ASYNC_CANCEL), 1u);
}

TEST(Cancel, SubmitsNothingWithoutAnOperation) {
    scripted_context context;
    auto socket = context.connected_socket();
    socket.cancel();
    tcp::socket closed(context);
    closed.cancel();
    context.run([&]() -> task<> { co_return; });
    EXPECT_TRUE(context.script().history().empty());
}

TEST(Cancel, LeavesTheSocketUsable) {
    scripted_context context;
    auto socket = context.connected_socket();
    receiver receiver(context, socket);
    context.then([&] { socket.cancel(); });
    context.run();
    context.run([&]() -> task<> {
        std::array<char, 10> buffer;
        context.answer_next("again");
        EXPECT_EQ(co_await socket.recv(buffer), 5u);
    });
}

TEST(Cancel, CoversBothDirections) {
    scripted_context context;
    auto socket = context.connected_socket();
    receiver receiver(context, socket);
    context.then([&] { socket.cancel(); });
    context.run([&]() -> task<> {
        auto [ec, n] = co_await as_tuple(socket.send("hello"));
        EXPECT_EQ(ec, error::operation_aborted);
    });
    EXPECT_EQ(receiver.result().error(), error::operation_aborted);
}

// The next operation of a task usually has the same address as the last one, and therefore the same
// user_data.
TEST(Cancel, SparesTheNextOperationAtTheSameAddress) {
    scripted_context context;
    auto socket = context.connected_socket();
    std::array<char, 10> buffer;
    context.then([&] {
        context.answer(IORING_OP_RECV, "first");
        socket.cancel();  // too late: queued ahead of the next receive
    });
    context.then([&] {
        EXPECT_EQ(context.script().in_flight(IORING_OP_RECV).size(), 1u);
        context.answer(IORING_OP_RECV, "second");
    });
    context.run([&]() -> task<> {
        std::uint64_t addresses[2];
        for (auto& address: addresses) {
            EXPECT_GT(co_await socket.recv(buffer), 0u);
            address = context.script().history().front().sqe().user_data;
        }
        EXPECT_EQ(addresses[0], addresses[1]);
    });
    EXPECT_EQ(context.script().submitted(IORING_OP_ASYNC_CANCEL), 1u);
}

TEST(Cancel, WaitsForASlot) {
    scripted_context context({.entries = 2, .completions = 16});
    auto socket = context.connected_socket();
    auto second = context.connected_socket();
    auto third = context.connected_socket();
    receiver one(context, socket), two(context, second), three(context, third);
    context.poll();
    context.then([&] {
        context.script().refuse_enters(4, -EBUSY);
        socket.cancel();
        second.cancel();
        third.cancel();  // there are two slots, and enters fail
    });
    context.run();
    for (const receiver* each: {&one, &two, &three})
        EXPECT_EQ(each->result().error(), error::operation_aborted);
}

TEST(Cancel, IsDroppedWithItsTarget) {
    scripted_context context({.entries = 2, .completions = 16});
    auto socket = context.connected_socket();
    auto second = context.connected_socket();
    auto third = context.connected_socket();
    receiver one(context, socket), two(context, second), three(context, third);
    context.poll();
    context.then([&] {
        context.script().refuse_enters(1, -EBUSY);
        socket.cancel();
        second.cancel();
        third.cancel();
        const auto receives = context.script().in_flight(IORING_OP_RECV);
        context.script().answer(receives[2], "hello");
    });
    context.run();
    EXPECT_EQ(three.bytes(), "hello");
}

TEST(Cancel, StopIsSticky) {
    scripted_context context;
    auto socket = context.connected_socket();
    int refused = 0;
    auto handle = context.spawn([&]() -> task<> {
        std::array<char, 10> buffer;
        for (int i = 0; i < 3; ++i)
            if ((co_await as_tuple(socket.recv(buffer))).error() == error::operation_aborted)
                ++refused;
    });
    context.then([&] { handle.request_stop(); });
    context.run();
    EXPECT_EQ(refused, 3);
    EXPECT_EQ(context.script().submitted(IORING_OP_RECV), 1u);
}

TEST(Cancel, NamesATaskThatIgnoresItsStop) {
    const auto stubborn = [] {
        scripted_context context;
        auto socket = context.connected_socket();
        auto handle = context.spawn([&]() -> task<> {
            std::array<char, 10> buffer;
            for (int i = 0; i < 1001; ++i)
                static_cast<void>(co_await as_tuple(socket.recv(buffer)));
        });
        handle.request_stop();
        context.run();
    };
    expect_mistake(stubborn, "last at .*cancel_test.cpp:[0-9]+: it catches operation_aborted and goes on");
}

// ---- the frame is destroyed -------------------------------------------------------------------------------

/// Receives, and is destroyed with its context while the operation is pending.
task<> receive_into_frame(tcp::socket& socket, bool& destroyed) {
    struct at_end {
        bool& destroyed;
        ~at_end() { destroyed = true; }
    } end{destroyed};
    std::array<char, 100> buffer;
    static_cast<void>(co_await as_tuple(socket.recv(buffer)));
    ADD_FAILURE() << "a destroyed task was resumed";
}

class destroyed_frame : public testing::Test {
protected:
    void start() { co_spawn(context.io(), receive_into_frame(socket, destroyed), detached); }
    void TearDown() override {
        EXPECT_FALSE(destroyed);
        context.destroy();
        EXPECT_TRUE(destroyed);
        EXPECT_FALSE(socket.is_open());
    }

    scripted_context context;
    tcp::socket socket = context.connected_socket();
    bool destroyed = false;
};

using DestroyedFrame = destroyed_frame;

TEST(Cancel, TaskDestroyedBeforeItsStartNeverRuns) {
    scripted_context context;
    bool began = false;
    auto argument = std::make_shared<int>(1);
    {
        auto handle = co_spawn(
            context.io(),
            [](bool& flag, std::shared_ptr<int>) -> task<> {
                flag = true;
                co_return;
            },
            std::ref(began), argument);
        context.destroy();
        EXPECT_TRUE(handle.done());
    }
    EXPECT_FALSE(began);
    EXPECT_EQ(argument.use_count(), 1);
}

TEST_F(DestroyedFrame, WithTheOperationInFlight) {
    start();
    context.poll();
    EXPECT_EQ(context.script().in_flight().size(), 1u);
}

TEST_F(DestroyedFrame, WithTheOperationNotSubmitted) {
    auto refusing = context.spawn([this]() -> task<> {
        context.script().refuse_enters(3, -EAGAIN);
        co_return;
    });
    start();
    context.poll();
    EXPECT_EQ(context.script().in_flight().size(), 0u);
}

TEST_F(DestroyedFrame, WithTheCompletionNotCollected) {
    start();
    context.poll();
    context.answer(IORING_OP_RECV, "the script writes this now, into the frame");
}

TEST_F(DestroyedFrame, WithACancelPending) {
    start();
    context.poll();
    socket.cancel();
}

TEST_F(DestroyedFrame, WhenTheCancelComesTooLate) {
    start();
    context.poll();
    context.script().when_cancelled("written after the cancel, before the frame is destroyed");
}

TEST_F(DestroyedFrame, WhenTheKernelIsStillWorking) {
    start();
    context.poll();
    context.script().when_cancelled_later("written late");
}

TEST_F(DestroyedFrame, WithTheTaskNotResumed) {
    start();
    context.poll();
    context.answer(IORING_OP_RECV, "hello");
    auto stopper = context.spawn([this]() -> task<> {
        context.io().stop();
        co_return;
    });
    context.run();  // collects the completion, and stops before the resumption
    EXPECT_EQ(context.script().in_flight().size(), 0u);
}

}  // namespace
}  // namespace coil::test
