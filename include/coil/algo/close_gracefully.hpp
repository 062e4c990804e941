// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#pragma once

#include <coil/version.hpp>

#include <array>
#include <chrono>
#include <cstddef>
#include <system_error>

#include <coil/algo/stream.hpp>
#include <coil/algo/timeout.hpp>
#include <coil/coro/as_tuple.hpp>
#include <coil/coro/task.hpp>
#include <coil/net/socket_options.hpp>

namespace coil::COIL_ABI {

namespace detail {

template <class Stream>
task<> discard_all(Stream& from) {
    std::array<std::byte, 2048> unwanted;
    while (co_await from.recv(unwanted) > 0)
        continue;
}

}  // namespace detail

/// Closes a connection after the peer has read everything that was sent. A plain close() with unread bytes
/// makes the kernel reset the connection, and the peer may lose the last answer. This function shuts down the
/// sending direction, discards whatever the peer sends until the peer closes its side, and then closes the
/// stream. The stream must have shutdown() and close(), as sockets do, and must not have another reader.
///
///     co_await coil::write(peer, "HTTP/1.1 413 Content Too Large\r\n\r\n");
///     co_await coil::close_gracefully(peer, 2s);
///
/// Completes: with true if the peer has closed its side. With false after `time_limit`, or if the connection
///            has failed. The stream is closed in any case.
/// Errors:    only exceptions that are not errors of the connection, such as std::bad_alloc.
/// Cancel:    closes the stream immediately.
/// Cost:      one coroutine frame.
template <readable_stream Stream, class Rep, class Period>
task<bool> close_gracefully(Stream& stream, std::chrono::duration<Rep, Period> time_limit) {
    std::error_code failure;
    try {
        stream.shutdown(socket_base::shutdown_send);
        co_await redirect_error(timeout(detail::discard_all(stream), time_limit), failure);
    } catch (...) {  // no memory, or a bug in the stream
        stream.close();
        throw;
    }
    stream.close();
    co_return !failure;
}

}  // namespace coil::COIL_ABI
