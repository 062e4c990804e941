// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT

// first: offload runs functions, not tasks

#include <coil/coro/task.hpp>
#include <coil/sync/offload.hpp>

coil::task<int> compute();
int compute_directly();

coil::task<> work() {
#ifdef COIL_MUST_NOT_COMPILE
    co_await coil::offload(compute());
#else
    co_await coil::offload(compute_directly);
#endif
}
