// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#pragma once

#include <coil/version.hpp>

#include <concepts>
#include <cstddef>

#include <coil/base/buffer.hpp>
#include <coil/coro/environment.hpp>

namespace coil::COIL_ABI {

/// Something that bytes can be received from: `recv(buffer)` is an awaitable of coil whose result is how many came, 0 at
/// the end; `recv(buffers)` the same into several. The operation that the awaitable makes is an `awaited`, and can be
/// constructed of the awaitable and an environment, so that `read` can derive its steps from it.
template <class S>
concept readable_stream = requires(S& stream, mutable_buffer buffer, mutable_buffers buffers) {
    { stream.recv(buffer) } -> description;
    { stream.recv(buffers) } -> description;
    requires std::same_as<result_of<decltype(stream.recv(buffer))>, std::size_t>;
    requires std::derived_from<operation_of<decltype(stream.recv(buffer))>, awaited>;
    operation_of<decltype(stream.recv(buffer))>(stream.recv(buffer), std::declval<environment&>());
};

/// Something that bytes can be sent to: `send(buffer)` is an awaitable of coil whose result is how many were taken.
template <class S>
concept writable_stream = requires(S& stream, const_buffer buffer, const_buffers buffers) {
    { stream.send(buffer) } -> description;
    { stream.send(buffers) } -> description;
    requires std::same_as<result_of<decltype(stream.send(buffer))>, std::size_t>;
    requires std::derived_from<operation_of<decltype(stream.send(buffer))>, awaited>;
    operation_of<decltype(stream.send(buffer))>(stream.send(buffer), std::declval<environment&>());
};

/// Both: a `tcp::socket`, one end of a `test::stream_pair`, and whatever else answers to these verbs.
template <class S>
concept stream = readable_stream<S> && writable_stream<S>;

}  // namespace coil::COIL_ABI
