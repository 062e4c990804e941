// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#pragma once

#include <memory>

#include "support/arguments.hpp"
#include "support/failure.hpp"
#include "support/sockets.hpp"

namespace compare {

/// The whole main() of a server that takes one turn after the other: opens its socket, says where it listens, and goes on until
/// it is killed.
template <class Server, class Open>
int serve(int argc, char** argv, Open open) noexcept try {
    const arguments given(argc, argv, {{"--port", "0", "listen on it; 0: any free one"}});
    const descriptor socket = open(given.port());
    const auto server = std::make_unique<Server>(socket.get());
    announce(socket.get());
    for (;;)
        server->turn();
} catch (...) {
    return explain_failure();
}

/// On TCP.
template <class Server>
int serve_tcp(int argc, char** argv, int type_flags = 0) noexcept {
    return serve<Server>(argc, argv, [=](auto port) { return listener(port, type_flags); });
}

/// On UDP.
template <class Server>
int serve_udp(int argc, char** argv) noexcept {
    return serve<Server>(argc, argv, [](auto port) { return bound_socket(SOCK_DGRAM, port); });
}

}  // namespace compare
