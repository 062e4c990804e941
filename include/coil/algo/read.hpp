// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#pragma once

#include <coil/version.hpp>

#include <cstddef>

#include <coil/algo/whole.hpp>
#include <coil/coro/gather.hpp>

namespace coil::COIL_ABI {

/// Receives until a buffer is full.
///
///     std::array<std::byte, 16> header;
///     co_await coil::read(peer, header);
///
/// Completes: with buffer.size(). If the buffer is empty, completes inline with 0.
/// Errors:    transfer_error with error::eof if the stream ends first, or with the stream's own code. The
///            exception's bytes_transferred() is the number of bytes in the buffer.
/// Cancel:    operation_aborted. The bytes received so far are in the buffer, and bytes_transferred()
///            counts them.
/// Buffer:    owned by the caller. The buffer and the stream must live until the await ends. No other task
///            may read from the stream during this time.
/// Cost:      as many operations on the stream as needed, usually one on TCP. No allocation.
template <readable_stream Stream>
detail::whole_of_one<detail::reading, Stream, mutable_buffer> read(Stream& from, mutable_buffer buffer) {
    return {{}, &from, buffer};
}
/// Fills several buffers, in order. The array that `buffers` refers to, and the memory of the buffers in it,
/// must live until the await ends.
template <readable_stream Stream>
detail::whole_of_many<detail::reading, Stream, mutable_buffer> read(Stream& from, mutable_buffers buffers) {
    return {{}, &from, buffers};
}
template <readable_stream Stream, class... Buffers>
    requires detail::several<mutable_buffer, Buffers...>
auto read(Stream& from, Buffers&&... buffers) {
    return detail::gather<mutable_buffer>(read(from, mutable_buffers()), std::forward<Buffers>(buffers)...);
}

/// Rejects a socket that preserves message boundaries: the call does not compile, and the error message says
/// what to write instead.
template <class Socket, class... Buffers>
    requires detail::is_message_socket<Socket>
auto read(Socket& from, Buffers&&...) {
    static_assert(
        sizeof(Socket) == 0,
        "read is for streams; this socket receives whole messages: co_await socket.recv(buffer), or "
        "recvfrom(buffer)");
    return from.recv(mutable_buffer());
}

}  // namespace coil::COIL_ABI
