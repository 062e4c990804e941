// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT

// The MSG_... constants of <sys/socket.h> are enumerators of an unnamed enumeration.
// expect: co_await socket.recv(buffer, FLAGS(MSG_PEEK))
// expect: co_await socket.send("x", FLAGS(MSG_DONTWAIT))
// expect: co_await datagrams.recvfrom(buffer, FLAGS(MSG_PEEK))
// expect: co_await datagrams.sendto(buffer, to, FLAGS(MSG_DONTWAIT))
// first: write_coil_buffer_p_n_or_message_flags_peek

#include <array>

#include <sys/socket.h>

#include <coil/coro/task.hpp>
#include <coil/net/tcp.hpp>
#include <coil/net/udp.hpp>

#ifdef COIL_MUST_NOT_COMPILE
#define FLAGS(flags) flags
#else
#define FLAGS(flags) coil::message_flags(flags)
#endif

coil::task<> on_streams(coil::ip::tcp::socket& socket) {
    std::array<char, 100> buffer{};
    co_await socket.recv(buffer, FLAGS(MSG_PEEK));
    co_await socket.send("x", FLAGS(MSG_DONTWAIT));
}

coil::task<> on_datagrams(coil::ip::udp::socket& datagrams, const coil::ip::udp::endpoint& to) {
    std::array<char, 100> buffer{};
    co_await datagrams.recvfrom(buffer, FLAGS(MSG_PEEK));
    co_await datagrams.sendto(buffer, to, FLAGS(MSG_DONTWAIT));
}
