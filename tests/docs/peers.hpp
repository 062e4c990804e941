// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#pragma once

/// Peers of the documentation's programs. They use plain sockets and port 7777 of the loopback. Each function
/// starts the program in a child process, and returns the exit status of the test.
namespace coil::docs {

/// A client of an echo server: sends text, receives it back, and closes its sending side.
int echo_client(int (*program)());
/// 1,000 clients reset their connections before, during or after the exchange. The server must serve the next
/// client.
int resetting_clients(int (*program)());
/// One client is served, another stays connected. After SIGTERM the second client must receive "the server is
/// going down", and the server must exit with 0.
int clients_until_sigterm(int (*program)());
/// Clients of an echo server with several acceptors. The server must exit with 0 after SIGTERM.
int clients_of_all_cores(int (*program)());
/// A client sends lines with a number of milliseconds, and receives "done" after that time. After SIGTERM the server
/// must answer the current request within five seconds, and exit with 0. If a second signal or the end of that time
/// interrupts a request, it must exit with 1.
int drained_by_signals(int (*program)());
/// A UDP client of an echo server.
int udp_client(int (*program)());

/// Echo servers for a client program, which must exit with 0.
int echo_server(int (*program)());
int udp_echo_server(int (*program)());

/// Servers for client programs of the guide to other libraries. The program must exit with 0.
/// Two requests arrive, and are answered in the opposite order. A third request is not answered, and its client
/// must close the connection.
int http_server(int (*program)());
/// Two queries for IPv4 addresses.
int name_server(int (*program)());
/// The program must exit with 1 if no server listens. It then runs again, and sends one query.
int postgresql_server(int (*program)());

}  // namespace coil::docs
