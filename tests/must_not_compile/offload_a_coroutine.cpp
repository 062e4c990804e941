// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT

// A thread of the pool would only create the coroutine, and never run it.
// first: offload runs functions

#include <coil/coro/task.hpp>
#include <coil/sync/offload.hpp>

#ifdef COIL_MUST_NOT_COMPILE
coil::task<int> compute(int value);
#else
int compute(int value);
#endif

coil::task<> work(coil::thread_pool& pool) { co_await coil::offload(pool, compute, 7); }
