// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT

// expect: no matching

#include <coil/net/tcp.hpp>

void hurry(coil::ip::tcp::socket& socket) {
#ifdef COIL_MUST_NOT_COMPILE
    socket.set_option(true);
#else
    socket.set_option(coil::ip::tcp::no_delay(true));
#endif
}
