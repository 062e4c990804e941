// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT

// expect: the function that prepares a socket takes it

#include <vector>

#include <coil/algo/connect.hpp>
#include <coil/coro/task.hpp>
#include <coil/net/tcp.hpp>

using coil::ip::tcp;

coil::task<> work(coil::io_context& context, std::vector<tcp::endpoint> endpoints) {
#ifdef COIL_MUST_NOT_COMPILE
    auto socket = co_await coil::connect(context, endpoints, [](int) {});
#else
    auto socket = co_await coil::connect(context, endpoints, [](tcp::socket&) {});
#endif
}
