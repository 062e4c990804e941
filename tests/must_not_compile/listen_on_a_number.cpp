// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT

// first: write_an_endpoint

#include <coil/net/tcp.hpp>

using coil::ip::tcp;

tcp::acceptor listen(coil::io_context& context) {
#ifdef COIL_MUST_NOT_COMPILE
    return tcp::acceptor(context, 7777);
#else
    return tcp::acceptor(context, {tcp::v6(), 7777});
#endif
}
