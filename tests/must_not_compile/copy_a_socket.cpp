// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT

// expect: deleted

#include <utility>

#include <coil/coro/task.hpp>
#include <coil/net/tcp.hpp>

coil::task<> serve(coil::ip::tcp::socket peer);

coil::task<> start(coil::ip::tcp::socket peer) {
#ifdef COIL_MUST_NOT_COMPILE
    co_await serve(peer);
#else
    co_await serve(std::move(peer));
#endif
}
