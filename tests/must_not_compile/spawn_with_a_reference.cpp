// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT

// first: to pass a reference, write std::ref(x)

#include <functional>

#include <coil/loop/co_spawn.hpp>
#include <coil/net/tcp.hpp>

coil::task<> serve(coil::ip::tcp::socket& peer);

void start(coil::io_context& context, coil::ip::tcp::socket& peer) {
#ifdef COIL_MUST_NOT_COMPILE
    coil::co_spawn(context, serve, peer, coil::detached);
#else
    coil::co_spawn(context, serve, std::ref(peer), coil::detached);
#endif
}
