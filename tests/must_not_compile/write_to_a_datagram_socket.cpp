// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT

// first: write is for streams; this socket sends whole messages

// A datagram socket has send(buffer), but is no stream: coil::write would repeat a send that cannot be
// partial.

#include <coil/coil.hpp>

coil::task<> greet(coil::ip::udp::socket socket) {
#ifdef COIL_MUST_NOT_COMPILE
    co_await coil::write(socket, "hello");
#else
    co_await socket.send("hello");
#endif
}
