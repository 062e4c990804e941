// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#include <coil/op/wait.hpp>

#include <array>
#include <cerrno>
#include <memory>
#include <optional>
#include <utility>

#include <poll.h>

#include "support/scripted_context.hpp"

// Readiness as the kernel reports it, and readiness of bytes received ahead, which the kernel's socket no
// longer has.

namespace coil::test {
namespace {

constexpr auto read = socket_base::wait_read;
constexpr auto write = socket_base::wait_write;
constexpr auto error_kind = socket_base::wait_error;

class Wait : public testing::Test {
protected:
    template <class F>
    void run(F&& story) {
        context.run(story);
    }
    ring::scripted_kernel& script() { return context.script(); }
    [[nodiscard]] std::size_t polls() { return script().submitted(IORING_OP_POLL_ADD); }

    /// A wait in another task.
    class waiting {
    public:
        template <class Socket>
        waiting(io_context& on, Socket& socket, wait_type kinds)
            : handle_(co_spawn(on, &waiting::run<Socket>, this, std::ref(socket), kinds)) {}

        void request_stop() { handle_.request_stop(); }
        [[nodiscard]] bool ended() const { return result_.has_value(); }
        [[nodiscard]] const outcome<wait_type>& result() const { return result_.value(); }

    private:
        template <class Socket>
        task<> run(Socket& socket, wait_type kinds) {
            result_ = co_await as_tuple(socket.wait(kinds));
        }

        std::optional<outcome<wait_type>> result_;
        join_handle<void> handle_;
    };

    /// Receives `text` ahead. No task waits for it.
    task<> receive_ahead(recv_stream& stream, const char* text) {
        context.then([this, text] {
            context.answer(IORING_OP_RECV, "first");
            context.answer(IORING_OP_RECV, text);
        });
        auto first = co_await stream.next();
        CO_ASSERT_TRUE(first.has_value());
        EXPECT_EQ(first->text(), "first");
    }

    scripted_context context{io_context::options{.pool_size = 1 << 20}};
    tcp::socket socket_ = context.connected_socket();
};

TEST_F(Wait, MapsKindsToPollEvents) {
    struct expectation {
        wait_type wanted;
        unsigned polled;
        int answered;
        wait_type ready;
    };
    const expectation table[] = {
        {read, POLLIN, POLLIN, read},
        {write, POLLOUT, POLLOUT, write},
        {read | write, POLLIN | POLLOUT, POLLOUT, write},
        {read | write, POLLIN | POLLOUT, POLLIN | POLLOUT, read | write},
        {error_kind, POLLPRI | POLLRDBAND, POLLPRI, error_kind},
        {read | error_kind, POLLIN | POLLPRI | POLLRDBAND, POLLIN | POLLPRI, read | error_kind},
        // After these events nothing blocks, so every wanted kind is ready.
        {read, POLLIN, POLLHUP, read | error_kind},
        {write, POLLOUT, POLLERR, write | error_kind},
        {error_kind, POLLPRI | POLLRDBAND, POLLHUP | POLLERR, error_kind},
        {socket_base::wait_none, 0, POLLHUP, error_kind},
    };
    run([&]() -> task<> {
        auto socket = context.connected_socket();
        for (const expectation& each: table) {
            context.answer_next(each.answered);
            EXPECT_EQ(co_await socket.wait(each.wanted), each.ready) << each.wanted << ' ' << each.answered;
            EXPECT_EQ(script().latest().opcode, IORING_OP_POLL_ADD);
            EXPECT_EQ(script().latest().poll32_events, each.polled);
        }
    });
}

// Any data that arrives completes a poll for out-of-band data, so wait() confirms the events with poll(2).
TEST_F(Wait, ConfirmsOutOfBandDataWithPoll) {
    run([&]() -> task<> {
        auto socket = context.connected_socket();
        for (const int each: {POLLPRI, POLLRDBAND, POLLPRI | POLLRDBAND})
            context.answer_next(each);
        for (const int each: {0, 0, POLLPRI})
            script().answer_poll(each);
        EXPECT_EQ(co_await socket.wait(error_kind), error_kind);
        EXPECT_EQ(polls(), 3u);
        context.answer_next(POLLIN | POLLPRI);
        script().answer_poll(POLLIN);
        EXPECT_EQ(co_await socket.wait(read | error_kind), read);
    });
    waiting stopped(context, socket_, error_kind);
    context.then([&] {
        script().answer_poll(0);
        script().when_cancelled(POLLPRI);
        stopped.request_stop();
    });
    context.run();
    EXPECT_EQ(stopped.result().error(), error::operation_aborted);
}

TEST_F(Wait, ErrorNamesTheOperation) {
    run([&]() -> task<> {
        auto socket = context.connected_socket();
        context.answer_next(-ENOMEM);
        try {
            co_await socket.wait(read);
            ADD_FAILURE() << "nothing was thrown";
        } catch (const std::system_error& failure) {
            EXPECT_EQ(failure.code(), std::errc::not_enough_memory);
            EXPECT_EQ(std::string(failure.what()).find("wait (peer "), 0u) << failure.what();
        }
    });
}

TEST_F(Wait, FailsOnAClosedSocket) {
    run([&]() -> task<> {
        tcp::socket closed(context.io());
        auto [ec, kinds] = co_await as_tuple(closed.wait(read));
        EXPECT_EQ(ec, error::bad_descriptor);
        tcp::socket nowhere;
        auto [ec2, kinds2] = co_await as_tuple(nowhere.wait(read));
        EXPECT_EQ(ec2, error::bad_descriptor);
    });
    EXPECT_EQ(polls(), 0u);
}

TEST_F(Wait, MayOverlapWithWaitsAndReceives) {
    auto socket = context.connected_socket();
    std::array<char, 10> buffer;
    std::size_t received = 0;
    const auto receive = [&]() -> task<> { received = co_await socket.recv(buffer); };
    co_spawn(context.io(), receive, detached);
    waiting a(context, socket, read), b(context, socket, write), c(context, socket, read | write);
    context.then([&] {
        EXPECT_EQ(script().in_flight(IORING_OP_POLL_ADD).size(), 3u);
        context.answer(IORING_OP_RECV, "hello");
        script().answer(script().in_flight(IORING_OP_POLL_ADD)[1], POLLOUT);
        script().answer(script().in_flight(IORING_OP_POLL_ADD)[1], POLLIN);
        script().answer(script().in_flight(IORING_OP_POLL_ADD)[0], POLLIN);
    });
    context.run();
    EXPECT_EQ(received, 5u);
    EXPECT_EQ(*a.result(), read);
    EXPECT_EQ(*b.result(), write);
    EXPECT_EQ(*c.result(), read);
}

// ---- ends -------------------------------------------------------------------------------------------------

TEST_F(Wait, IsAbortedByCancelStopAndClose) {
    auto socket = context.connected_socket();
    {
        waiting cancelled(context, socket, read);
        context.then([&] { socket.cancel(); });
        context.run();
        EXPECT_EQ(cancelled.result().error(), error::operation_aborted);
    }
    {
        waiting stopped(context, socket, read);
        context.then([&] { stopped.request_stop(); });
        context.run();
        EXPECT_EQ(stopped.result().error(), error::operation_aborted);
    }
    {
        waiting closed(context, socket, read);
        context.then([&] { socket.close(); });
        context.run();
        EXPECT_EQ(closed.result().error(), error::operation_aborted);
    }
}

TEST_F(Wait, ContinuesWhenItsSocketIsMoved) {
    auto socket = context.connected_socket();
    waiting one(context, socket, read);
    context.poll();
    auto moved = std::move(socket);
    context.then([&] { context.answer(IORING_OP_POLL_ADD, POLLIN); });
    context.run();
    EXPECT_EQ(*one.result(), read);
}

TEST_F(Wait, DestructionCancelsItInTheKernel) {
    auto socket = std::make_unique<tcp::socket>(context.connected_socket());
    const auto wait = [&]() -> task<> { co_await socket->wait(read | write); };
    co_spawn(context.io(), wait, detached);
    context.poll();
    EXPECT_EQ(script().in_flight(IORING_OP_POLL_ADD).size(), 1u);
    context.destroy();  // the scripted kernel checks that nothing is in flight
}

// ---- bytes received ahead ---------------------------------------------------------------------------------

TEST_F(Wait, CompletesInlineWithBytesAhead) {
    run([&]() -> task<> {
        auto socket = context.connected_socket();
        auto stream = socket.recv_stream();
        co_await receive_ahead(stream, "second");
        EXPECT_EQ(co_await socket.wait(read), read);
        EXPECT_EQ(polls(), 0u);  // no poll was submitted
        EXPECT_EQ((co_await stream.next())->text(), "second");
    });
}

// A wait for both kinds must not report a single kind for as long as the bytes ahead stay unread.
TEST_F(Wait, CombinesBytesAheadWithKernelEvents) {
    run([&]() -> task<> {
        auto socket = context.connected_socket();
        auto stream = socket.recv_stream();
        co_await receive_ahead(stream, "second");
        context.answer_next(POLLOUT);
        EXPECT_EQ(co_await socket.wait(read | write), read | write);
        EXPECT_EQ(co_await socket.wait(read | write), read);  // this time the kernel reports nothing
        script().answer_next(-EBADF);
        auto [ec, kinds] = co_await as_tuple(socket.wait(read | write));
        EXPECT_EQ(ec, error::bad_descriptor);
    });
    EXPECT_EQ(polls(), 3u);
}

// The multishot takes the bytes before the poll sees them: the kernel's socket is empty, and the poll alone
// would never complete.
TEST_F(Wait, CompletesWhenBytesArriveAhead) {
    auto socket = context.connected_socket();
    auto stream = socket.recv_stream();
    std::optional<waiting> bytes, both, room;
    run([&]() -> task<> {
        context.then([&] { context.answer(IORING_OP_RECV, "first"); });
        EXPECT_EQ((co_await stream.next())->text(), "first");
        bytes.emplace(context, socket, read);
        both.emplace(context, socket, read | write | error_kind);
        room.emplace(context, socket, write);
        context.then([&] { context.answer(IORING_OP_RECV, "second"); });
        context.then([&] { socket.cancel(); });
    });
    EXPECT_EQ(*bytes->result(), read);
    EXPECT_EQ(*both->result(), read);
    EXPECT_EQ(room->result().error(), error::operation_aborted);
}

TEST_F(Wait, IgnoresBytesThatAReaderTook) {
    auto socket = context.connected_socket();
    auto stream = socket.recv_stream();
    std::optional<waiting> waits;
    run([&]() -> task<> {
        waits.emplace(context, socket, read);
        context.then([&] { context.answer(IORING_OP_RECV, "first"); });
        EXPECT_EQ((co_await stream.next())->text(), "first");
        EXPECT_FALSE(waits->ended());
        EXPECT_EQ(script().in_flight(IORING_OP_POLL_ADD).size(), 1u);
        socket.cancel();
    });
}

TEST_F(Wait, CompletesOnAnUnreportedError) {
    run([&]() -> task<> {
        auto socket = context.connected_socket();
        auto stream = socket.recv_stream();
        context.then([&] { context.answer(IORING_OP_RECV, "first"); });
        EXPECT_EQ((co_await stream.next())->text(), "first");
        context.then([&] { context.answer(IORING_OP_RECV, -ECONNRESET); });
        EXPECT_EQ(co_await socket.wait(read), read);
        EXPECT_EQ(co_await socket.wait(read), read);
        std::array<char, 10> buffer;
        auto [ec, n] = co_await as_tuple(socket.recv(buffer));
        EXPECT_EQ(ec, error::connection_reset);
    });
}

TEST_F(Wait, CompletesWhenAReaderReturnsItsBytes) {
    auto socket = context.connected_socket();
    auto stream = socket.recv_stream();
    std::optional<waiting> waits;
    {
        auto destroyed = stream.next().operation_in(context.io().foreign_environment());
        destroyed.await_suspend(std::noop_coroutine());
        waits.emplace(context, socket, read);
        context.poll();
        context.answer(IORING_OP_RECV, "first");
        context.io().post([] {});
        context.io().restart();
        context.io().poll_one();  // runs the post and collects the bytes
        EXPECT_FALSE(waits->ended());
    }
    context.run();
    EXPECT_EQ(*waits->result(), read);
}

TEST_F(Wait, CloseAbortsANotifiedWait) {
    auto socket = context.connected_socket();
    auto stream = socket.recv_stream();
    std::optional<waiting> waits;
    run([&]() -> task<> {
        context.then([&] { context.answer(IORING_OP_RECV, "first"); });
        EXPECT_EQ((co_await stream.next())->text(), "first");
        waits.emplace(context, socket, read | write);
        co_await yield();
        co_await yield();
        const auto cancels = [&] { return context.io().metrics().cancels; };
        EXPECT_EQ(cancels(), 0u);
        context.answer(IORING_OP_RECV, "second");
        for (int i = 0; i < 100 && cancels() == 0; ++i)
            co_await yield();
        EXPECT_EQ(cancels(), 1u);  // notified, and its poll is being cancelled
        EXPECT_FALSE(waits->ended());
        socket.close();
    });
    EXPECT_EQ(waits->result().error(), error::operation_aborted);
}

// The wait has not found a slot in the ring yet when the bytes arrive.
TEST(WaitWithoutASlot, CompletesWhenBytesArriveAhead) {
    scripted_context context(io_context::options{.entries = 16, .pool_size = 1 << 20});
    auto socket = context.connected_socket();
    auto other = context.connected_socket();
    auto stream = socket.recv_stream();
    std::optional<outcome<wait_type>> result;
    const auto wait = [&]() -> task<> { result = co_await as_tuple(socket.wait(read | error_kind)); };
    context.run([&]() -> task<> {
        context.then([&] { context.answer(IORING_OP_RECV, "first"); });
        EXPECT_EQ((co_await stream.next())->text(), "first");
        context.script().refuse_enters(2, -EBUSY);
        const auto fill = [&]() -> task<> { co_await other.wait(error_kind); };
        std::vector<join_handle<void>> fillers;
        for (int i = 0; i < 20; ++i)
            fillers.push_back(co_spawn(context.io(), fill));
        auto waiter = co_spawn(context.io(), wait);
        context.then([&] { context.answer(IORING_OP_RECV, "second"); });
        co_await waiter.join();
        for (auto& each: fillers)
            each.request_stop();
    });
    ASSERT_TRUE(result);
    EXPECT_EQ(**result, read);
}

TEST_F(Wait, FindsDatagramsReceivedAhead) {
    run([&]() -> task<> {
        auto socket = context.datagram_socket();
        auto stream = socket.recvfrom_stream();
        context.then([&] {
            context.answer(IORING_OP_RECVMSG, "one");
            context.answer(IORING_OP_RECVMSG, "two");
        });
        EXPECT_EQ((co_await stream.next())->text(), "one");
        EXPECT_EQ(co_await socket.wait(read), read);
        EXPECT_EQ(polls(), 0u);
        EXPECT_EQ((co_await stream.next())->text(), "two");
        context.then([&] { context.answer(IORING_OP_RECVMSG, "three"); });
        EXPECT_EQ(co_await socket.wait(read), read);
        EXPECT_EQ(polls(), 1u);
        EXPECT_EQ((co_await stream.next())->text(), "three");
    });
}

// A task whose waits complete inline yields to the other tasks.
TEST_F(Wait, InlineWaitsDoNotStarveOthers) {
    bool ran = false;
    const auto other = [&]() -> task<> {
        ran = true;
        co_return;
    };
    run([&]() -> task<> {
        auto socket = context.connected_socket();
        auto stream = socket.recv_stream();
        co_await receive_ahead(stream, "second");
        co_spawn(context.io(), other, detached);
        for (int i = 0; i < 1000; ++i)
            EXPECT_EQ(co_await socket.wait(read), read);
        EXPECT_TRUE(ran);
    });
}

}  // namespace
}  // namespace coil::test
