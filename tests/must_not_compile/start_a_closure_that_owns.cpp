// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT

// g++ 12 destroys a temporary closure with captured objects twice if the expression awaits. Other compilers
// accept it.
// expect: g++ before 13 destroys such a closure twice

#include <string>

#include <coil/coro/task.hpp>
#include <coil/sync/task_group.hpp>

coil::task<> start(coil::task_group& group, std::string text) {
#if !defined(COIL_MUST_NOT_COMPILE)
    auto named = [text]() -> coil::task<> { co_return; };
    group.start(named);
    group.start([](std::string) -> coil::task<> { co_return; }, text);
    co_await coil::with_group([&text](coil::task_group&) -> coil::task<> { co_return; });
#elif defined(__clang__) || __GNUC__ >= 13
#error "g++ before 13 destroys such a closure twice"
#else
    group.start([text]() -> coil::task<> { co_return; });
    co_await coil::with_group([text](coil::task_group&) -> coil::task<> { co_return; });
#endif
}
