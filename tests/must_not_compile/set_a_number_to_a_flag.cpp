// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT

// first: a_flag_is_a_bool

#include <coil/net/tcp.hpp>

void enlarge(coil::ip::tcp::socket& socket) {
#ifdef COIL_MUST_NOT_COMPILE
    socket.set_option(coil::socket_base::send_buffer_size(true));
#else
    socket.set_option(coil::socket_base::send_buffer_size(1 << 20));
#endif
}
