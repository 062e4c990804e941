// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT

// first: pass_source_get_token
// expect: inplace_stop_source
// expect: std::stop_source

#include <stop_token>

#include <coil/coro/std_stop_token.hpp>
#include <coil/coro/stop_when.hpp>
#include <coil/coro/task.hpp>

coil::task<> serve();

coil::task<> serve_until(coil::inplace_stop_source& source, std::stop_source& standard) {
#ifdef COIL_MUST_NOT_COMPILE
    co_await coil::stop_when(serve(), source);
    co_await coil::stop_when(serve(), standard);
#else
    co_await coil::stop_when(serve(), source.get_token());
    co_await coil::stop_when(serve(), standard.get_token());
#endif
}
