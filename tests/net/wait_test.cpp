// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT

// Readiness of sockets on the real kernel.

#include <array>
#include <chrono>
#include <optional>
#include <string>

#include <coil/algo/timeout.hpp>
#include <coil/algo/write.hpp>
#include <coil/sync/when_any.hpp>

#include "net/connected.hpp"

namespace coil::test {
namespace {

using namespace std::chrono_literals;

class SocketWait : public testing::Test {
protected:
    template <class F>
    void run(F&& story) {
        context_.run(story);
    }
    io_context& context() { return context_; }

    /// Returns those of `kinds` for which `socket` is ready now.
    template <class Socket>
    static task<wait_type> ready_now(Socket& socket, wait_type kinds) {
        auto [ec, ready] = co_await as_tuple(timeout(socket.wait(kinds), 1ms));
        EXPECT_TRUE(!ec || ec == error::timed_out) << ec.message();
        co_return ec ? socket_base::wait_none : ready;
    }

    /// Sends until the peer would have to receive.
    static task<> fill(tcp::socket& near) {
        const const_buffer bytes(too_much());
        while (co_await ready_now(near, wait_write)) {
            auto [ec, n] = co_await as_tuple(near.send(bytes, message_flags::dont_wait));
            CO_ASSERT_TRUE(!ec || ec == error::would_block);
        }
    }
    /// Receives until a wait of the peer has set `ready`.
    static task<> drain_until(tcp::socket& far, const std::optional<wait_type>& ready) {
        std::string buffer(1 << 20, '\0');
        while (!ready) {
            EXPECT_GT(co_await far.recv(buffer), 0u);
            co_await yield();
        }
    }

private:
    real_context context_;
};

TEST_F(SocketWait, ReadableOnlyOnceBytesArrive) {
    run([&]() -> task<> {
        auto [near, far] = co_await connect_ends(context());
        EXPECT_EQ(co_await near.wait(wait_read | wait_write), wait_write);
        EXPECT_EQ(co_await ready_now(near, wait_read), socket_base::wait_none);
        co_await coil::write(far, "hello");
        EXPECT_EQ(co_await near.wait(wait_read), wait_read);
        EXPECT_EQ(co_await near.wait(wait_read | wait_write), wait_read | wait_write);
        std::array<char, 10> buffer;
        EXPECT_EQ(co_await near.recv(buffer), 5u);  // wait() consumed nothing
        EXPECT_EQ(co_await ready_now(near, wait_read), socket_base::wait_none);
    });
}

TEST_F(SocketWait, EndOfStreamIsReadable) {
    run([&]() -> task<> {
        auto [near, far] = co_await connect_ends(context());
        far.shutdown(socket_base::shutdown_send);
        EXPECT_EQ(co_await near.wait(wait_read | wait_error), wait_read);
        std::array<char, 10> buffer;
        EXPECT_EQ(co_await near.recv(buffer), 0u);
        near.shutdown(socket_base::shutdown_send);  // both directions are shut down: a hang-up
        EXPECT_EQ(co_await near.wait(wait_error), wait_error);
    });
}

TEST_F(SocketWait, OwnShutdownIsReadable) {
    run([&]() -> task<> {
        auto [near, far] = co_await connect_ends(context());
        std::optional<wait_type> ready;
        const auto wait = [&](tcp::socket& socket) -> task<> { ready = co_await socket.wait(wait_read); };
        auto waiter = co_spawn(context(), wait, std::ref(near));
        co_await let_others_run();
        EXPECT_FALSE(ready);
        near.shutdown(socket_base::shutdown_receive);
        co_await waiter.join();
        EXPECT_EQ(ready, wait_read);
    });
}

TEST_F(SocketWait, ResetMakesEveryKindReady) {
    run([&]() -> task<> {
        auto [near, far] = co_await connect_ends(context());
        far.set_option(socket_base::linger(true, 0));
        far.close();
        EXPECT_EQ(co_await near.wait(wait_read), wait_read | wait_error);
        std::array<char, 10> buffer;
        auto [ec, n] = co_await as_tuple(near.recv(buffer));
        EXPECT_EQ(ec, error::connection_reset);  // wait() did not consume the error
    });
}

TEST_F(SocketWait, BecomesWritableWhenThePeerReads) {
    run([&]() -> task<> {
        auto [near, far] = co_await connect_ends(context());
        co_await fill(near);
        std::optional<wait_type> ready;
        const auto wait = [&](tcp::socket& socket) -> task<> { ready = co_await socket.wait(wait_write); };
        auto waiter = co_spawn(context(), wait, std::ref(near));
        co_await drain_until(far, ready);
        co_await waiter.join();
        EXPECT_EQ(ready, wait_write);
    });
}

// io_uring reports the peer's end of the stream to every poll, whatever the poll asks for.
TEST_F(SocketWait, IgnoresTheEndUnlessReadabilityIsWanted) {
    run([&]() -> task<> {
        auto [near, far] = co_await connect_ends(context());
        co_await fill(near);
        far.shutdown(socket_base::shutdown_send);
        co_await near.wait(wait_read);
        EXPECT_EQ(co_await ready_now(near, wait_write), socket_base::wait_none);
        EXPECT_EQ(co_await ready_now(near, wait_error), socket_base::wait_none);

        std::optional<wait_type> ready;
        const auto wait = [&](tcp::socket& socket) -> task<> {
            ready = co_await socket.wait(wait_write | wait_error);
        };
        auto waiter = co_spawn(context(), wait, std::ref(near));
        co_await let_others_run();
        EXPECT_FALSE(ready);
        co_await drain_until(far, ready);
        co_await waiter.join();
        EXPECT_EQ(ready, wait_write);
    });
}

TEST_F(SocketWait, ReportsAResetAfterTheEnd) {
    run([&]() -> task<> {
        auto [near, far] = co_await connect_ends(context());
        far.shutdown(socket_base::shutdown_send);
        co_await near.wait(wait_read);
        const auto wait = [](tcp::socket& socket) -> task<wait_type> {
            co_return co_await socket.wait(wait_error);
        };
        auto waiter = co_spawn(context(), wait, std::ref(near));
        co_await let_others_run();
        far.set_option(socket_base::linger(true, 0));
        far.close();
        EXPECT_EQ(co_await waiter.join(), wait_error);
    });
}

TEST_F(SocketWait, AcceptorIsReadableWithAConnection) {
    run([&]() -> task<> {
        tcp::acceptor acceptor(context(), {ip::address_v4::loopback(), 0});
        EXPECT_EQ(co_await ready_now(acceptor, wait_read), socket_base::wait_none);
        tcp::socket one(context()), two(context()), three(context());
        co_await one.connect(acceptor.local_endpoint());
        EXPECT_EQ(co_await acceptor.wait(wait_read), wait_read);
        auto first = co_await acceptor.accept();
        // accept() takes one connection: further ones stay in the backlog, and the wait completes.
        co_await two.connect(acceptor.local_endpoint());
        EXPECT_EQ(co_await acceptor.wait(wait_read), wait_read);
        co_await three.connect(acceptor.local_endpoint());
        auto second = co_await acceptor.accept();
        EXPECT_EQ(co_await acceptor.wait(wait_read), wait_read);
        auto third = co_await acceptor.accept();
        EXPECT_EQ(co_await ready_now(acceptor, wait_read), socket_base::wait_none);
    });
}

// The poll and the multishot receive race for the same bytes in the kernel.
TEST_F(SocketWait, LosesNoWakeUpToAStream) {
    run([&]() -> task<> {
        auto [near, far] = co_await connect_ends(context());
        auto incoming = near.recv_stream();
        co_await coil::write(far, "x");
        EXPECT_EQ((co_await incoming.next())->text(), "x");
        const auto send = [&](tcp::socket& socket) -> task<> { co_await coil::write(socket, "y"); };
        for (int i = 0; i < 200; ++i) {
            auto sender = co_spawn(context(), send, std::ref(far));
            const wait_type kinds = i % 2 ? wait_read : wait_read | wait_error;
            EXPECT_EQ(co_await near.wait(kinds), wait_read) << i;
            EXPECT_EQ((co_await incoming.next())->text(), "y");
            co_await sender.join();
        }
    });
}

TEST_F(SocketWait, LosesNoWakeUpToADatagramStream) {
    run([&]() -> task<> {
        udp::socket here(context(), {ip::address_v4::loopback(), 0});
        udp::socket there(context(), {ip::address_v4::loopback(), 0});
        auto incoming = here.recvfrom_stream();
        co_await there.sendto("x", here.local_endpoint());
        EXPECT_EQ((co_await incoming.next())->text(), "x");
        for (int i = 0; i < 200; ++i) {
            co_await there.sendto("y", here.local_endpoint());
            EXPECT_EQ(co_await here.wait(wait_read), wait_read) << i;
            EXPECT_EQ((co_await incoming.next())->text(), "y");
        }
    });
}

TEST_F(SocketWait, WhenAnyFindsTheReadySocket) {
    run([&]() -> task<> {
        udp::socket a(context(), {ip::address_v4::loopback(), 0});
        udp::socket b(context(), {ip::address_v4::loopback(), 0});
        co_await a.sendto("x", b.local_endpoint());
        const auto ready = co_await when_any(a.wait(wait_read), b.wait(wait_read));
        EXPECT_EQ(ready.index(), 1u);
    });
}

TEST_F(SocketWait, EndsWithItsContext) {
    real_context other;
    auto [socket, peer] = other.connection();
    bool was_resumed = false;
    const auto wait = [&]() -> task<> {
        co_await socket.wait(wait_read);
        was_resumed = true;
    };
    co_spawn(other.io(), wait, detached);
    other.poll();
    other.destroy();
    EXPECT_FALSE(was_resumed);
    EXPECT_FALSE(socket.is_open());
}

}  // namespace
}  // namespace coil::test
