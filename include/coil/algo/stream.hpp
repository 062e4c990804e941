// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#pragma once

#include <coil/version.hpp>

#include <concepts>
#include <cstddef>

#include <coil/base/buffer.hpp>
#include <coil/coro/environment.hpp>

namespace coil::COIL_ABI {

template <class Protocol>
class datagram_socket;
template <class Protocol>
class seq_packet_socket;

namespace detail {

/// True for sockets that preserve message boundaries. Such sockets have recv() and send(), but are not
/// streams.
template <class S>
inline constexpr bool is_message_socket = false;
template <class Protocol>
inline constexpr bool is_message_socket<datagram_socket<Protocol>> = true;
template <class Protocol>
inline constexpr bool is_message_socket<seq_packet_socket<Protocol>> = true;

/// An awaitable whose result is a number of bytes.
template <class D>
concept counts_bytes = description<D> && std::same_as<result_of<D>, std::size_t>;

}  // namespace detail

/// A source of bytes. `recv(buffer)` returns an awaitable whose result is the number of bytes received, or 0
/// at the end of the stream. The awaitable can be a `task<std::size_t>` or any other awaitable of coil.
/// `recv(buffers)`, which scatters the bytes over several buffers, is optional. If a stream does not have
/// this function, `read` fills the buffers one after another.
///
///     class counting_stream {                             // counts the bytes of another stream
///     public:
///         coil::task<std::size_t> recv(coil::mutable_buffer buffer) {
///             const std::size_t n = co_await inner_.recv(buffer);
///             received_ += n;
///             co_return n;
///         }
template <class S>
concept readable_stream = !detail::is_message_socket<S> && requires(S& stream, mutable_buffer buffer) {
    { stream.recv(buffer) } -> detail::counts_bytes;
};

/// A sink for bytes. `send(buffer)` returns an awaitable whose result is the number of bytes sent. If this
/// number is 0, `write` fails with error::nothing_sent. `send(buffers)`, which gathers the bytes from several
/// buffers, is optional.
template <class S>
concept writable_stream = !detail::is_message_socket<S> && requires(S& stream, const_buffer buffer) {
    { stream.send(buffer) } -> detail::counts_bytes;
};

/// A class that is both a readable and a writable stream, such as `tcp::socket` or one end of a
/// `test::stream_pair`.
template <class S>
concept stream = readable_stream<S> && writable_stream<S>;

}  // namespace coil::COIL_ABI
