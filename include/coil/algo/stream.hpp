// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#pragma once

#include <coil/version.hpp>

#include <concepts>
#include <cstddef>

#include <coil/base/buffer.hpp>
#include <coil/coro/environment.hpp>

namespace coil::COIL_ABI {

/// A source of bytes. `recv(buffer)` returns a coil awaitable whose result is the number of bytes received,
/// or 0 at the end of the stream. `recv(buffers)` scatters the bytes over several buffers. The class of the
/// awaitable's operation must derive from `awaited` and have a constructor that takes the awaitable and an
/// environment, because `read` derives its steps from that class.
template <class S>
concept readable_stream = requires(S& stream, mutable_buffer buffer, mutable_buffers buffers) {
    { stream.recv(buffer) } -> description;
    { stream.recv(buffers) } -> description;
    requires std::same_as<result_of<decltype(stream.recv(buffer))>, std::size_t>;
    requires std::derived_from<operation_of<decltype(stream.recv(buffer))>, awaited>;
    operation_of<decltype(stream.recv(buffer))>(stream.recv(buffer), std::declval<environment&>());
};

/// A sink for bytes. `send(buffer)` returns a coil awaitable whose result is the number of bytes sent.
/// `send(buffers)` gathers the bytes from several buffers.
template <class S>
concept writable_stream = requires(S& stream, const_buffer buffer, const_buffers buffers) {
    { stream.send(buffer) } -> description;
    { stream.send(buffers) } -> description;
    requires std::same_as<result_of<decltype(stream.send(buffer))>, std::size_t>;
    requires std::derived_from<operation_of<decltype(stream.send(buffer))>, awaited>;
    operation_of<decltype(stream.send(buffer))>(stream.send(buffer), std::declval<environment&>());
};

/// A class that can both receive and send, such as `tcp::socket` or one end of a `test::stream_pair`.
template <class S>
concept stream = readable_stream<S> && writable_stream<S>;

}  // namespace coil::COIL_ABI
