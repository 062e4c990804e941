// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT

// first: a_flag_is_a_bool

#include <fcntl.h>

#include <coil/net/tcp.hpp>

void keep(coil::ip::tcp::socket& socket) {
#ifdef COIL_MUST_NOT_COMPILE
    socket.close_on_exec(FD_CLOEXEC);
#else
    socket.close_on_exec(true);
#endif
}
