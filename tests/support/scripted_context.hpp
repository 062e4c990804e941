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

/// An io_context on a scripted kernel: no kernel and no clock, the test writes the answers.
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

    /// Starts a function that gives a task.
    template <class F>
    auto spawn(F&& function, std::source_location where = std::source_location::current()) {
        return co_spawn(spawn_place(*context_, where), std::forward<F>(function));
    }

    /// Runs `story`, a function that gives a task<>, and whatever else was spawned, until all is done.
    template <class F>
    void run(F&& story, std::source_location where = std::source_location::current()) {
        story::run(*context_, story, std::nullopt, where, [this] { return script_.injected() > 0; });
    }
    /// Runs what is ready, and lets the kernel answer what it has an answer to, without waiting.
    void poll() {
        context_->restart();
        context_->poll();
    }
    /// Runs what was spawned until all is done.
    void run() {
        context_->restart();
        context_->run();
    }
    /// Destroys the io_context, with all that is suspended in it. Its kernel goes with it.
    void destroy() { context_.reset(); }

    // The script's words: see there.
    void answer_next(const reply& answer) { script_.answer_next(answer); }
    void answer(int opcode, const reply& answer) { script_.answer(opcode, answer); }
    /// A step, for when the loop would block. It runs on the loop, as what another thread posts does, so it may do whatever
    /// a task may.
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
    // From within an enter, so the loop has to be woken.
    void post(const std::function<void()>& step) {
        context_->post(step);
        script_.wake();
    }

    ring::scripted_kernel& script_;
    std::unique_ptr<io_context> context_;
};

/// Tells `story` with the first call or submission failing, with the second, and so on, until nothing fails any more.
/// Each time it must come to its end, with whatever errors are due to it. Returns how many times something failed.
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
            EXPECT_EQ(failure.code(), system_error_code(error)) << failure.what();
        }
        if (n > 10'000 || testing::Test::HasFailure()) {
            ADD_FAILURE() << "with step " << n << " failing";
            return n;
        }
    }
}

}  // namespace coil::test
