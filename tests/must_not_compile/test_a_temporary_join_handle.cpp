// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT

// first: co_await_its_join

#include <coil/loop/co_spawn.hpp>

coil::task<bool> work();

coil::task<bool> start(coil::io_context& context) {
#ifdef COIL_MUST_NOT_COMPILE
    co_return coil::co_spawn(context, work()) ? true : false;
#else
    auto worker = coil::co_spawn(context, work());
    co_return worker&& co_await worker.join();
#endif
}
