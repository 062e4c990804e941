// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT

// g++ 12 destroys a temporary closure with captured objects twice if the expression awaits. Other compilers
// accept it.
// expect: g++ before 13 destroys such a closure twice

#include <string>

#include <coil/coro/task.hpp>
#include <coil/sync/offload.hpp>

coil::task<> work(std::string text) {
#if !defined(COIL_MUST_NOT_COMPILE)
    const auto named = [text] {};
    co_await coil::offload(named);
    co_await coil::offload([](std::string) {}, text);
    co_await coil::offload([&text] { text.clear(); });
#elif defined(__clang__) || __GNUC__ >= 13
    co_await coil::offload([text] {});
#error "g++ before 13 destroys such a closure twice"
#else
    co_await coil::offload([text] {});
#endif
}
