// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#pragma once

#include <coil/version.hpp>

#include <cstddef>

#include <coil/algo/whole.hpp>
#include <coil/op/message.hpp>

namespace coil::COIL_ABI {

/// Fills the buffer: receives until it is full.
///
///     std::array<std::byte, 16> header;
///     co_await coil::read(peer, header);
///
/// Completes: with buffer.size(). An empty buffer: at once, with 0.
/// Errors:    transfer_error, whose bytes_transferred() says how much came: error::eof if the stream ended first, and the
///            stream's own.
/// Cancel:    operation_aborted; what came until then is in the buffer, and counted.
/// Buffer:    the caller's; it and the stream must live until the await is over. No other reader meanwhile.
/// Cost:      as many of the stream's operations as needed: on TCP mostly one. No allocation.
template <readable_stream Stream>
detail::whole_of_one<detail::reading, Stream, mutable_buffer> read(Stream& from, mutable_buffer buffer) {
    return {&from, buffer};
}
/// Fills several buffers, one after the other. The array must live as long as they do.
template <readable_stream Stream>
detail::whole_of_many<detail::reading, Stream, mutable_buffer> read(Stream& from, mutable_buffers buffers) {
    return {&from, buffers};
}
template <readable_stream Stream, class... Buffers>
    requires detail::several<mutable_buffer, Buffers...>
auto read(Stream& from, Buffers&&... buffers) {
    return op::holding_description<detail::whole_of_many<detail::reading, Stream, mutable_buffer>,
                                   mutable_buffer, sizeof...(Buffers)>{
        {&from, {}}, {mutable_buffer(std::forward<Buffers>(buffers))...}};
}

}  // namespace coil::COIL_ABI
