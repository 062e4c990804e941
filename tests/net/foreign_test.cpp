// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT

// Coroutines that are not coil's tasks await coil's operations, by `operator co_await`.

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

/// A coroutine that knows nothing of coil: it starts at once, and keeps its exception.
class stranger {
public:
    struct promise_type {
        stranger get_return_object() noexcept {
            return stranger(std::coroutine_handle<promise_type>::from_promise(*this));
        }
        std::suspend_never initial_suspend() const noexcept { return {}; }
        std::suspend_always final_suspend() const noexcept { return {}; }
        void return_void() const noexcept {}
        void unhandled_exception() noexcept { exception = std::current_exception(); }

        std::exception_ptr exception;
    };

    stranger(stranger&& other) noexcept : frame_(std::exchange(other.frame_, nullptr)) {}
    ~stranger() {
        if (frame_)
            frame_.destroy();
    }

    [[nodiscard]] bool done() const { return frame_.done(); }
    /// Throws what ended it.
    void check() const {
        if (frame_.promise().exception)
            std::rethrow_exception(frame_.promise().exception);
    }

private:
    explicit stranger(std::coroutine_handle<promise_type> frame) : frame_(frame) {}

    std::coroutine_handle<promise_type> frame_;
};

/// Runs the context as long as there is work, which the waits of strangers are.
void run(io_context& context, const stranger& guest) {
    context.restart();
    context.run_for(10s);
    EXPECT_TRUE(context.stopped()) << "it did not end";
    EXPECT_TRUE(guest.done());
    EXPECT_NO_THROW(guest.check());
}

TEST(ForeignCoroutine, ACoroutineOfAnyKindMayUseSockets) {
    io_context context;
    tcp::acceptor acceptor(context, {ip::address_v4::loopback(), 0});
    tcp::socket client(context);
    const auto serve = [&]() -> stranger {
        tcp::endpoint from;
        auto peer = co_await acceptor.accept(from);
        EXPECT_EQ(from, client.local_endpoint());
        std::array<char, 100> buffer;
        while (const std::size_t n = co_await peer.recv(buffer))
            co_await write(peer, std::span(buffer).first(n));
    };
    const auto dial = [&]() -> stranger {
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
    const stranger server = serve();
    const stranger guest = dial();
    run(context, guest);
    EXPECT_TRUE(server.done());
}

TEST(ForeignCoroutine, AndDatagramsTimersSignalsAndDeadlines) {
    io_context context;
    udp::socket a(context, {ip::address_v4::loopback(), 0});
    udp::socket b(context, {ip::address_v4::loopback(), 0});
    steady_timer timer(context, 1ms);
    signal_set signals(context, SIGUSR2);
    const auto visit = [&]() -> stranger {
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
    const stranger guest = visit();
    run(context, guest);
}

TEST(ForeignCoroutine, ItsErrorsAreThrownThere) {
    io_context context;
    tcp::socket client(context);
    const auto dial = [&]() -> stranger { co_await client.connect({ip::address_v4::loopback(), 1}); };
    const stranger guest = dial();
    context.run_for(10s);
    ASSERT_TRUE(guest.done());
    try {
        guest.check();
        FAIL() << "no error";
    } catch (const std::system_error& failure) {
        EXPECT_EQ(failure.code(), error::connection_refused);
    }
}

TEST(ForeignCoroutine, ItIsResumedByTheLoopNeverInsideACall) {
    real_context context;
    auto both = context.connection();
    auto& [socket, peer] = both;
    bool inside = false;
    const auto visit = [](tcp::socket& from, const bool& is_inside) -> stranger {
        std::array<char, 1> buffer;
        auto [ec, n] = co_await as_tuple(from.recv(buffer));
        EXPECT_EQ(ec, error::operation_aborted);
        EXPECT_FALSE(is_inside);
    };
    const stranger guest = visit(socket, inside);
    context.poll();
    EXPECT_FALSE(guest.done());
    inside = true;
    socket.close();
    inside = false;
    EXPECT_FALSE(guest.done());
    run(context.io(), guest);
}

TEST(ForeignCoroutine, ACancelAndACloseReachIt) {
    real_context context;
    auto both = context.connection();
    auto& [socket, peer] = both;
    const auto visit = [](tcp::socket& from, int& aborts) -> stranger {
        std::array<char, 1> buffer;
        for (int i = 0; i < 2; ++i) {
            auto [ec, n] = co_await as_tuple(from.recv(buffer));
            aborts += ec == error::operation_aborted;
        }
    };
    int aborts = 0;
    const stranger guest = visit(socket, aborts);
    context.poll();
    socket.cancel();
    context.poll();
    context.poll();
    EXPECT_EQ(aborts, 1);
    EXPECT_FALSE(guest.done());
    socket.close();
    run(context.io(), guest);
    EXPECT_EQ(aborts, 2);
}

TEST(ForeignCoroutine, OneThatIsDestroyedWhileItWaitsTakesItsOperationsAlong) {
    real_context context;
    auto both = context.connection();
    auto& [socket, peer] = both;
    const auto visit = [](tcp::socket& from) -> stranger {
        std::array<char, 1> buffer;
        co_await timeout(from.recv(buffer), 1h);
        ADD_FAILURE() << "it went on";
    };
    {
        const stranger guest = visit(socket);
        context.poll();
        EXPECT_FALSE(guest.done());
    }
    EXPECT_EQ(context.io().run_for(10s), 0u);  // no work is left
    EXPECT_TRUE(context.io().stopped());
    peer.send("x");
    context.run([&]() -> task<> {
        std::array<char, 1> buffer;
        EXPECT_EQ(co_await both.first.recv(buffer), 1u);
    });
}

// An accepted connection is owned by its accept, and closed with it.
TEST(ForeignCoroutine, DestroyedBeforeItResumesClosesItsConnection) {
    scripted_context context;
    auto acceptor = context.acceptor();
    const auto accept = [](tcp::acceptor& from) -> stranger {
        co_await from.accept();
        ADD_FAILURE() << "it went on";
    };
    {
        const stranger guest = accept(acceptor);
        context.answer_next(reply::connection());
        context.io().post([] {});
        context.io()
            .poll_one();  // the post has had its turn, the answer has come, and whom it is for is ready
        EXPECT_FALSE(guest.done());
    }
    EXPECT_EQ(context.script().submitted(IORING_OP_ACCEPT), 1u);
    EXPECT_EQ(context.script().open_descriptors().size(), 1u);  // the acceptor
}

TEST(ForeignCoroutine, ItsWaitIsWork) {
    io_context context;
    steady_timer timer(context, 2ms);
    const auto visit = [](steady_timer& waited) -> stranger { co_await waited.wait(); };
    const stranger guest = visit(timer);
    const auto began = context.now();
    context.run();
    EXPECT_TRUE(guest.done());
    EXPECT_GE(context.now() - began, 1ms);
}

TEST(ForeignCoroutine, OnAThreadThatIsNotTheContextsItIsRefused) {
    real_context context;
    auto both = context.connection();
    context.poll();  // this thread is the owner
    steady_timer timer(context.io(), 1h);
    signal_set signals(context.io(), SIGUSR2);
    const auto receive = [](tcp::socket& from) -> stranger {
        std::array<char, 1> buffer;
        co_await from.recv(buffer);
    };
    const auto receive_all = [](tcp::socket& from) -> stranger {
        std::array<char, 1> buffer;
        co_await read(from, buffer);
    };
    const auto receive_in_time = [](tcp::socket& from) -> stranger {
        std::array<char, 1> buffer;
        co_await timeout(from.recv(buffer), 1h);
    };
    const auto wait = [](steady_timer& waited) -> stranger { co_await waited.wait(); };
    const auto wait_in_time = [](steady_timer& waited) -> stranger { co_await timeout(waited.wait(), 1h); };
    const auto wait_for_signal = [](signal_set& waited) -> stranger { co_await waited.wait(); };
    std::thread([&] {
        const stranger guests[] = {receive(both.first), receive_all(both.first), receive_in_time(both.first),
                                   wait(timer),         wait_in_time(timer),     wait_for_signal(signals)};
        for (const stranger& each: guests) {
            const auto number = &each - guests;
            if (!each.done()) {
                ADD_FAILURE() << "guest " << number << " was let in";
                continue;
            }
            try {
                each.check();
                ADD_FAILURE() << "guest " << number << ": no error";
            } catch (const std::system_error& failure) {
                EXPECT_EQ(failure.code(), error::wrong_thread) << number;
            }
        }
    }).join();
}

TEST(ForeignCoroutine, ASocketWithoutAContextHasNoLoopForIt) {
    const auto receive = []() -> stranger {
        tcp::socket socket;
        std::array<char, 1> buffer;
        co_await socket.recv(buffer);
    };
    const stranger guest = receive();
    ASSERT_TRUE(guest.done());
    try {
        guest.check();
        FAIL() << "no error";
    } catch (const std::system_error& failure) {
        EXPECT_EQ(failure.code(), error::bad_descriptor);
    }
}

}  // namespace
}  // namespace coil::test
