// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT

// Close, cancel and shutdown while operations are pending, on the real kernel.

#include <array>
#include <chrono>
#include <string>
#include <string_view>
#include <vector>

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <coil/algo/read.hpp>
#include <coil/algo/timeout.hpp>
#include <coil/algo/write.hpp>
#include <coil/io/sleep.hpp>
#include <coil/net/tcp.hpp>

#include "net/connected.hpp"

namespace coil::test {
namespace {

using namespace std::chrono_literals;

class TcpClose : public testing::Test {
protected:
    template <class F>
    void run(F&& story) {
        context_.run(story);
    }
    io_context& context() { return context_; }
    real_context& real() { return context_; }

private:
    real_context context_;
};

/// True if the peer has received the end of the stream. Does not wait.
bool has_ended(const plain_peer& peer) {
    char byte;
    return ::recv(peer.number(), &byte, 1, MSG_DONTWAIT) == 0;
}

template <class Socket>
task<std::error_code> failure_of_recv(Socket& socket) {
    std::array<char, 10> buffer;
    auto outcome = co_await as_tuple(socket.recv(buffer));
    co_return outcome.error();
}

task<std::error_code> failure_of_write(tcp::socket& socket) {
    auto outcome = co_await as_tuple(write(socket, too_much()));
    co_return outcome.error();
}

task<std::error_code> failure_of_accept(tcp::acceptor& acceptor) {
    auto outcome = co_await as_tuple(acceptor.accept());
    co_return outcome.error();
}

// ---- close ------------------------------------------------------------------------------------------------

TEST_F(TcpClose, PeerSeesTheEndBeforeCloseReturns) {
    run([&]() -> task<> {
        auto [socket, peer] = real().connection();
        auto reader = co_spawn(context(), failure_of_recv(socket));
        co_await let_others_run();
        EXPECT_FALSE(has_ended(peer));
        socket.close();
        EXPECT_TRUE(has_ended(peer));
        EXPECT_FALSE(reader.done());  // the loop resumes it, not close()
        EXPECT_EQ(co_await reader.join(), error::operation_aborted);
    });
}

TEST_F(TcpClose, AbortsPendingOperations) {
    run([&]() -> task<> {
        auto [socket, peer] = real().connection();
        auto reader = co_spawn(context(), failure_of_recv(socket));
        auto writer = co_spawn(context(), failure_of_write(socket));
        co_await let_others_run();
        socket.close();
        EXPECT_EQ(co_await reader.join(), error::operation_aborted);
        EXPECT_EQ(co_await writer.join(), error::operation_aborted);
    });
}

TEST_F(TcpClose, AbortsAnUnsubmittedOperation) {
    run([&]() -> task<> {
        auto [socket, peer] = real().connection();
        auto reader = co_spawn(context(), failure_of_recv(socket));
        co_await yield();  // the recv has started, but is not submitted
        socket.close();
        EXPECT_EQ(co_await reader.join(), error::operation_aborted);
        EXPECT_TRUE(has_ended(peer));
    });
}

TEST_F(TcpClose, AbortsAllPendingAccepts) {
    run([&]() -> task<> {
        tcp::acceptor acceptor(context(), {tcp::v4(), 0});
        auto first = co_spawn(context(), failure_of_accept(acceptor));
        auto second = co_spawn(context(), failure_of_accept(acceptor));
        co_await let_others_run();
        const auto port = acceptor.local_endpoint().port();
        acceptor.close();
        tcp::acceptor again(context(), {tcp::v4(), port});  // the port is free immediately
        EXPECT_EQ(co_await first.join(), error::operation_aborted);
        EXPECT_EQ(co_await second.join(), error::operation_aborted);
        EXPECT_EQ(co_await failure_of_accept(acceptor), error::bad_descriptor);
    });
}

// The next descriptor gets the same number and record. It must not serve an operation of the closed one.
TEST_F(TcpClose, ReusedNumberIgnoresOldOperations) {
    run([&]() -> task<> {
        for (int round = 0; round < 50; ++round) {
            auto [socket, peer] = real().connection();
            auto stale = co_spawn(context(), failure_of_recv(socket));
            if (round % 2)
                co_await let_others_run();
            else
                co_await yield();
            const int number = socket.native_handle();
            socket.close();
            auto [next, next_peer] = real().connection();
            CO_ASSERT_TRUE(next.native_handle() == number || next_peer.number() == number || round == 0);
            next_peer.send("for the next");
            std::array<char, 100> buffer;
            EXPECT_EQ(co_await next.recv(buffer), 12u);
            EXPECT_EQ(co_await stale.join(), error::operation_aborted);
        }
    });
}

TEST_F(TcpClose, StaleDescriptionFails) {
    run([&]() -> task<> {
        auto [socket, peer] = real().connection();
        std::array<char, 10> buffer;
        auto stale = socket.recv(buffer);
        socket.close();
        auto [ec, n] = co_await as_tuple(std::move(stale));
        EXPECT_EQ(ec, error::bad_descriptor);

        auto [next, next_peer] = real().connection();
        auto stale_again = next.recv(buffer);
        next.close();
        auto [third, third_peer] = real().connection();
        third_peer.send("abc");
        auto [again, m] = co_await as_tuple(std::move(stale_again));
        EXPECT_EQ(again, error::bad_descriptor);
        EXPECT_EQ(co_await third.recv(buffer), 3u);
    });
}

TEST_F(TcpClose, DestructorAbortsPendingOperations) {
    run([&]() -> task<> {
        join_handle<std::error_code> reader(nullptr);
        plain_peer peer;
        {
            auto both = real().connection();
            reader = co_spawn(context(), failure_of_recv(both.first));
            co_await let_others_run();
            peer = std::move(both.second);
            EXPECT_FALSE(has_ended(peer));
        }
        EXPECT_TRUE(has_ended(peer));
        EXPECT_EQ(co_await reader.join(), error::operation_aborted);
    });
}

TEST_F(TcpClose, MayBeRepeatedByTheAbortedTask) {
    run([&]() -> task<> {
        auto both = real().connection();
        tcp::socket& socket = both.first;
        auto reader = co_spawn(context(), [&]() -> task<> {
            EXPECT_EQ(co_await failure_of_recv(socket), error::operation_aborted);
            EXPECT_FALSE(socket.close().error());
            EXPECT_EQ(co_await failure_of_recv(socket), error::bad_descriptor);
        });
        co_await let_others_run();
        socket.close();
        co_await reader.join();
    });
}

// ---- cancel -----------------------------------------------------------------------------------------------

TEST_F(TcpClose, CancelAbortsOnlyItsOwnSocket) {
    run([&]() -> task<> {
        auto [socket, peer] = real().connection();
        auto [other, other_peer] = real().connection();
        auto reader = co_spawn(context(), failure_of_recv(socket));
        auto writer = co_spawn(context(), failure_of_write(socket));
        auto other_reader = co_spawn(context(), failure_of_recv(other));
        co_await let_others_run();
        socket.cancel();
        EXPECT_EQ(co_await reader.join(), error::operation_aborted);
        EXPECT_EQ(co_await writer.join(), error::operation_aborted);
        co_await let_others_run();
        EXPECT_FALSE(other_reader.done());
        other_peer.send("x");
        EXPECT_FALSE(co_await other_reader.join());
        peer.send("y");
        EXPECT_FALSE(co_await failure_of_recv(socket));
    });
}

TEST_F(TcpClose, CancelledAcceptsLoseNoConnection) {
    run([&]() -> task<> {
        tcp::acceptor acceptor(context(), {tcp::v4(), 0});
        auto first = co_spawn(context(), failure_of_accept(acceptor));
        auto second = co_spawn(context(), failure_of_accept(acceptor));
        co_await let_others_run();
        acceptor.cancel();
        EXPECT_EQ(co_await first.join(), error::operation_aborted);
        EXPECT_EQ(co_await second.join(), error::operation_aborted);
        tcp::socket client(context());
        co_await client.connect({ip::address_v4::loopback(), acceptor.local_endpoint().port()});
        auto server = co_await acceptor.accept();
        EXPECT_EQ(server.remote_endpoint().port(), client.local_endpoint().port());
    });
}

// ---- shutdown ---------------------------------------------------------------------------------------------

TEST_F(TcpClose, ShutdownReceiveAbortsTheReader) {
    run([&]() -> task<> {
        for (const auto what: {socket_base::shutdown_receive, socket_base::shutdown_both}) {
            auto [socket, peer] = real().connection();
            auto reader = co_spawn(context(), failure_of_recv(socket));
            co_await let_others_run();
            co_await socket.shutdown(what);
            EXPECT_EQ(co_await reader.join(), error::operation_aborted);
            EXPECT_EQ(has_ended(peer), what == socket_base::shutdown_both);
            EXPECT_TRUE(socket.is_open());
        }
    });
}

TEST_F(TcpClose, ShutdownSendLeavesTheReaderWaiting) {
    run([&]() -> task<> {
        auto [socket, peer] = real().connection();
        auto reader = co_spawn(context(), failure_of_recv(socket));
        co_await let_others_run();
        socket.shutdown(socket_base::shutdown_send);
        EXPECT_TRUE(has_ended(peer));
        co_await let_others_run();
        EXPECT_FALSE(reader.done());
        peer.send("x");
        EXPECT_FALSE(co_await reader.join());
    });
}

TEST_F(TcpClose, EndFromThePeerIsNotAnAbort) {
    run([&]() -> task<> {
        auto [socket, peer] = real().connection();
        auto reader = co_spawn(context(), failure_of_recv(socket));
        co_await let_others_run();
        peer.finish_sending();
        EXPECT_FALSE(co_await reader.join());
        socket.shutdown(socket_base::shutdown_receive);
        std::array<char, 1> buffer;
        EXPECT_EQ(co_await socket.recv(buffer), 0u);
    });
}

TEST_F(TcpClose, ShutdownFailsWithoutAConnection) {
    run([&]() -> task<> {
        tcp::socket socket(context(), tcp::v4());
        EXPECT_EQ(socket.shutdown(socket_base::shutdown_both).error(), error::not_connected);
        auto [ec] = co_await as_tuple(socket.shutdown(socket_base::shutdown_both));
        EXPECT_EQ(ec, error::not_connected);
        try {
            co_await socket.shutdown(socket_base::shutdown_both);
            ADD_FAILURE() << "no error";
        } catch (const std::system_error& failure) {
            EXPECT_NE(std::string_view(failure.what()).find("shutdown"), std::string_view::npos);
        }
    });
}

// ---- linger -----------------------------------------------------------------------------------------------

TEST_F(TcpClose, ZeroLingerResetsTheConnection) {
    run([&]() -> task<> {
        auto both = co_await connect_ends(context());
        auto reader = co_spawn(context(), failure_of_recv(both.near));
        auto own = co_spawn(context(), failure_of_recv(both.far));
        co_await let_others_run();
        both.far.set_option(socket_base::linger(true, 0));
        both.far.close();  // a reset, even with its own recv pending
        EXPECT_EQ(co_await reader.join(), error::connection_reset);
        EXPECT_EQ(co_await own.join(), error::operation_aborted);
    });
}

// close(2) alone would block its thread for 30 seconds while the peer does not read.
TEST_F(TcpClose, LongLingerDoesNotBlockTheThread) {
    const auto began = std::chrono::steady_clock::now();
    run([&]() -> task<> {
        auto [socket, peer] = real().connection();
        socket.set_option(socket_base::linger(true, 30));
        auto [ec, n] = co_await as_tuple(timeout(write(socket, too_much()), 20ms));
        EXPECT_EQ(ec, error::timed_out);
        EXPECT_GT(n, 0u);
        const int number = socket.native_handle();
        socket.close();
        EXPECT_FALSE(socket.is_open());
        co_await sleep_for(10ms);  // the loop continues meanwhile
        EXPECT_NE(number, -1);
        std::size_t received = 0;
        while (const std::size_t got = peer.recv().size())
            received += got;
        EXPECT_EQ(received, n);  // no byte was lost
    });
    real().destroy();
    EXPECT_LT(std::chrono::steady_clock::now() - began, 5s);
}

// On Linux an accepted socket inherits SO_LINGER from its listener.
TEST_F(TcpClose, InheritedLingerDoesNotBlock) {
    const auto began = std::chrono::steady_clock::now();
    run([&]() -> task<> {
        tcp::acceptor acceptor(context(), {ip::address_v4::loopback(), 0});
        acceptor.set_option(socket_base::linger(true, 30));
        tcp::socket peer(context());
        co_await peer.connect(acceptor.local_endpoint());
        auto socket = co_await acceptor.accept();
        socket_base::linger inherited;
        socket.get_option(inherited);
        EXPECT_EQ(inherited.timeout(), 30);
        auto [ec, n] = co_await as_tuple(timeout(write(socket, too_much()), 20ms));
        EXPECT_EQ(ec, error::timed_out);
        socket.close();
        std::size_t received = 0;
        std::vector<char> buffer(1 << 16);
        while (const std::size_t got = co_await peer.recv(buffer))
            received += got;
        EXPECT_EQ(received, n);
    });
    real().destroy();
    EXPECT_LT(std::chrono::steady_clock::now() - began, 5s);
}

TEST_F(TcpClose, LingerDoesNotBlockContextDestruction) {
    const auto began = std::chrono::steady_clock::now();
    auto both = real().connection();
    both.first.set_option(socket_base::linger(true, 30));
    run([&]() -> task<> {
        auto [ec, n] = co_await as_tuple(timeout(write(both.first, too_much()), 20ms));
        EXPECT_EQ(ec, error::timed_out);
    });
    real().destroy();
    EXPECT_FALSE(both.first.is_open());
    EXPECT_LT(std::chrono::steady_clock::now() - began, 5s);
}

TEST_F(TcpClose, LingeringCloseDoesNotBlockDestruction) {
    const auto began = std::chrono::steady_clock::now();
    auto both = real().connection();
    run([&]() -> task<> {
        both.first.set_option(socket_base::linger(true, 30));
        auto [ec, n] = co_await as_tuple(timeout(write(both.first, too_much()), 20ms));
        EXPECT_EQ(ec, error::timed_out);
        both.first.close();
        co_await sleep_for(1ms);
    });
    real().destroy();
    EXPECT_LT(std::chrono::steady_clock::now() - began, 5s);
}

// ---- moves ------------------------------------------------------------------------------------------------

TEST_F(TcpClose, MoveKeepsPendingOperations) {
    run([&]() -> task<> {
        auto both = real().connection();
        auto reader = co_spawn(context(), failure_of_recv(both.first));
        co_await let_others_run();
        std::vector<tcp::socket> sockets;
        sockets.push_back(std::move(both.first));
        sockets.reserve(100);
        both.first.close();  // no longer owns the descriptor
        co_await let_others_run();
        EXPECT_FALSE(reader.done());
        sockets.clear();
        EXPECT_EQ(co_await reader.join(), error::operation_aborted);
        EXPECT_TRUE(has_ended(both.second));
    });
}

TEST_F(TcpClose, MoveAssignmentAbortsPendingOperations) {
    run([&]() -> task<> {
        auto [socket, peer] = real().connection();
        auto [next, next_peer] = real().connection();
        auto reader = co_spawn(context(), failure_of_recv(socket));
        auto next_reader = co_spawn(context(), failure_of_recv(next));
        co_await let_others_run();
        socket = std::move(next);
        EXPECT_TRUE(has_ended(peer));
        EXPECT_EQ(co_await reader.join(), error::operation_aborted);
        next_peer.send("x");
        EXPECT_FALSE(co_await next_reader.join());
        auto& self = socket;
        socket = std::move(self);
        EXPECT_TRUE(socket.is_open());
    });
}

}  // namespace
}  // namespace coil::test
