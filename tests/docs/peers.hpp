// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#pragma once

/// Who talks to the programs of the documentation, on port 7777 of the loopback, by plain sockets. Each starts the program,
/// in a process of its own, and returns the exit status of the test.
namespace coil::docs {

/// To an echo server: one says something, hears it, and finishes.
int echo_client(int (*program)());
/// A thousand reset their connections before, during and after the dialogue; the next one is served.
int resetting_clients(int (*program)());
/// One is served, one waits; on SIGTERM that one hears "the server is going down", and the server ends well.
int clients_until_sigterm(int (*program)());
/// Datagrams come back.
int udp_client(int (*program)());

/// To a client, which must end well: these send back what they receive.
int echo_server(int (*program)());
int udp_echo_server(int (*program)());

}  // namespace coil::docs
