// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT

// g++ 12 destroys a temporary closure with captured objects twice if the expression awaits. Other compilers
// accept it.
// expect: g++ before 13 destroys such a closure twice

#include <string>

#include <coil/loop/co_spawn.hpp>

void start(coil::io_context& context, std::string text) {
#if !defined(COIL_MUST_NOT_COMPILE)
    auto named = [text]() -> coil::task<> { co_return; };
    coil::co_spawn(context, named, coil::detached);
    coil::co_spawn(context, [](std::string) -> coil::task<> { co_return; }, text, coil::detached);
    coil::co_spawn(context, [&text]() -> coil::task<> { co_return; }, coil::detached);
#elif defined(__clang__) || __GNUC__ >= 13
    coil::co_spawn(context, [text]() -> coil::task<> { co_return; }, coil::detached);
#error "g++ before 13 destroys such a closure twice"
#else
    coil::co_spawn(context, [text]() -> coil::task<> { co_return; }, coil::detached);
#endif
}
