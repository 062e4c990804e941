// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#include "support/bare.hpp"

#include <cstdio>
#include <cstdlib>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

namespace coil::bench::bare {
namespace {

// Binds a socket to an ephemeral port on 127.0.0.1 and stores the resulting address in `address`.
int bound_socket(int type, sockaddr_in& address) {
    const int made = ::socket(AF_INET, type | SOCK_CLOEXEC, 0);
    address = {};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    check(made >= 0 && ::bind(made, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0, "bind");
    socklen_t size = sizeof address;
    check(::getsockname(made, reinterpret_cast<sockaddr*>(&address), &size) == 0, "getsockname");
    return made;
}

int connected_socket(int type, const sockaddr_in& to) {
    const int made = ::socket(AF_INET, type | SOCK_CLOEXEC, 0);
    check(made >= 0 && ::connect(made, reinterpret_cast<const sockaddr*>(&to), sizeof to) == 0, "connect");
    return made;
}

void set_no_delay(int socket) {
    const int on = 1;
    check(::setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) == 0, "TCP_NODELAY");
}

}  // namespace

void check(bool holds, const char* what) {
    if (holds)
        return;
    std::perror(what);
    std::exit(1);
}

ring::ring() {
    io_uring_params wanted{};
    wanted.flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_TASKRUN_FLAG |
                   IORING_SETUP_SUBMIT_ALL | IORING_SETUP_CQSIZE;
    wanted.cq_entries = 4096;
    check(io_uring_queue_init_params(256, &ring_, &wanted) == 0, "io_uring_queue_init_params");
    check(io_uring_register_ring_fd(&ring_) == 1, "io_uring_register_ring_fd");
}

ring::~ring() { io_uring_queue_exit(&ring_); }

socket_pair::~socket_pair() {
    ::close(client);
    ::close(server);
}

socket_pair tcp_pair() {
    sockaddr_in address;
    const int listener = bound_socket(SOCK_STREAM, address);
    check(::listen(listener, 1) == 0, "listen");
    const int client = connected_socket(SOCK_STREAM, address);
    const int server = ::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC);
    check(server >= 0, "accept");
    ::close(listener);
    set_no_delay(client);
    set_no_delay(server);
    return {client, server};
}

socket_pair udp_pair() {
    sockaddr_in address;
    const int server = bound_socket(SOCK_DGRAM, address);
    return {connected_socket(SOCK_DGRAM, address), server};
}

}  // namespace coil::bench::bare
