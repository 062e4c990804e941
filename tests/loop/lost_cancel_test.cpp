// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#include <array>
#include <cerrno>
#include <chrono>
#include <coroutine>
#include <cstring>
#include <functional>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include <coil/algo/read.hpp>
#include <coil/algo/timeout.hpp>
#include <coil/algo/write.hpp>
#include <coil/io/sleep.hpp>

#include "support/real_context.hpp"
#include "support/scripted_context.hpp"

// The kernel may miss the target of a cancel. The cancel completes with -ENOENT if the kernel is about to
// issue the target again, which then waits. It completes with -EALREADY if a worker thread executes the
// target. Regression: close() did not return, and deadlines did not fire.

namespace coil::test {
namespace {

using namespace std::chrono_literals;

class lost_cancel : public testing::TestWithParam<int> {
protected:
    void start() {
        task_ = co_spawn(
            context.io(),
            [](lost_cancel& self) -> task<> {
                self.result = co_await as_tuple(self.socket.recv(self.buffer));
            },
            std::ref(*this));
        context.poll();
    }
    [[nodiscard]] std::size_t cancels() { return context.script().submitted(IORING_OP_ASYNC_CANCEL); }
    void lose(unsigned count) { context.script().lose_cancels(count, GetParam()); }

    scripted_context context;
    tcp::socket socket = context.connected_socket();
    std::array<char, 10> buffer{};
    std::optional<outcome<std::size_t>> result;
    std::optional<join_handle<void>> task_;
};

using LostCancel = lost_cancel;

TEST_P(LostCancel, IsRepeatedUntilItsTargetEnds) {
    start();
    lose(2);
    socket.cancel();
    context.run();
    EXPECT_EQ(result->error(), error::operation_aborted);
    EXPECT_EQ(cancels(), 3u);
}

TEST_P(LostCancel, IsRepeatedAfterAStop) {
    start();
    lose(1);
    task_->request_stop();
    context.run();
    EXPECT_EQ(result->error(), error::operation_aborted);
    EXPECT_EQ(cancels(), 2u);
}

TEST_P(LostCancel, IsRepeatedAfterATimeout) {
    lose(1);
    context.run([&]() -> task<> {
        auto [ec, n] = co_await as_tuple(timeout(socket.recv(buffer), 5s));
        EXPECT_EQ(ec, error::timed_out);
    });
    EXPECT_EQ(cancels(), 2u);
}

TEST_P(LostCancel, IsRepeatedByClose) {
    start();
    lose(5);
    socket.close();
    EXPECT_TRUE(context.script().in_flight().empty());
    EXPECT_EQ(cancels(), 6u);
    context.run();
    EXPECT_EQ(result->error(), error::operation_aborted);
}

TEST_P(LostCancel, IsRepeatedByTheContextsDestructor) {
    start();
    lose(5);
    testing::internal::CaptureStderr();
    context.destroy();  // the script checks that nothing is in flight
    EXPECT_EQ(testing::internal::GetCapturedStderr(), "");
}

TEST_P(LostCancel, IsRepeatedForEachOfMany) {
    start();
    std::vector<tcp::socket> sockets;
    std::vector<join_handle<void>> tasks;
    int aborted = 0;
    for (int i = 0; i < 20; ++i)
        sockets.push_back(context.connected_socket());
    for (auto& each: sockets)
        tasks.push_back(co_spawn(
            context.io(),
            [](tcp::socket& from, int& count) -> task<> {
                std::array<char, 4> bytes;
                count += (co_await as_tuple(from.recv(bytes))).error() == error::operation_aborted;
            },
            std::ref(each), std::ref(aborted)));
    context.poll();
    lose(30);
    socket.cancel();
    for (auto& each: tasks)
        each.request_stop();
    context.run();
    EXPECT_EQ(aborted, 20);
    EXPECT_LE(cancels(), 21u + 30u + 21u);
}

// A cancel that never succeeds must not become a busy loop.
TEST_P(LostCancel, PausesIfRepeatsDoNotHelp) {
    start();
    lose(1'000'000);
    socket.cancel();
    context.after(10s, [&] { context.answer(IORING_OP_RECV, "hello"); });
    const unsigned enters = context.script().enters();
    context.run();
    EXPECT_EQ(**result, 5u);
    EXPECT_LT(cancels(), 150u);
    EXPECT_LT(context.script().enters() - enters, 300u);
}

TEST_P(LostCancel, DeliversBytesThatCameFirst) {
    start();
    lose(1);
    context.script().when_cancelled("hello");
    socket.cancel();
    context.run();
    EXPECT_EQ(**result, 5u);
    EXPECT_EQ(std::string_view(buffer.data(), 5), "hello");
}

// The completion of a cancel may be collected after its target has ended and another operation has taken its
// address.
TEST_P(LostCancel, DoesNotHitTheNextOperation) {
    std::vector<std::string> received;
    auto reader = context.spawn([&]() -> task<> {
        for (int i = 0; i < 2; ++i) {
            const std::size_t n = co_await socket.recv(buffer);
            received.emplace_back(buffer.data(), n);
        }
    });
    context.poll();
    context.script().then([&] {
        context.answer(IORING_OP_RECV, "first");
        context.io().post([&] { socket.cancel(); });  // its target has ended by then
        context.script().wake();
    });
    context.script().then([&] { context.answer(IORING_OP_RECV, "second"); });
    context.run();
    EXPECT_EQ(received, (std::vector<std::string>{"first", "second"}));
}

TEST_P(LostCancel, FindsASlotInTheSmallestRing) {
    scripted_context small({.entries = 1, .completions = 2});
    auto near = small.connected_socket();
    auto far = small.connected_socket();
    int aborted = 0;
    for (tcp::socket* each: {&near, &far})
        co_spawn(
            small.io(),
            [](tcp::socket& from, int& count) -> task<> {
                std::array<char, 4> bytes;
                count += (co_await as_tuple(from.recv(bytes))).error() == error::operation_aborted;
            },
            std::ref(*each), std::ref(aborted), detached);
    small.poll();
    small.script().lose_cancels(4, GetParam());
    near.cancel();
    far.cancel();
    small.run();
    EXPECT_EQ(aborted, 2);
}

// ---- operations that the kernel can't cancel --------------------------------------------------------------

TEST_P(LostCancel, CloseGivesUpAndReports) {
    start();
    lose(1'000'000);
    context.script().allow_close_in_flight();
    const auto begin = context.io().now();
    const int number = socket.native_handle();
    testing::internal::CaptureStderr();
    socket.close();
    const std::string text = testing::internal::GetCapturedStderr();
    EXPECT_NE(text.find("recv"), std::string::npos) << text;
    EXPECT_NE(text.find("descriptor " + std::to_string(number)), std::string::npos) << text;
    EXPECT_EQ(context.io().now() - begin, 2s);
    EXPECT_LT(cancels(), 50u);

    EXPECT_FALSE(result);
    EXPECT_EQ(context.script().in_flight().size(), 1u);
    context.answer(IORING_OP_RECV, -ECANCELED);  // the kernel ends it late
    context.run();
    EXPECT_EQ(result->error(), error::operation_aborted);
}

class holder {
public:
    explicit holder(tcp::socket& from)
        : operation_(from.recv(buffer_).operation_in(from.context().foreign_environment())) {}
    void start() { operation_.await_suspend(std::noop_coroutine()); }

private:
    std::array<char, 10> buffer_{};
    op::recv<mutable_buffer> operation_;
};

// The operation's memory can't be freed while the kernel may write to it.
TEST_P(LostCancel, DestructorWaitsAndReports) {
    lose(1'000'000);
    context.script().after(5s, [&] { context.answer(IORING_OP_RECV, "hello"); });
    std::optional<holder> held(std::in_place, socket);
    held->start();
    context.poll();
    testing::internal::CaptureStderr();
    held.reset();
    const std::string text = testing::internal::GetCapturedStderr();
    EXPECT_TRUE(context.script().in_flight().empty());
    EXPECT_NE(text.find("recv on descriptor"), std::string::npos) << text;
    EXPECT_NE(text.find("2 s"), std::string::npos) << text;
    EXPECT_EQ(text.find('\n'), text.size() - 1) << text;  // one line for 5 s
}

INSTANTIATE_TEST_SUITE_P(Answers, LostCancel, testing::Values(-ENOENT, -EALREADY),
                         [](const auto& one) { return one.param == -ENOENT ? "NotFound" : "Working"; });

// ---- marks on all operations of a descriptor --------------------------------------------------------------

// `read` continues unless its step was cancelled. Regression: the cancel count of a descriptor had 8 bits.
TEST(ManyCancels, BeforeTheResumptionAreCounted) {
    scripted_context context;
    auto socket = context.connected_socket();
    auto other = context.connected_socket();
    std::array<char, 10> buffer, unused;
    auto canceller = context.spawn([&]() -> task<> {
        co_await other.recv(unused);
        for (int i = 0; i < 256; ++i)
            socket.cancel();
    });
    context.script().then([&] {
        context.answer(IORING_OP_RECV, "first");
        context.answer(IORING_OP_RECV, "hello");
    });
    context.run([&]() -> task<> {
        auto [ec, n] = co_await as_tuple(read(socket, buffer));
        EXPECT_EQ(ec, error::operation_aborted);
        EXPECT_EQ(n, 5u);
    });
}

TEST(Interrupted, ReceiveWithoutASlotIsAborted) {
    scripted_context context({.entries = 1, .completions = 2});
    auto socket = context.connected_socket();
    auto second = context.connected_socket();
    std::array<char, 10> buffer, other;
    std::error_code ended;
    auto blocker = context.spawn([&]() -> task<> {
        context.script().refuse_enters(1000, -EBUSY);
        co_return;
    });
    auto first = context.spawn([&]() -> task<> { EXPECT_EQ(co_await socket.recv(other), 5u); });
    auto reader =
        context.spawn([&]() -> task<> { ended = (co_await as_tuple(second.recv(buffer))).error(); });
    auto shutter = context.spawn([&]() -> task<> {
        EXPECT_EQ(context.script().submitted(IORING_OP_RECV), 0u);
        second.shutdown(tcp::socket::shutdown_receive);
        context.script().refuse_enters(0, 0);
        co_return;
    });
    context.script().then([&] {
        const auto receives = context.script().in_flight(IORING_OP_RECV);
        ASSERT_EQ(receives.size(), 2u);
        context.script().answer(receives[0], "hello");
        context.script().answer(receives[1], 0);  // end of stream, caused by our shutdown
    });
    context.run();
    EXPECT_EQ(ended, error::operation_aborted);
}

TEST(Interrupted, ReceiveBeingCancelledIsAborted) {
    scripted_context context;
    auto socket = context.connected_socket();
    std::array<char, 10> buffer;
    std::error_code ended;
    auto reader =
        context.spawn([&]() -> task<> { ended = (co_await as_tuple(socket.recv(buffer))).error(); });
    context.poll();
    context.script().when_cancelled(0);  // end of stream, caused by our shutdown
    socket.cancel();
    socket.shutdown(tcp::socket::shutdown_receive);
    context.run();
    EXPECT_EQ(ended, error::operation_aborted);
}

// ---- refused enters, and the poll for wakes ---------------------------------------------------------------

// Regression: nothing re-armed the poll before the loop slept, so posts of other threads were not seen.
TEST(Wakes, ArePolledForAfterARefusedEnter) {
    scripted_context context({.entries = 1, .completions = 16});
    auto socket = context.connected_socket();
    std::array<char, 10> buffer;
    context.script().refuse_wake_polls(1, -ENOMEM);
    auto reader = context.spawn([&]() -> task<> {
        context.script().refuse_enters(3, -EBUSY);
        EXPECT_EQ(co_await socket.recv(buffer), 5u);
    });
    bool is_posted = false;
    context.script().after(
        1s, [&] { std::thread([&] { context.io().post([&] { is_posted = true; }); }).join(); });
    context.script().after(2s, [&] {
        EXPECT_TRUE(is_posted);
        context.answer(IORING_OP_RECV, "hello");
    });
    context.run();
}

TEST(Wakes, AreSeenInPausesIfThePollIsRefused) {
    scripted_context context;
    context.script().refuse_wake_polls(1'000'000, -EACCES);
    bool is_posted = false;
    auto waiting = context.spawn([&]() -> task<> {
        co_await sleep_for(10s);
        EXPECT_TRUE(is_posted);
    });
    context.script().after(
        5s, [&] { std::thread([&] { context.io().post([&] { is_posted = true; }); }).join(); });
    context.run();
    EXPECT_LT(context.script().wake_polls(), 150u);
    EXPECT_LT(context.script().enters(), 400u);
}

class refused_enters : public testing::TestWithParam<int> {};
using RefusedEnters = refused_enters;

// Regression: the pause was an enter too, so the loop spun.
TEST_P(RefusedEnters, PauseWithoutTheRing) {
    scripted_context context;
    auto waiting = context.spawn([&]() -> task<> {
        context.script().refuse_enters(1'000'000, GetParam());
        co_await sleep_for(10s);
        context.script().refuse_enters(0, 0);
    });
    context.run();
    EXPECT_GT(context.script().waits_for_wake(), 0u);
    EXPECT_LT(context.script().enters(), 1000u);
}

TEST_P(RefusedEnters, PauseWhileADestructorWaits) {
    scripted_context context;
    auto socket = context.connected_socket();
    std::array<char, 10> buffer;
    auto reader =
        context.spawn([&]() -> task<> { static_cast<void>(co_await as_tuple(socket.recv(buffer))); });
    context.poll();
    const unsigned enters = context.script().enters();
    context.script().refuse_enters(40, GetParam());
    socket.close();
    EXPECT_GT(context.script().waits_for_wake(), 0u);
    EXPECT_LT(context.script().enters() - enters, 60u);
    context.run();
}

// A ring that can't be entered can still be closed: the kernel then ends the operations in flight.
TEST_P(RefusedEnters, DoNotBlockTheDestructor) {
    scripted_context context;
    auto socket = context.connected_socket();
    std::array<char, 10> buffer;
    auto reader =
        context.spawn([&]() -> task<> { static_cast<void>(co_await as_tuple(socket.recv(buffer))); });
    context.poll();
    context.script().refuse_enters(1'000'000, GetParam());
    testing::internal::CaptureStderr();
    context.destroy();
    EXPECT_EQ(testing::internal::GetCapturedStderr(), "");
}

INSTANTIATE_TEST_SUITE_P(Errors, RefusedEnters, testing::Values(-EAGAIN, -EBUSY, -ENOMEM, -EINTR),
                         [](const auto& one) { return std::string(strerrorname_np(-one.param)); });

// ---- the real kernel --------------------------------------------------------------------------------------

// If the send buffer is small, the kernel repeats a MSG_WAITALL send itself, and may miss the cancel that
// follows.
class small_buffers : public testing::TestWithParam<int> {
protected:
    static constexpr std::size_t much = 1 << 20;

    real_context context;
    std::pair<tcp::socket, plain_peer> ends = context.connection();
};

using RealLostCancel = small_buffers;

TEST_P(RealLostCancel, CloseReturnsInTheSameIteration) {
    tcp::socket& socket = ends.first;
    socket.set_option(tcp::socket::send_buffer_size(4096));
    const std::string bytes(much, 'x');
    std::error_code ended;
    context.run([&]() -> task<> {
        auto writer = co_spawn(context.io(), [&]() -> task<> {
            auto [ec, n] = co_await as_tuple(GetParam() == 0 ? socket.send(bytes, message_flags::wait_all)
                                                             : socket.send(bytes));
            ended = ec;
        });
        co_await yield();
        socket.close();
        co_await writer.join();
    });
    EXPECT_FALSE(socket.is_open());
}

INSTANTIATE_TEST_SUITE_P(Flags, RealLostCancel, testing::Values(0, 1),
                         [](const auto& one) { return one.param == 0 ? "All" : "Some"; });

TEST(RealWrite, TimesOutWithASmallBuffer) {
    real_context context;
    auto ends = context.connection();
    tcp::socket& socket = ends.first;
    socket.set_option(tcp::socket::send_buffer_size(4096));
    const std::string bytes(64 << 20, 'x');
    context.run([&]() -> task<> {
        for (int i = 0; i < 20; ++i) {
            auto [ec, n] = co_await as_tuple(timeout(write(socket, bytes), 100us));
            EXPECT_EQ(ec, error::timed_out);
        }
    });
}

}  // namespace
}  // namespace coil::test
