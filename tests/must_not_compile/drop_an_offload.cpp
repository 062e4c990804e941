// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT

// An offload that is not awaited never starts.
// first: co_await it

#include <coil/coro/task.hpp>
#include <coil/sync/offload.hpp>

void compute();

coil::task<> work() {
#ifdef COIL_MUST_NOT_COMPILE
    coil::offload(compute);
#else
    co_await coil::offload(compute);
#endif
    co_return;
}
