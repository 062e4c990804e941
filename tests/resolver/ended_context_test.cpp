// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#include <array>
#include <chrono>
#include <csignal>
#include <functional>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <coil/io/signal_set.hpp>
#include <coil/io/steady_timer.hpp>
#include <coil/io/stream_descriptor.hpp>
#include <coil/net/generic.hpp>
#include <coil/net/icmp.hpp>
#include <coil/net/local.hpp>
#include <coil/resolver/resolver.hpp>

#include "support/scripted_context.hpp"

// Every public handle type after its context has ended: a call fails or is a no-op. Regression: a handle that
// was never opened, closed or moved from kept a dangling pointer to the context, as did timers, resolvers and
// work guards.

namespace coil::test {
namespace {

using namespace std::chrono_literals;

/// The state of a handle when its context ends.
enum class state { unopened, open, closed, moved_from };

constexpr state states[] = {state::unopened, state::open, state::closed, state::moved_from};

/// Makes a handle in this state. `open` opens it.
template <class Handle, class Open>
Handle make_handle(io_context& context, state wanted, Open open) {
    Handle handle(context);
    if (wanted == state::unopened)
        return handle;
    open(handle);
    if (wanted == state::closed)
        static_cast<void>(handle.close());
    if (wanted == state::moved_from) {
        const Handle other = std::move(handle);
        static_cast<void>(other.is_open());
    }
    return handle;
}

/// Runs calls that may throw bad_descriptor, but no other error.
void expect_harmless(const std::vector<std::function<void()>>& calls) {
    for (std::size_t i = 0; i < calls.size(); ++i) {
        try {
            calls[i]();
        } catch (const std::system_error& failure) {
            EXPECT_EQ(failure.code(), error::bad_descriptor) << "call " << i << ": " << failure.what();
        }
    }
}

template <class F>
void expect_bad_descriptor(F&& call, const char* what) {
    try {
        call();
        ADD_FAILURE() << what << " threw nothing";
    } catch (const std::system_error& failure) {
        EXPECT_EQ(failure.code(), error::bad_descriptor) << what;
        EXPECT_NE(std::string(failure.what()).find("io_context has ended"), std::string::npos)
            << failure.what();
    }
}

/// Awaits an operation in a task of another context.
template <class Description>
void expect_await_fails(Description&& what) {
    scripted_context other;
    other.run([&]() -> task<> {
        const auto result = co_await as_tuple(std::forward<Description>(what));
        EXPECT_EQ(result.error(), error::bad_descriptor);
    });
}

template <class Protocol>
Protocol any_protocol() {
    if constexpr (requires { Protocol::v4(); })
        return Protocol::v4();
    else
        return Protocol();
}

/// Makes the calls that all sockets have.
template <class Socket>
void sweep_base(Socket& socket) {
    EXPECT_FALSE(socket.is_open());
    EXPECT_EQ(socket.native_handle(), -1);
    expect_bad_descriptor([&] { socket.open(); }, "open");
    expect_bad_descriptor([&] { socket.assign(any_protocol<typename Socket::protocol_type>(), 1000); },
                          "assign");
    expect_harmless({
        [&] { socket.cancel(); },
        [&] { static_cast<void>(socket.close()); },
        [&] { EXPECT_EQ(socket.release(), -1); },
        [&] { socket.set_option(typename Socket::reuse_address(true)); },
        [&] {
            typename Socket::reuse_address option;
            socket.get_option(option);
        },
        [&] { socket.native_non_blocking(true); },
        [&] { static_cast<void>(socket.native_non_blocking()); },
        [&] { socket.close_on_exec(true); },
        [&] { static_cast<void>(socket.close_on_exec()); },
        [&] { socket.bind({}); },
        [&] { static_cast<void>(socket.local_endpoint()); },
    });
    std::error_code ec;
    static_cast<void>(socket.local_endpoint(ec));
    EXPECT_EQ(ec, error::bad_descriptor);
    expect_await_fails(socket.wait(Socket::wait_read));
    Socket other = std::move(socket);
    socket = std::move(other);
    EXPECT_FALSE(socket.is_open());
}

template <class Socket>
void sweep_connected(Socket& socket) {
    sweep_base(socket);
    static constexpr typename Socket::endpoint_type peer{};
    std::array<char, 4> buffer{};
    std::error_code ec;
    static_cast<void>(socket.remote_endpoint(ec));
    EXPECT_EQ(ec, error::bad_descriptor);
    expect_harmless({
        [&] { static_cast<void>(socket.remote_endpoint()); },
        [&] { static_cast<void>(socket.shutdown(Socket::shutdown_both)); },
    });
    expect_await_fails(socket.connect(peer));
    expect_await_fails(socket.recv(buffer));
    expect_await_fails(socket.send(buffer));
}

template <class Socket, class Sweep>
void after_its_context(Sweep sweep) {
    for (const state each: states) {
        scripted_context context;
        Socket socket = make_handle<Socket>(context.io(), each, [](Socket& opened) { opened.open(); });
        context.destroy();
        sweep(socket);
    }
}

TEST(EndedContext, StreamSocketsAreHarmless) {
    const auto sweep = [](auto& socket) {
        sweep_connected(socket);
        std::array<char, 4> buffer{};
        auto stream = socket.recv_stream();
        expect_await_fails(stream.next());
        expect_await_fails(socket.recv(std::array{coil::buffer(buffer)}));
    };
    after_its_context<tcp::socket>(sweep);
    after_its_context<local::stream_protocol::socket>(sweep);
}

TEST(EndedContext, DatagramSocketsAreHarmless) {
    const auto sweep = [](auto& socket) {
        using endpoint = typename std::remove_cvref_t<decltype(socket)>::endpoint_type;
        sweep_connected(socket);
        static const endpoint peer{};
        std::array<char, 4> buffer{};
        expect_await_fails(socket.recvfrom(buffer));
        expect_await_fails(socket.sendto(buffer, peer));
    };
    after_its_context<udp::socket>(sweep);
    after_its_context<local::datagram_protocol::socket>(sweep);
}

TEST(EndedContext, SeqPacketSocketsAreHarmless) {
    after_its_context<local::seq_packet_protocol::socket>([](auto& socket) { sweep_connected(socket); });
}

TEST(EndedContext, AcceptorsAreHarmless) {
    const auto sweep = [](auto& acceptor) {
        sweep_base(acceptor);
        expect_harmless({[&] { acceptor.listen(); }});
        scripted_context other;
        other.run([&]() -> task<> {
            const auto result = co_await as_tuple(acceptor.accept());
            EXPECT_EQ(result.error(), error::bad_descriptor);
        });
    };
    after_its_context<tcp::acceptor>(sweep);
    after_its_context<local::stream_protocol::acceptor>(sweep);
}

TEST(EndedContext, ConnectPairFails) {
    local::stream_protocol::socket one, other;
    {
        scripted_context context;
        one = local::stream_protocol::socket(context.io());
        other = local::stream_protocol::socket(context.io());
    }
    try {
        local::connect_pair(one, other);
        ADD_FAILURE() << "nothing was thrown";
    } catch (const std::system_error& failure) {
        EXPECT_EQ(failure.code(), error::bad_descriptor);
    }
}

TEST(EndedContext, StreamDescriptorsAreHarmless) {
    std::array<char, 4> buffer{};
    for (const state each: states) {
        std::optional<posix::stream_descriptor> pipe;
        {
            scripted_context context;
            pipe = make_handle<posix::stream_descriptor>(
                context.io(), each, [&](posix::stream_descriptor& opened) {
                    opened.assign(context.script().make_connection(
                        SOCK_STREAM, ip::endpoint(ip::address_v4::loopback(), 7777)));
                });
        }
        EXPECT_FALSE(pipe->is_open());
        EXPECT_EQ(pipe->native_handle(), -1);
        EXPECT_EQ(pipe->release(), -1);
        pipe->cancel();
        static_cast<void>(pipe->close());
        expect_bad_descriptor([&] { pipe->assign(1000); }, "assign");
        expect_await_fails(pipe->recv(buffer));
        expect_await_fails(pipe->send(buffer));
        expect_await_fails(pipe->wait(posix::stream_descriptor::wait_read));
    }
}

TEST(EndedContext, SignalSetsAreHarmless) {
    std::optional<signal_set> signals;
    {
        scripted_context context;
        signals.emplace(context.io(), SIGUSR1);
    }
    signals->add(SIGUSR2);
    signals->remove(SIGUSR1);
    signals->cancel();
    expect_await_fails(signals->wait());
    signals->clear();
}

/// A coroutine other than a task.
struct plain_coroutine {
    struct promise_type {
        plain_coroutine get_return_object() noexcept { return {}; }
        std::suspend_never initial_suspend() noexcept { return {}; }
        std::suspend_never final_suspend() noexcept { return {}; }
        void return_void() noexcept {}
        void unhandled_exception() noexcept { ADD_FAILURE() << "an exception left the coroutine"; }
    };
};

template <class Description>
plain_coroutine expect_refused_outside_of_tasks(Description what, std::error_code& result) {
    try {
        co_await std::move(what);
    } catch (const std::system_error& failure) {
        result = failure.code();
    }
}

TEST(EndedContext, TimersAreHarmless) {
    std::optional<steady_timer> timer;
    {
        scripted_context context;
        timer.emplace(context.io(), 1h);
    }
    EXPECT_EQ(timer->expires_after(-1h), 0u);
    EXPECT_EQ(timer->cancel(), 0u);
    std::error_code result;
    expect_refused_outside_of_tasks(timer->wait(), result);
    EXPECT_EQ(result, error::operation_aborted);
    steady_timer other = std::move(*timer);
    *timer = std::move(other);
}

TEST(EndedContext, ResolversAreHarmless) {
    std::optional<tcp::resolver> resolver;
    {
        scripted_context context;
        resolver.emplace(context.io());
    }
    resolver->cancel();
    std::error_code result;
    expect_refused_outside_of_tasks(resolver->resolve("127.0.0.1", "80"), result);
    EXPECT_EQ(result, error::operation_aborted);
    tcp::resolver other = std::move(*resolver);
    *resolver = std::move(other);
}

TEST(EndedContext, WorkGuardsAreHarmless) {
    std::optional<work_guard> guard;
    {
        scripted_context context;
        guard.emplace(context.io());
    }
    work_guard other = std::move(*guard);
    other.reset();
    other.reset();
}

TEST(EndedContext, WorkGuardReleaseMayRaceWithItsEnd) {
    for (int i = 0; i < 50; ++i) {
        scripted_context context;
        std::thread other([guard = work_guard(context.io())]() mutable { guard.reset(); });
        context.destroy();
        other.join();
    }
}

TEST(EndedContext, JoinHandlesAreHarmless) {
    std::optional<join_handle<void>> handle;
    {
        scripted_context context;
        handle.emplace(context.spawn([]() -> task<> { co_return; }));
    }
    EXPECT_TRUE(handle->done());
    handle->request_stop();
    handle->detach();
}

TEST(EndedContextDeathTest, ContextOfAHandleAborts) {
    std::optional<tcp::socket> socket;
    std::optional<steady_timer> timer;
    std::optional<tcp::resolver> resolver;
    {
        scripted_context context;
        socket.emplace(context.io());
        timer.emplace(context.io());
        resolver.emplace(context.io());
    }
    EXPECT_DEATH(static_cast<void>(socket->context()), "context\\(\\) of a handle without an io_context");
    EXPECT_DEATH(static_cast<void>(timer->context()), "its io_context has ended");
    EXPECT_DEATH(static_cast<void>(resolver->context()), "its io_context has ended");
}

}  // namespace
}  // namespace coil::test
