// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT

// first: a udp::socket receives whole messages and is not a stream

#include <coil/algo/buffered_reader.hpp>
#include <coil/coro/task.hpp>
#include <coil/net/tcp.hpp>
#include <coil/net/udp.hpp>

coil::task<> serve(coil::ip::tcp::socket stream, coil::ip::udp::socket datagrams) {
#ifdef COIL_MUST_NOT_COMPILE
    coil::buffered_reader reader(datagrams);
#else
    coil::buffered_reader reader(stream);
#endif
    while (auto line = co_await reader.read_line())
        static_cast<void>(line->size());
}
