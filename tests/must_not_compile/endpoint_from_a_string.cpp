// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT

// first: write_make_address

#include <coil/net/tcp.hpp>

using coil::ip::tcp;

tcp::endpoint server() {
#ifdef COIL_MUST_NOT_COMPILE
    return tcp::endpoint("127.0.0.1", 80);
#else
    return tcp::endpoint(coil::ip::make_address("127.0.0.1"), 80);
#endif
}
