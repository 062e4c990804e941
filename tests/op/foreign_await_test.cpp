// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#include <array>
#include <exception>
#include <string_view>

#include "support/scripted_context.hpp"

// Outside of coil's namespaces, like the coroutines of users. Regression: a connect could not be awaited
// here, because argument-dependent lookup did not find operator co_await in coil.

namespace {

using namespace coil::ip;

/// A coroutine that is not a task: it starts immediately, and cannot be awaited.
struct fire_and_forget {
    struct promise_type {
        fire_and_forget get_return_object() const noexcept { return {}; }
        std::suspend_never initial_suspend() const noexcept { return {}; }
        std::suspend_never final_suspend() const noexcept { return {}; }
        void return_void() const noexcept {}
        void unhandled_exception() const noexcept { std::terminate(); }
    };
};

fire_and_forget dialogue(tcp::socket& socket, tcp::endpoint peer, std::array<char, 10>& buffer, bool& ended) {
    co_await socket.connect(peer);
    EXPECT_EQ(co_await socket.send(std::string_view("hello")), 5u);
    EXPECT_EQ(co_await socket.recv(buffer), 3u);
    auto [ec, n] = co_await coil::as_tuple(socket.recv(buffer));
    EXPECT_EQ(ec, std::errc::connection_reset);
    EXPECT_EQ(n, 0u);
    co_await socket.close();
    ended = true;
}

TEST(ForeignAwait, WorksOutsideOfCoilsNamespaces) {
    coil::test::scripted_context context;
    tcp::socket socket(context);
    std::array<char, 10> buffer;
    bool ended = false;
    context.answer_next(0);
    context.answer_next(coil::ring::reply::all());
    context.answer_next("abc");
    context.then([&] { context.answer(IORING_OP_RECV, -ECONNRESET); });
    dialogue(socket, {address_v4::loopback(), 7777}, buffer, ended);
    EXPECT_FALSE(ended);
    context.run();
    EXPECT_TRUE(ended);
}

}  // namespace
