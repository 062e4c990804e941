// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#pragma once

#include <coil/version.hpp>

#include <cstddef>

#include <coil/algo/whole.hpp>
#include <coil/op/message.hpp>

namespace coil::COIL_ABI {

/// Sends all of the buffer.
///
///     co_await coil::write(peer, "HTTP/1.1 204 No Content\r\n\r\n");
///     co_await coil::write(peer, header, body);
///
/// Completes: with buffer.size(), when the kernel has taken all. An empty buffer: at once, with 0.
/// Errors:    transfer_error, whose bytes_transferred() says how much was taken, and the stream's own code.
/// Cancel:    operation_aborted; what was taken until then is counted, and on its way to the peer.
/// Buffer:    the caller's; it and the stream must live until the await is over. No other writer meanwhile.
/// Cost:      as many of the stream's operations as needed: on TCP mostly one. No allocation.
template <writable_stream Stream>
detail::whole_of_one<detail::writing, Stream, const_buffer> write(Stream& to, const_buffer buffer) {
    return {&to, buffer};
}
/// Sends all of several buffers, one after the other. The array must live as long as they do.
template <writable_stream Stream>
detail::whole_of_many<detail::writing, Stream, const_buffer> write(Stream& to, const_buffers buffers) {
    return {&to, buffers};
}
template <writable_stream Stream, class... Buffers>
    requires detail::several<const_buffer, Buffers...>
auto write(Stream& to, Buffers&&... buffers) {
    return op::holding_description<detail::whole_of_many<detail::writing, Stream, const_buffer>, const_buffer,
                                   sizeof...(Buffers)>{{&to, {}},
                                                       {const_buffer(std::forward<Buffers>(buffers))...}};
}

}  // namespace coil::COIL_ABI
