// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT

// first: to pass a reference, write std::ref(x)

#include <functional>

#include <coil/loop/co_spawn.hpp>

coil::task<int> count(int& total);

coil::task<> start(coil::io_context& context) {
    int total = 0;
#ifdef COIL_MUST_NOT_COMPILE
    auto worker = coil::co_spawn(context, count, total);
#else
    auto worker = coil::co_spawn(context, count, std::ref(total));
    co_await worker.join();
#endif
    co_return;
}
