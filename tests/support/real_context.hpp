// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#pragma once

#include <chrono>
#include <memory>
#include <source_location>
#include <utility>

#include <gtest/gtest.h>

#include <coil/coro/as_tuple.hpp>
#include <coil/coro/task.hpp>
#include <coil/loop/co_spawn.hpp>
#include <coil/loop/io_context.hpp>
#include <coil/net/tcp.hpp>
#include <coil/net/udp.hpp>

#include "support/co_assert.hpp"
#include "support/plain_peer.hpp"
#include "support/story.hpp"

namespace coil::test {

using ip::tcp;
using ip::udp;

/// Runs a context until `condition()` holds, for at most 10 seconds. The context waits for up to a
/// millisecond between checks, because on a single processor the kernel needs time to deliver loopback
/// traffic.
template <class Condition>
void run_until(io_context& context, Condition condition) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(10);
    while (!condition() && std::chrono::steady_clock::now() < deadline)
        context.run_for(std::chrono::milliseconds(1));
}

/// An io_context on the real kernel, for stories that must end within ten seconds.
class real_context {
public:
    explicit real_context(const io_context::options& chosen = io_context::options())
        : context_(std::make_unique<io_context>(chosen)) {}

    [[nodiscard]] io_context& io() noexcept { return *context_; }
    operator io_context&() noexcept { return *context_; }

    /// Spawns the task that `function` returns.
    template <class F>
    auto spawn(F&& function, std::source_location where = std::source_location::current()) {
        return co_spawn(detail::spawn_place(*context_, where), std::forward<F>(function));
    }

    void run(story body, std::source_location where = std::source_location::current()) {
        body.run(*context_, std::chrono::seconds(10), where);
    }
    void poll() {
        context_->restart();
        context_->poll();
    }
    void destroy() { context_.reset(); }

    /// Returns a socket and the plain_peer that it is connected to.
    [[nodiscard]] std::pair<tcp::socket, plain_peer> connection() {
        plain_listener listener;
        tcp::socket socket(*context_);
        socket.assign(tcp::v4(), listener.connect());
        return {std::move(socket), listener.accept()};
    }

private:
    std::unique_ptr<io_context> context_;
};

}  // namespace coil::test
