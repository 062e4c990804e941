// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT

// first: to pass a reference, write std::ref(x)

#include <functional>

#include <coil/net/tcp.hpp>
#include <coil/sync/task_group.hpp>

coil::task<> serve(coil::ip::tcp::socket& peer);

void start(coil::task_group& group, coil::ip::tcp::socket& peer) {
#ifdef COIL_MUST_NOT_COMPILE
    group.start(serve, peer);
#else
    group.start(serve, std::ref(peer));
#endif
}
