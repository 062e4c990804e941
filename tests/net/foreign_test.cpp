// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT

// Coroutines other than coil's tasks await coil's operations, through `operator co_await`.

#include <array>
#include <chrono>
#include <coroutine>
#include <exception>
#include <string_view>
#include <thread>
#include <utility>

#include <gtest/gtest.h>

#include <coil/algo/read.hpp>
#include <coil/algo/timeout.hpp>
#include <coil/algo/write.hpp>
#include <coil/io/signal_set.hpp>
#include <coil/io/steady_timer.hpp>
#include <coil/net/tcp.hpp>
#include <coil/net/udp.hpp>

#include "net/connected.hpp"
#include "support/scripted_context.hpp"

namespace coil::test {
namespace {

using namespace std::chrono_literals;

/// A coroutine type that is independent of coil. It starts immediately, and stores its exception.
class foreign_coroutine {
public:
    struct promise_type {
        foreign_coroutine get_return_object() noexcept {
            return foreign_coroutine(std::coroutine_handle<promise_type>::from_promise(*this));
        }
        std::suspend_never initial_suspend() const noexcept { return {}; }
        std::suspend_always final_suspend() const noexcept { return {}; }
        void return_void() const noexcept {}
        void unhandled_exception() noexcept { exception = std::current_exception(); }

        std::exception_ptr exception;
    };

    foreign_coroutine(foreign_coroutine&& other) noexcept : frame_(std::exchange(other.frame_, nullptr)) {}
    ~foreign_coroutine() {
        if (frame_)
            frame_.destroy();
    }

    [[nodiscard]] bool done() const { return frame_.done(); }
    /// Rethrows the exception that ended the coroutine.
    void check() const {
        if (frame_.promise().exception)
            std::rethrow_exception(frame_.promise().exception);
    }

private:
    explicit foreign_coroutine(std::coroutine_handle<promise_type> frame) : frame_(frame) {}

    std::coroutine_handle<promise_type> frame_;
};

/// Runs the context until it has no work. A foreign coroutine that waits is work.
void run(io_context& context, const foreign_coroutine& waiter) {
    context.restart();
    context.run_for(10s);
    EXPECT_TRUE(context.stopped()) << "the context still has work";
    EXPECT_TRUE(waiter.done());
    EXPECT_NO_THROW(waiter.check());
}

TEST(ForeignCoroutine, UsesSockets) {
    io_context context;
    tcp::acceptor acceptor(context, {ip::address_v4::loopback(), 0});
    tcp::socket client(context);
    const auto serve = [&]() -> foreign_coroutine {
        tcp::endpoint from;
        auto peer = co_await acceptor.accept(from);
        EXPECT_EQ(from, client.local_endpoint());
        std::array<char, 100> buffer;
        while (const std::size_t n = co_await peer.recv(buffer))
            co_await write(peer, std::span(buffer).first(n));
    };
    const auto dial = [&]() -> foreign_coroutine {
        co_await client.connect(acceptor.local_endpoint());
        EXPECT_EQ(co_await client.send("hello", ", ", "world"), 12u);
        std::array<char, 12> buffer{};
        EXPECT_EQ(co_await read(client, buffer), 12u);
        EXPECT_EQ(std::string_view(buffer.data(), 12), "hello, world");
        auto [ec, n] = co_await as_tuple(client.recv(buffer, message_flags::dont_wait));
        EXPECT_EQ(ec, error::would_block);
        EXPECT_EQ(co_await client.wait(socket_base::wait_write), socket_base::wait_write);
        co_await client.close();
    };
    const foreign_coroutine server = serve();
    const foreign_coroutine waiter = dial();
    run(context, waiter);
    EXPECT_TRUE(server.done());
}

TEST(ForeignCoroutine, UsesDatagramsTimersAndSignals) {
    io_context context;
    udp::socket a(context, {ip::address_v4::loopback(), 0});
    udp::socket b(context, {ip::address_v4::loopback(), 0});
    steady_timer timer(context, 1ms);
    signal_set signals(context, SIGUSR2);
    const auto visit = [&]() -> foreign_coroutine {
        co_await a.sendto("x", b.local_endpoint());
        std::array<char, 1> buffer;
        EXPECT_EQ((co_await b.recvfrom(buffer)).size, 1u);
        co_await timer.wait();
        EXPECT_GE(context.now(), timer.expiry());
        ::raise(SIGUSR2);
        EXPECT_EQ(co_await signals.wait(), SIGUSR2);
        auto [ec, received] = co_await as_tuple(timeout(b.recvfrom(buffer), 1ms));
        EXPECT_EQ(ec, error::timed_out);
        std::error_code redirected;
        co_await redirect_error(timeout(timer.wait(), 1h), redirected);
        EXPECT_FALSE(redirected);
    };
    const foreign_coroutine waiter = visit();
    run(context, waiter);
}

TEST(ForeignCoroutine, ReceivesErrorsAsExceptions) {
    io_context context;
    tcp::socket client(context);
    const auto dial = [&]() -> foreign_coroutine {
        co_await client.connect({ip::address_v4::loopback(), 1});
    };
    const foreign_coroutine waiter = dial();
    context.run_for(10s);
    ASSERT_TRUE(waiter.done());
    try {
        waiter.check();
        FAIL() << "no error";
    } catch (const std::system_error& failure) {
        EXPECT_EQ(failure.code(), error::connection_refused);
    }
}

TEST(ForeignCoroutine, IsResumedByTheLoopNotInsideACall) {
    real_context context;
    auto both = context.connection();
    auto& [socket, peer] = both;
    bool inside = false;
    const auto visit = [](tcp::socket& from, const bool& is_inside) -> foreign_coroutine {
        std::array<char, 1> buffer;
        auto [ec, n] = co_await as_tuple(from.recv(buffer));
        EXPECT_EQ(ec, error::operation_aborted);
        EXPECT_FALSE(is_inside);
    };
    const foreign_coroutine waiter = visit(socket, inside);
    context.poll();
    EXPECT_FALSE(waiter.done());
    inside = true;
    socket.close();
    inside = false;
    EXPECT_FALSE(waiter.done());
    run(context.io(), waiter);
}

TEST(ForeignCoroutine, IsResumedByCancelAndClose) {
    real_context context;
    auto both = context.connection();
    auto& [socket, peer] = both;
    const auto visit = [](tcp::socket& from, int& aborts) -> foreign_coroutine {
        std::array<char, 1> buffer;
        for (int i = 0; i < 2; ++i) {
            auto [ec, n] = co_await as_tuple(from.recv(buffer));
            aborts += ec == error::operation_aborted;
        }
    };
    int aborts = 0;
    const foreign_coroutine waiter = visit(socket, aborts);
    context.poll();
    socket.cancel();
    context.poll();
    context.poll();
    EXPECT_EQ(aborts, 1);
    EXPECT_FALSE(waiter.done());
    socket.close();
    run(context.io(), waiter);
    EXPECT_EQ(aborts, 2);
}

TEST(ForeignCoroutine, CancelsItsOperationWhenDestroyed) {
    real_context context;
    auto both = context.connection();
    auto& [socket, peer] = both;
    const auto visit = [](tcp::socket& from) -> foreign_coroutine {
        std::array<char, 1> buffer;
        co_await timeout(from.recv(buffer), 1h);
        ADD_FAILURE() << "the coroutine was resumed";
    };
    {
        const foreign_coroutine waiter = visit(socket);
        context.poll();
        EXPECT_FALSE(waiter.done());
    }
    EXPECT_EQ(context.io().run_for(10s), 0u);  // no work is left
    EXPECT_TRUE(context.io().stopped());
    peer.send("x");
    context.run([&]() -> task<> {
        std::array<char, 1> buffer;
        EXPECT_EQ(co_await both.first.recv(buffer), 1u);
    });
}

// A completed accept owns its connection until the coroutine resumes, and closes it if destroyed first.
TEST(ForeignCoroutine, ClosesItsConnectionWhenDestroyed) {
    scripted_context context;
    auto acceptor = context.acceptor();
    const auto accept = [](tcp::acceptor& from) -> foreign_coroutine {
        co_await from.accept();
        ADD_FAILURE() << "the coroutine was resumed";
    };
    {
        const foreign_coroutine waiter = accept(acceptor);
        context.answer_next(reply::connection());
        context.io().post([] {});
        // Runs the post and collects the completion: the coroutine is ready, but not resumed.
        context.io().poll_one();
        EXPECT_FALSE(waiter.done());
    }
    EXPECT_EQ(context.script().submitted(IORING_OP_ACCEPT), 1u);
    EXPECT_EQ(context.script().open_descriptors().size(), 1u);  // the acceptor
}

TEST(ForeignCoroutine, CountsAsWorkWhileItWaits) {
    io_context context;
    steady_timer timer(context, 2ms);
    const auto visit = [](steady_timer& waited) -> foreign_coroutine { co_await waited.wait(); };
    const foreign_coroutine waiter = visit(timer);
    const auto began = context.now();
    context.run();
    EXPECT_TRUE(waiter.done());
    EXPECT_GE(context.now() - began, 1ms);
}

TEST(ForeignCoroutine, FailsOnAnotherThread) {
    real_context context;
    auto both = context.connection();
    context.poll();  // this thread is the owner
    steady_timer timer(context.io(), 1h);
    signal_set signals(context.io(), SIGUSR2);
    const auto receive = [](tcp::socket& from) -> foreign_coroutine {
        std::array<char, 1> buffer;
        co_await from.recv(buffer);
    };
    const auto receive_all = [](tcp::socket& from) -> foreign_coroutine {
        std::array<char, 1> buffer;
        co_await read(from, buffer);
    };
    const auto receive_in_time = [](tcp::socket& from) -> foreign_coroutine {
        std::array<char, 1> buffer;
        co_await timeout(from.recv(buffer), 1h);
    };
    const auto wait = [](steady_timer& waited) -> foreign_coroutine { co_await waited.wait(); };
    const auto wait_in_time = [](steady_timer& waited) -> foreign_coroutine {
        co_await timeout(waited.wait(), 1h);
    };
    const auto wait_for_signal = [](signal_set& waited) -> foreign_coroutine { co_await waited.wait(); };
    std::thread([&] {
        const foreign_coroutine waiters[] = {receive(both.first),         receive_all(both.first),
                                             receive_in_time(both.first), wait(timer),
                                             wait_in_time(timer),         wait_for_signal(signals)};
        for (const foreign_coroutine& each: waiters) {
            const auto number = &each - waiters;
            if (!each.done()) {
                ADD_FAILURE() << "coroutine " << number << " was allowed to wait";
                continue;
            }
            try {
                each.check();
                ADD_FAILURE() << "coroutine " << number << ": no error";
            } catch (const std::system_error& failure) {
                EXPECT_EQ(failure.code(), error::wrong_thread) << number;
            }
        }
    }).join();
}

TEST(ForeignCoroutine, FailsOnASocketWithoutContext) {
    const auto receive = []() -> foreign_coroutine {
        tcp::socket socket;
        std::array<char, 1> buffer;
        co_await socket.recv(buffer);
    };
    const foreign_coroutine waiter = receive();
    ASSERT_TRUE(waiter.done());
    try {
        waiter.check();
        FAIL() << "no error";
    } catch (const std::system_error& failure) {
        EXPECT_EQ(failure.code(), error::bad_descriptor);
    }
}

}  // namespace
}  // namespace coil::test
