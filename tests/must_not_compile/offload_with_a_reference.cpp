// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT

// first: to pass a reference, write std::ref(x)

#include <functional>

#include <coil/coro/task.hpp>
#include <coil/sync/offload.hpp>

void count(int& total);

coil::task<> work() {
    int total = 0;
#ifdef COIL_MUST_NOT_COMPILE
    co_await coil::offload(count, total);
#else
    co_await coil::offload(count, std::ref(total));
#endif
}
