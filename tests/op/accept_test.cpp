// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#include <array>
#include <cerrno>
#include <chrono>
#include <coroutine>
#include <initializer_list>
#include <optional>
#include <string>
#include <vector>

#include <coil/io/sleep.hpp>

#include "support/allocations.hpp"
#include "support/scripted_context.hpp"

namespace coil::test {
namespace {

using namespace std::chrono_literals;

ip::endpoint client(std::uint16_t port) { return {ip::address_v4({192, 0, 2, 9}), port}; }

/// A task that accepts once, and stores the result.
class accepting {
public:
    accepting(scripted_context& context, tcp::acceptor& acceptor)
        : acceptor_(acceptor), handle_(co_spawn(context.io(), &accepting::accept, this)) {}

    void request_stop() { handle_.request_stop(); }
    [[nodiscard]] bool ended() const { return result_.has_value(); }
    [[nodiscard]] std::error_code error() const { return result_.value().error(); }
    [[nodiscard]] std::uint16_t port() { return (*result_.value()).remote_endpoint().port(); }

private:
    task<> accept() { result_.emplace(co_await as_tuple(acceptor_.accept())); }

    tcp::acceptor& acceptor_;
    std::optional<outcome<tcp::socket>> result_;
    join_handle<void> handle_;
};

TEST(Accept, SubmitsAOneShotThatReturnsTheAddress) {
    scripted_context context;
    auto acceptor = context.acceptor();
    context.run([&]() -> task<> {
        context.answer_next(reply::connection());
        co_await acceptor.accept();
    });
    const auto& sqe = context.script().latest();
    EXPECT_EQ(sqe.opcode, IORING_OP_ACCEPT);
    EXPECT_EQ(sqe.fd, acceptor.native_handle());
    EXPECT_EQ(sqe.accept_flags, static_cast<unsigned>(SOCK_CLOEXEC));
    EXPECT_EQ(sqe.ioprio, 0u);
    EXPECT_NE(sqe.addr, 0u);
    EXPECT_EQ(context.script().descriptor(acceptor.native_handle()).backlog, SOMAXCONN);
}

TEST(Accept, ReturnsASocketWithItsPeer) {
    scripted_context context;
    auto acceptor = context.acceptor();
    context.run([&]() -> task<> {
        context.answer_next(reply::connection(client(4711)));
        tcp::endpoint peer;
        auto socket = co_await acceptor.accept(peer);
        EXPECT_EQ(peer, client(4711));
        EXPECT_EQ(socket.remote_endpoint(), client(4711));
        EXPECT_EQ(&socket.context(), &context.io());
        context.answer_next(reply::all());
        co_await socket.send("hello");
        EXPECT_EQ(context.script().sent(socket.native_handle()), "hello");
    });
}

TEST(Accept, ServesWaitersInFifoOrder) {
    scripted_context context;
    auto acceptor = context.acceptor();
    accepting one(context, acceptor), two(context, acceptor), three(context, acceptor);
    for (std::uint16_t port = 1; port <= 3; ++port)
        context.then([&, port] {
            EXPECT_EQ(context.script().in_flight(IORING_OP_ACCEPT).size(), 1u);
            context.answer(IORING_OP_ACCEPT, reply::connection(client(port)));
        });
    context.run();
    EXPECT_EQ(one.port(), 1u);
    EXPECT_EQ(two.port(), 2u);
    EXPECT_EQ(three.port(), 3u);
}

TEST(Accept, SubmitsNothingWithoutAWaiter) {
    scripted_context context;
    auto acceptor = context.acceptor();
    context.run([]() -> task<> { co_await yield(); });
    EXPECT_EQ(context.script().submitted(IORING_OP_ACCEPT), 0u);
}

// A connection without a waiting accept() belongs in the backlog, where another process can accept it.
TEST(Accept, SubmitsNothingAfterTheLastWaiter) {
    scripted_context context;
    auto acceptor = context.acceptor();
    context.run([&]() -> task<> {
        for (std::uint16_t port = 1; port <= 3; ++port) {
            context.answer_next(reply::connection(client(port)));
            EXPECT_EQ((co_await acceptor.accept()).remote_endpoint().port(), port);
            co_await sleep_for(1s);
            EXPECT_TRUE(context.script().in_flight(IORING_OP_ACCEPT).empty());
            EXPECT_EQ(context.script().open_descriptors().size(), 1u);  // the acceptor
        }
    });
    EXPECT_EQ(context.script().submitted(IORING_OP_ACCEPT), 3u);
    EXPECT_EQ(context.script().submitted(IORING_OP_ASYNC_CANCEL), 0u);
}

TEST(Accept, SkipsErrorsOfSingleConnections) {
    scripted_context context;
    auto acceptor = context.acceptor();
    const std::vector<int> harmless{ECONNABORTED, EPERM,     EPROTO, ENETDOWN,
                                    ENOPROTOOPT,  EHOSTDOWN, ENONET, EHOSTUNREACH,
                                    ENETUNREACH,  EINTR,     EAGAIN, EOPNOTSUPP};
    for (const int number: harmless) {
        if (number == EOPNOTSUPP)
            continue;  // permanent: the socket cannot listen
        context.run([&]() -> task<> {
            context.answer_next(-number);
            context.answer_next(reply::connection());
            auto [ec, socket] = co_await as_tuple(acceptor.accept());
            EXPECT_FALSE(ec) << detail::system_error_code(number).message();
        });
    }
}

TEST(Accept, FailsAllWaitersOnPermanentErrors) {
    for (const int number: {EINVAL, ENOTSOCK, EOPNOTSUPP, EBADF, EFAULT}) {
        scripted_context context;
        auto acceptor = context.acceptor();
        accepting one(context, acceptor), two(context, acceptor);
        context.script().answer_every(IORING_OP_ACCEPT, -number);
        context.run();
        EXPECT_EQ(one.error(), detail::system_error_code(number));
        EXPECT_EQ(two.error(), detail::system_error_code(number));
        EXPECT_EQ(context.script().submitted(IORING_OP_ACCEPT), 2u);
    }
}

TEST(Accept, BacksOffWhenOutOfDescriptors) {
    for (const int number: {EMFILE, ENFILE, ENOBUFS, ENOMEM}) {
        scripted_context context;
        auto acceptor = context.acceptor();
        const auto began = context.io().now();
        context.script().answer_every(IORING_OP_ACCEPT, -number);
        context.after(950ms, [&] {
            context.script().stop_answering(IORING_OP_ACCEPT);
            context.answer_next(reply::connection(client(1)));
        });
        accepting one(context, acceptor);
        context.run();
        EXPECT_EQ(one.port(), 1u);
        EXPECT_EQ(context.script().submitted(IORING_OP_ACCEPT), 11u);
        EXPECT_GE(context.io().now() - began, 1s);
        EXPECT_LT(context.io().now() - began, 1010ms);
        EXPECT_LE(context.script().enters(), 25u);
    }
}

// A security module may deny every connection of the listener.
TEST(Accept, BacksOffWhenEveryConnectionIsDenied) {
    for (const int number: {EPERM, ECONNABORTED, ENETDOWN, EAGAIN, EINTR}) {
        scripted_context context;
        auto acceptor = context.acceptor();
        const auto began = context.io().now();
        context.script().answer_every(IORING_OP_ACCEPT, -number);
        context.after(950ms, [&] {
            context.script().stop_answering(IORING_OP_ACCEPT);
            context.answer_next(reply::connection(client(1)));
        });
        accepting one(context, acceptor);
        context.run();
        EXPECT_EQ(one.port(), 1u);
        EXPECT_EQ(context.script().submitted(IORING_OP_ACCEPT), 16u + 11u);
        EXPECT_GE(context.io().now() - began, 1s);
    }
}

TEST(Accept, CountsDeniedConnectionsPerWaiter) {
    scripted_context context;
    auto acceptor = context.acceptor();
    const auto began = context.io().now();
    context.run([&]() -> task<> {
        for (int accepted = 0; accepted < 3; ++accepted) {
            for (int denied = 0; denied < 16; ++denied)
                context.answer_next(-ECONNABORTED);
            context.answer_next(reply::connection());
            co_await acceptor.accept();
        }
    });
    EXPECT_EQ(context.io().now(), began);
}

TEST(Accept, KeepsFifoOrderAcrossABackOff) {
    scripted_context context;
    auto acceptor = context.acceptor();
    context.answer_next(-EMFILE);
    accepting one(context, acceptor), two(context, acceptor);
    for (std::uint16_t port = 1; port <= 2; ++port)
        context.after(110ms,
                      [&, port] { context.answer(IORING_OP_ACCEPT, reply::connection(client(port))); });
    context.run();
    EXPECT_EQ(one.port(), 1u);
    EXPECT_EQ(two.port(), 2u);
}

TEST(Accept, BackOffEndsWithItsAcceptor) {
    for (const bool close: {true, false}) {
        scripted_context context;
        auto acceptor = context.acceptor();
        const auto began = context.io().now();
        context.answer_next(-EMFILE);
        accepting one(context, acceptor), two(context, acceptor);
        context.then([&] {
            if (close)
                acceptor.close();
            else
                acceptor.cancel();
        });
        context.run();
        EXPECT_EQ(one.error(), error::operation_aborted);
        EXPECT_EQ(two.error(), error::operation_aborted);
        EXPECT_EQ(context.io().now(), began);
    }
}

TEST(Accept, BackOffEndsWithItsContext) {
    scripted_context context;
    auto acceptor = context.acceptor();
    context.answer_next(-EMFILE);
    context.spawn([&]() -> task<> { co_await acceptor.accept(); }).detach();
    context.poll();
    context.destroy();
}

TEST(Accept, QueuesBehindAnAcceptInBackOff) {
    scripted_context context;
    auto acceptor = context.acceptor();
    const auto began = context.io().now();
    accepting one(context, acceptor);
    std::optional<accepting> two;
    context.then([&] { context.answer(IORING_OP_ACCEPT, -EMFILE); });
    context.then([&] {
        two.emplace(context, acceptor);
        context.answer_next(reply::connection(client(1)));
        context.answer_next(reply::connection(client(2)));
    });
    context.run();
    EXPECT_EQ(one.port(), 1u);
    EXPECT_EQ(two->port(), 2u);
    EXPECT_GE(context.io().now() - began, 100ms);
}

// The record of a connection is allocated before the submission. If that fails, the connection stays in the
// backlog.
TEST(Accept, FailsWithoutMemoryBeforeSubmission) {
    scripted_context context;
    auto acceptor = context.acceptor();
    for (const bool queued: {false, true}) {
        std::optional<accepting> ahead;
        if (queued)
            ahead.emplace(context, acceptor);
        context.poll();
        auto failing = acceptor.accept().operation_in(context.io().foreign_environment());
        auto throwing = acceptor.accept().operation_in(context.io().foreign_environment());
        for (auto* each: {&failing, &throwing}) {
            allocations::fail_from(1, 1);
            each->await_suspend(std::noop_coroutine());
            EXPECT_EQ(allocations::fail_no_more(), 1u);
        }
        context.poll();
        EXPECT_EQ(failing.await_outcome().error(), std::errc::not_enough_memory);
        EXPECT_THROW(static_cast<void>(throwing.await_resume()), std::bad_alloc);
        EXPECT_EQ(context.script().submitted(IORING_OP_ACCEPT), queued ? 1u : 0u);
        if (queued) {
            context.answer(IORING_OP_ACCEPT, reply::connection(client(1)));
            context.poll();
            EXPECT_EQ(ahead->port(), 1u);
        }
    }
}

// Nothing is allocated after the kernel has accepted a connection, so as_tuple(accept()) never throws.
TEST(Accept, AllocatesNothingAfterTheKernelHasAccepted) {
    scripted_context context;
    auto acceptor = context.acceptor();
    auto accepting = acceptor.accept().operation_in(context.io().foreign_environment());
    static_assert(noexcept(accepting.await_outcome()));
    accepting.await_suspend(std::noop_coroutine());
    context.then([&] { context.answer(IORING_OP_ACCEPT, reply::connection(client(1))); });
    context.run();
    allocations::fail_from(1, allocations::unlimited);
    auto accepted = accepting.await_outcome();
    EXPECT_EQ(allocations::fail_no_more(), 0u);
    EXPECT_TRUE((*accepted).is_open());
}

TEST(Accept, CancelEndsABackOffImmediately) {
    scripted_context context;
    auto acceptor = context.acceptor();
    const auto began = context.io().now();
    accepting one(context, acceptor);
    context.then([&] { context.answer(IORING_OP_ACCEPT, -EMFILE); });
    context.then([&] { one.request_stop(); });
    context.run();
    EXPECT_EQ(one.error(), error::operation_aborted);
    EXPECT_EQ(context.io().now(), began);
    EXPECT_EQ(context.script().submitted(IORING_OP_ACCEPT), 1u);
}

TEST(Accept, CancelLeavesNothingInFlight) {
    scripted_context context;
    auto acceptor = context.acceptor();
    accepting one(context, acceptor);
    context.then([&] { one.request_stop(); });
    context.run();
    EXPECT_EQ(one.error(), error::operation_aborted);
    EXPECT_TRUE(context.script().in_flight().empty());
}

TEST(Accept, DeliversAConnectionThatCameBeforeTheCancel) {
    scripted_context context;
    auto acceptor = context.acceptor();
    accepting one(context, acceptor);
    context.script().when_cancelled(reply::connection(client(1)));
    context.then([&] { one.request_stop(); });
    context.run();
    EXPECT_EQ(one.port(), 1u);
}

TEST(Accept, ServesTheNextWaiterAfterACancel) {
    scripted_context context;
    auto acceptor = context.acceptor();
    accepting one(context, acceptor), two(context, acceptor);
    context.then([&] { one.request_stop(); });
    context.then([&] { context.answer(IORING_OP_ACCEPT, reply::connection(client(1))); });
    context.run();
    EXPECT_EQ(one.error(), error::operation_aborted);
    EXPECT_EQ(two.port(), 1u);
}

TEST(Accept, AcceptorCancelAbortsAllWaiters) {
    scripted_context context;
    auto acceptor = context.acceptor();
    accepting one(context, acceptor), two(context, acceptor);
    context.then([&] { acceptor.cancel(); });
    context.run();
    EXPECT_EQ(one.error(), error::operation_aborted);
    EXPECT_EQ(two.error(), error::operation_aborted);
    context.run([&]() -> task<> {
        context.answer_next(reply::connection());
        co_await acceptor.accept();
    });
}

// The connection and the stop arrive in one iteration of the loop, in either order. The connection is
// delivered.
TEST(Accept, DeliversDespiteAStopInTheSameIteration) {
    for (const bool stop_first: {true, false}) {
        scripted_context context;
        auto acceptor = context.acceptor();
        auto socket = context.connected_socket();
        accepting one(context, acceptor);
        auto stopper = context.spawn([&]() -> task<> {
            std::array<char, 10> buffer;
            co_await socket.recv(buffer);
            one.request_stop();
        });
        context.then([&] {
            if (stop_first)
                context.answer(IORING_OP_RECV, "stop");
            context.answer(IORING_OP_ACCEPT, reply::connection(client(1)));
            if (!stop_first)
                context.answer(IORING_OP_RECV, "stop");
        });
        context.run();
        EXPECT_EQ(one.port(), 1u);
    }
}

// The accept completes, but its task is destroyed before it resumes.
TEST(Accept, ContextClosesAnUncollectedConnection) {
    scripted_context context;
    auto acceptor = context.acceptor();
    auto handle = context.spawn([&]() -> task<> { co_await acceptor.accept(); });
    context.poll();
    context.answer(IORING_OP_ACCEPT, reply::connection());
    auto stopper = context.spawn([&]() -> task<> {
        context.io().stop();
        co_return;
    });
    context.run();
    context.destroy();  // the script checks that every descriptor was closed
}

TEST(Accept, AcceptorCloseAbortsAllWaiters) {
    scripted_context context;
    auto acceptor = context.acceptor();
    accepting one(context, acceptor), two(context, acceptor);
    context.then([&] { acceptor.close(); });
    context.run();
    EXPECT_EQ(one.error(), error::operation_aborted);
    EXPECT_EQ(two.error(), error::operation_aborted);
}

TEST(Accept, DeliversAConnectionThatCameBeforeTheClose) {
    scripted_context context;
    auto acceptor = context.acceptor();
    {
        accepting one(context, acceptor);
        context.script().when_cancelled(reply::connection(client(1)));
        context.then([&] { acceptor.close(); });
        context.run();
        EXPECT_EQ(one.port(), 1u);
    }
    EXPECT_TRUE(context.script().open_descriptors().empty());
}

TEST(Accept, ContinuesWhenItsAcceptorIsMoved) {
    scripted_context context;
    auto acceptor = context.acceptor();
    accepting one(context, acceptor);
    tcp::acceptor moved;
    context.then([&] {
        moved = std::move(acceptor);
        context.answer(IORING_OP_ACCEPT, reply::connection(client(1)));
    });
    context.run();
    EXPECT_EQ(one.port(), 1u);
}

TEST(Accept, FailsOnAClosedAcceptor) {
    scripted_context context;
    tcp::acceptor acceptor(context);
    accepting one(context, acceptor);
    context.run();
    EXPECT_EQ(one.error(), error::bad_descriptor);
}

TEST(Accept, StaleDescriptionFails) {
    scripted_context context;
    auto acceptor = context.acceptor();
    context.run([&]() -> task<> {
        auto before = acceptor.accept();
        acceptor.close();
        acceptor = context.acceptor();
        EXPECT_EQ((co_await as_tuple(before)).error(), error::bad_descriptor);
    });
}

TEST(Accept, AcceptorMayBeReopenedAfterClose) {
    scripted_context context;
    auto acceptor = context.acceptor();
    accepting one(context, acceptor);
    context.then([&] {
        acceptor.close();
        acceptor = context.acceptor();
    });
    context.run();
    EXPECT_EQ(one.error(), error::operation_aborted);
    context.run([&]() -> task<> {
        context.answer_next(reply::connection(client(2)));
        EXPECT_EQ((co_await acceptor.accept()).remote_endpoint().port(), 2u);
    });
}

TEST(Accept, ServesTenThousandInARow) {
    scripted_context context;
    auto acceptor = context.acceptor();
    context.script().answer_every(IORING_OP_ACCEPT, reply::connection());
    context.run([&]() -> task<> {
        for (int i = 0; i < 10'000; ++i)
            (co_await acceptor.accept()).close();
    });
}

}  // namespace
}  // namespace coil::test
