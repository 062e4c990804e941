// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT

// g++ 12 destroys a temporary closure with captured objects twice if the expression awaits. Other compilers
// accept it.
// expect: g++ before 13 destroys such a closure twice

#include <string>
#include <vector>

#include <coil/algo/connect.hpp>
#include <coil/coro/task.hpp>
#include <coil/net/tcp.hpp>

using coil::ip::tcp;

coil::task<> work(coil::io_context& context, std::vector<tcp::endpoint> endpoints, std::string text) {
#if !defined(COIL_MUST_NOT_COMPILE)
    const auto named = [text](tcp::socket&) {};
    auto first = co_await coil::connect(context, endpoints, named);
    auto second = co_await coil::connect(context, endpoints, [&text](tcp::socket&) { text.clear(); });
#elif defined(__clang__) || __GNUC__ >= 13
    auto socket = co_await coil::connect(context, endpoints, [text](tcp::socket&) {});
#error "g++ before 13 destroys such a closure twice"
#else
    auto socket = co_await coil::connect(context, endpoints, [text](tcp::socket&) {});
#endif
}
