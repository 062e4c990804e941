// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT

// first: a_flag_is_a_bool

#include <coil/net/tcp.hpp>

void reset_at_close(coil::ip::tcp::socket& socket) {
#ifdef COIL_MUST_NOT_COMPILE
    socket.set_option(coil::socket_base::linger(30, true));
#else
    socket.set_option(coil::socket_base::linger(true, 30));
#endif
}
