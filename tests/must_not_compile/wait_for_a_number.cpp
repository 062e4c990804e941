// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT

// A number has no unit. The compiler prints each wrong line.
// first: write_5s_or_std_chrono_seconds_5
// expect: coil::sleep_for(DURATION)
// expect: coil::timeout(socket.recv(buffer), DURATION)
// expect: timer(context, DURATION)
// expect: timer.expires_after(DURATION)
// expect: coil::close_gracefully(socket, DURATION)
// expect: context.run_for(DURATION)

#include <array>
#include <chrono>

#include <coil/algo/close_gracefully.hpp>
#include <coil/algo/timeout.hpp>
#include <coil/coro/task.hpp>
#include <coil/io/sleep.hpp>
#include <coil/io/steady_timer.hpp>
#include <coil/net/tcp.hpp>

using namespace std::chrono_literals;

#ifdef COIL_MUST_NOT_COMPILE
#define DURATION 5
#else
#define DURATION 5s
#endif

coil::task<> wait(coil::io_context& context, coil::ip::tcp::socket& socket) {
    std::array<char, 10> buffer;
    co_await coil::sleep_for(DURATION);
    co_await coil::timeout(socket.recv(buffer), DURATION);
    coil::steady_timer timer(context, DURATION);
    timer.expires_after(DURATION);
    co_await coil::close_gracefully(socket, DURATION);
}

void run(coil::io_context& context) { context.run_for(DURATION); }
