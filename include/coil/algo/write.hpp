// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#pragma once

#include <coil/version.hpp>

#include <cstddef>

#include <coil/algo/whole.hpp>
#include <coil/coro/gather.hpp>

namespace coil::COIL_ABI {

/// Sends a whole buffer.
///
///     co_await coil::write(peer, "HTTP/1.1 204 No Content\r\n\r\n");
///     co_await coil::write(peer, header, body);
///
/// Completes: with buffer.size(), when the stream has accepted all bytes. If the buffer is empty, completes
///            inline with 0.
/// Errors:    transfer_error with the stream's code. The exception's bytes_transferred() is the number of
///            bytes sent.
/// Cancel:    operation_aborted. bytes_transferred() counts the bytes sent so far, which are on their way to
///            the peer.
/// Buffer:    owned by the caller. The buffer and the stream must live until the await ends. No other task
///            may write to the stream during this time.
/// Cost:      as many operations on the stream as needed, usually one on TCP. No allocation.
template <writable_stream Stream>
detail::whole_of_one<detail::writing, Stream, const_buffer> write(Stream& to, const_buffer buffer) {
    return {{}, &to, buffer};
}
/// Sends several whole buffers, in order. The array that `buffers` refers to, and the memory of the buffers
/// in it, must live until the await ends.
template <writable_stream Stream>
detail::whole_of_many<detail::writing, Stream, const_buffer> write(Stream& to, const_buffers buffers) {
    return {{}, &to, buffers};
}
template <writable_stream Stream, class... Buffers>
    requires detail::several<const_buffer, Buffers...>
auto write(Stream& to, Buffers&&... buffers) {
    return detail::gather<const_buffer>(write(to, const_buffers()), std::forward<Buffers>(buffers)...);
}

/// Rejects a socket that preserves message boundaries: the call does not compile, and the error message says
/// what to write instead.
template <class Socket, class... Buffers>
    requires detail::is_message_socket<Socket>
auto write(Socket& to, Buffers&&...) {
    static_assert(sizeof(Socket) == 0,
                  "write is for streams; this socket sends whole messages: co_await socket.send(buffer), or "
                  "sendto(buffer, endpoint)");
    return to.send(const_buffer());
}

}  // namespace coil::COIL_ABI
