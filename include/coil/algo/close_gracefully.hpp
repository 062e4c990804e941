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

/// Closes a connection without losing the last bytes that were sent. If received bytes are still unread at a
/// plain close(), the kernel resets the connection, and the peer may lose the last reply. This function shuts
/// down the sending direction, discards everything that the peer sends until the peer closes its side, and
/// then closes the stream. The stream must have shutdown() and close(), as sockets do. No other task may read
/// from the stream.
///
///     co_await coil::write(peer, "HTTP/1.1 413 Content Too Large\r\n\r\n");
///     co_await coil::close_gracefully(peer, 2s);
///
/// Completes: with true if the peer closed its side, or with false if `time_limit` passed first or the
///            connection failed. The stream is closed in any case.
/// Errors:    only exceptions that do not come from the connection, such as std::bad_alloc.
/// Cancel:    closes the stream immediately and completes with false.
/// Cost:      two coroutine frames from a recycling allocator.
template <readable_stream Stream, class Rep, class Period>
task<bool> close_gracefully(Stream& stream, std::chrono::duration<Rep, Period> time_limit) {
    static_assert(
        requires { stream.shutdown(socket_base::shutdown_send), stream.close(); },
        "close_gracefully() needs a stream with shutdown() and close(), such as a socket; for an "
        "any_stream, pass the socket inside: *stream.target<tcp::socket>()");
    std::error_code failure;
    try {
        stream.shutdown(socket_base::shutdown_send);
        co_await redirect_error(timeout(detail::discard_all(stream), time_limit), failure);
    } catch (...) {  // out of memory, or a bug in the stream
        stream.close();
        throw;
    }
    stream.close();
    co_return !failure;
}
template <readable_stream Stream, detail::number Number>
void close_gracefully(Stream&, Number, detail::write_5s_or_std_chrono_seconds_5 = {}) = delete;

}  // namespace coil::COIL_ABI
