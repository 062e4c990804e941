// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT

// expect: connect

#include <utility>

#include <coil/coro/task.hpp>
#include <coil/net/tcp.hpp>
#include <coil/tls/stream.hpp>

coil::task<> start(coil::ip::tcp::socket server, coil::tls::client_context context) {
#ifdef COIL_MUST_NOT_COMPILE
    auto stream = co_await coil::tls::connect(std::move(server), context);
#else
    auto stream = co_await coil::tls::connect(std::move(server), context, coil::tls::unverified());
#endif
}
