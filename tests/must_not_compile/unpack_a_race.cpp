// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT

// first: a race does not unpack: write auto race = co_await when_any(...), then use race.index()

#include <coil/coro/task.hpp>
#include <coil/sync/when_any.hpp>

coil::task<int> ask();

coil::task<int> first_answer() {
#ifdef COIL_MUST_NOT_COMPILE
    auto [left, right] = co_await coil::when_any(ask(), ask());
    co_return *left;
#else
    auto race = co_await coil::when_any(ask(), ask());
    co_return race.index() == 0 ? race.get<0>().value() : race.get<1>().value();
#endif
}
