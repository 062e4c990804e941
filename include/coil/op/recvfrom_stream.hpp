// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#pragma once

#include <coil/version.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>

#include <coil/base/endpoint.hpp>
#include <coil/base/outcome.hpp>
#include <coil/loop/chunk.hpp>
#include <coil/op/ahead_stream.hpp>
#include <coil/op/description.hpp>
#include <coil/op/reader.hpp>
#include <coil/op/send_segments.hpp>

namespace coil::COIL_ABI {

/// One datagram in a buffer of the context's pool, with its sender's address. The datagram may be empty.
///
/// Lifetime: destroy or detach it before its context ends (checked).
class datagram : public chunk {
public:
    ip::endpoint from;
    bool truncated = false;  ///< larger than `io_context::options::datagram_max`; the remainder is lost
};

/// Contiguous datagrams from one sender in one buffer. All datagrams have the same size, except that the
/// last one may be shorter. A datagram that arrived alone is a train of one. A train can be forwarded
/// unchanged:
///
///     co_await socket.sendto(train.segments(), train.from);
///
/// Lifetime: destroy or detach it before its context ends (checked).
class datagram_train : public chunk {
public:
    std::size_t segment_size = 0;  ///< size of one datagram; 0 only for a train of one empty datagram
    ip::endpoint from;
    bool truncated = false;  ///< the last datagram was truncated, as in `datagram`

    /// Returns the datagrams in the form that send() and sendto() accept. The result refers to the train's
    /// bytes.
    [[nodiscard]] coil::segments segments() const noexcept {
        return {*this, segment_size > 0 ? segment_size : 1};
    }
};

namespace op {

/// Receives the next datagram or the next train of a `recvfrom_stream`.
template <class What>
class [[nodiscard("co_await it")]] next_arrival final : public reader {
public:
    next_arrival(const descriptor_use& from, environment& task) noexcept : reader(from, task, lane::queue) {}
    ~next_arrival();

    bool await_ready() noexcept { return serve_inline(); }
    outcome<std::optional<What>> await_outcome() noexcept;
    std::optional<What> await_resume();

    std::int32_t take_from(descriptor_source& source) noexcept override;

protected:
    const char* name() const noexcept override { return "recvfrom"; }

private:
    bool received_ = false;
    std::uint32_t place_ = 0;  // the first datagram's position in arrival order
    What what_;
};

using next_datagram = next_arrival<datagram>;
using next_train = next_arrival<datagram_train>;
extern template class next_arrival<datagram>;
extern template class next_arrival<datagram_train>;

using next_datagram_description = description_of<next_datagram, descriptor_use>;
using next_train_description = description_of<next_train, descriptor_use>;

static_assert(sizeof(next_datagram) <= 144 && sizeof(next_train) <= 152);

}  // namespace op

/// Receives datagrams in buffers of the context's pool. This is the fastest way to receive datagrams, and
/// the caller needs no buffer.
///
///     auto incoming = socket.recvfrom_stream();
///     while (auto datagram = co_await incoming.next())
///         co_await socket.sendto(*datagram, datagram->from);
///
/// While the stream exists, datagrams are received ahead of `next()`, up to
/// `io_context::options::ahead_max`. Beyond that limit, they stay in the kernel's socket buffer, and the
/// kernel drops datagrams that do not fit there. Unread datagrams belong to the socket. If the stream is
/// destroyed, the next `recvfrom` or the next stream gets them first. Several readers may wait for
/// datagrams, in FIFO order.
///
/// If `udp::receive_offload` has been set, the kernel delivers whole trains of datagrams from one sender.
/// `next()` returns the datagrams of a train one by one, and they share the train's buffer. `next_train()`
/// returns them together.
///
/// Lifetime: may outlive the socket and the context; next() then fails.
class recvfrom_stream : public op::ahead_stream {
public:
    explicit recvfrom_stream(const descriptor_use& from);

    /// Completes: with a datagram, inline if one is unread; with nullopt only after our own
    ///            shutdown_receive.
    /// Errors:    connection_refused (an earlier send found no receiver) and others, after which the stream
    ///            can still be used; bad_descriptor if the socket has been closed.
    /// Cancel:    operation_aborted; no datagram is lost.
    /// Cost:      one SQE for any number of datagrams (multishot); no allocation while the reader keeps up.
    [[nodiscard("co_await it")]] op::next_datagram_description next() const noexcept { return {use()}; }

    /// Returns unread datagrams that are contiguous in one buffer, at most 64 (`segments::count_max`).
    /// Completes: with a train, inline if a datagram is unread; never waits for further datagrams. If the
    ///            kernel delivers single datagrams, or if they were copied because the pool was low, each
    ///            datagram is a train of one. Completes with nullopt only after our own shutdown_receive.
    /// Errors:    as for next().
    /// Cancel:    operation_aborted; no datagram is lost.
    /// Cost:      as next(); nothing is copied.
    [[nodiscard("co_await it")]] op::next_train_description next_train() const noexcept { return {use()}; }
};

}  // namespace coil::COIL_ABI
