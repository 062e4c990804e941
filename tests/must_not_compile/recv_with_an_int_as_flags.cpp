// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT

// first: a_size_belongs_into_the_buffer

#include <coil/coro/task.hpp>
#include <coil/net/tcp.hpp>

coil::task<> receive(coil::ip::tcp::socket& socket, char* data, int size) {
#ifdef COIL_MUST_NOT_COMPILE
    co_await socket.recv({data, 100}, size);
#else
    co_await socket.recv({data, static_cast<std::size_t>(size)},
                         coil::message_flags(MSG_PEEK | MSG_DONTWAIT));
#endif
}
