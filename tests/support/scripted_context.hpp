// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#pragma once

#include <functional>
#include <memory>
#include <source_location>
#include <system_error>
#include <utility>

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <coil/coro/as_tuple.hpp>
#include <coil/coro/task.hpp>
#include <coil/coro/yield.hpp>
#include <coil/loop/co_spawn.hpp>
#include <coil/loop/io_context.hpp>
#include <coil/net/tcp.hpp>
#include <coil/net/udp.hpp>

#include "support/co_assert.hpp"
#include "support/scripted_kernel.hpp"
#include "support/story.hpp"

namespace coil::test {

using ip::tcp;
using ip::udp;
using ring::reply;

/// An io_context with a scripted kernel and a virtual clock. The test provides the results of operations.
///
///     scripted_context context;
///     auto socket = context.connected_socket();
///     context.run([&]() -> task<> {
///         context.answer_next(-ECONNRESET);
///         auto [ec, n] = co_await as_tuple(socket.recv(bytes));
///         EXPECT_EQ(ec, std::errc::connection_reset);
///     });
class scripted_context {
public:
    explicit scripted_context(const io_context::options& chosen = io_context::options())
        : scripted_context(std::make_unique<ring::scripted_kernel>(), chosen) {}
    explicit scripted_context(std::unique_ptr<ring::scripted_kernel> script,
                              const io_context::options& chosen = io_context::options())
        : script_(*script), context_(std::make_unique<io_context>(std::move(script), chosen)) {}

    [[nodiscard]] io_context& io() noexcept { return *context_; }
    operator io_context&() noexcept { return *context_; }
    [[nodiscard]] ring::scripted_kernel& script() noexcept { return script_; }

    /// Spawns the task that `function` returns.
    template <class F>
    auto spawn(F&& function, std::source_location where = std::source_location::current()) {
        return co_spawn(detail::spawn_place(*context_, where), std::forward<F>(function));
    }

    /// Starts the story, and runs all tasks until the context has no more work.
    void run(story body, std::source_location where = std::source_location::current()) {
        body.run(*context_, std::nullopt, where, [this] { return script_.injected() > 0; });
    }
    /// Collects available completions and runs everything that is ready, without waiting.
    void poll() {
        context_->restart();
        context_->poll();
    }
    /// Runs the spawned tasks until the context has no more work.
    void run() {
        context_->restart();
        context_->run();
    }
    /// Destroys the io_context with its suspended tasks and its kernel.
    void destroy() { context_.reset(); }

    // These functions forward to the scripted_kernel.
    void answer_next(const reply& answer) { script_.answer_next(answer); }
    void answer(int opcode, const reply& answer) { script_.answer(opcode, answer); }
    /// Adds a step that runs when the loop would block. The step runs on the loop, like a posted function, so
    /// it may call the library.
    void then(std::function<void()> step) {
        script_.then([this, step = std::move(step)] { post(step); });
    }
    void after(time_point::duration from_now, std::function<void()> step) {
        script_.after(from_now, [this, step = std::move(step)] { post(step); });
    }

    [[nodiscard]] tcp::socket connected_socket() {
        tcp::socket socket(*context_);
        socket.assign(tcp::v4(), script_.make_connection(SOCK_STREAM, {ip::address_v4::loopback(), 7777}));
        return socket;
    }
    [[nodiscard]] tcp::acceptor acceptor() { return {*context_, {tcp::v4(), 0}}; }
    [[nodiscard]] udp::socket datagram_socket() { return {*context_, {udp::v4(), 0}}; }
    [[nodiscard]] udp::socket connected_datagram_socket() {
        udp::socket socket(*context_);
        socket.assign(udp::v4(), script_.make_connection(SOCK_DGRAM, {ip::address_v4::loopback(), 7777}));
        return socket;
    }

private:
    // Posts a step to the loop. The script calls this function inside enter, which would otherwise continue
    // to wait, so the loop must be woken.
    void post(const std::function<void()>& step) {
        context_->post(step);
        script_.wake();
    }

    ring::scripted_kernel& script_;
    std::unique_ptr<io_context> context_;
};

/// Runs `story` repeatedly. In the first run, the first call or submission fails. In the second run, the
/// second call or submission fails, and so on, until a run ends without an injected failure. Each run must
/// end, but may end with the injected error. Returns the number of runs in which a failure was injected.
template <class F>
std::size_t fail_at_every_step(int error, F&& story) {
    for (std::size_t n = 0;; ++n) {
        auto script = std::make_unique<ring::scripted_kernel>();
        script->fail_at(n, error);
        try {
            scripted_context context(std::move(script));
            story(context);
            if (context.script().injected() == 0)
                return n;
        } catch (const std::system_error& failure) {
            EXPECT_EQ(failure.code(), detail::system_error_code(error)) << failure.what();
        }
        if (n > 10'000 || testing::Test::HasFailure()) {
            ADD_FAILURE() << "with a failure injected at step " << n;
            return n;
        }
    }
}

}  // namespace coil::test
