// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT

// first: write_coil_buffer_p_n_or_message_flags_peek

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
