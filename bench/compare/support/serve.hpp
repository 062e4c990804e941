// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#pragma once

#include <memory>

#include "support/arguments.hpp"
#include "support/failure.hpp"
#include "support/sockets.hpp"

namespace compare {

/// The main() function for a server with a loop. Opens the server's socket, prints its port, and iterates
/// until the process is killed.
template <class Server, class Open>
int serve(int argc, char** argv, Open open) noexcept try {
    const arguments given(argc, argv, {{"--port", "0", "port to listen on; 0: any free port"}});
    const descriptor socket = open(given.port());
    const auto server = std::make_unique<Server>(socket.get());
    announce(socket.get());
    for (;;)
        server->iterate();
} catch (...) {
    return explain_failure();
}

/// The main() function for a TCP server.
template <class Server>
int serve_tcp(int argc, char** argv, int type_flags = 0) noexcept {
    return serve<Server>(argc, argv, [=](auto port) { return listener(port, type_flags); });
}

/// The main() function for a UDP server.
template <class Server>
int serve_udp(int argc, char** argv) noexcept {
    return serve<Server>(argc, argv, [](auto port) { return bound_socket(SOCK_DGRAM, port); });
}

}  // namespace compare
