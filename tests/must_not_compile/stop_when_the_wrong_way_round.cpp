// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT

// first: and then a stop token: stop_when(x, source.get_token())

#include <coil/coro/stop_when.hpp>
#include <coil/coro/task.hpp>

coil::task<> serve();

coil::task<> serve_until(coil::inplace_stop_token token) {
#ifdef COIL_MUST_NOT_COMPILE
    co_await coil::stop_when(token, serve());
#else
    co_await coil::stop_when(serve(), token);
#endif
}
