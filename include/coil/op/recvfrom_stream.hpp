// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#pragma once

#include <coil/version.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <system_error>
#include <utility>

#include <coil/base/endpoint.hpp>
#include <coil/base/outcome.hpp>
#include <coil/loop/chunk.hpp>
#include <coil/op/ahead_stream.hpp>
#include <coil/op/description.hpp>
#include <coil/op/reader.hpp>
#include <coil/op/received.hpp>
#include <coil/op/send_segments.hpp>

namespace coil::COIL_ABI {

namespace ip {
class udp;
}  // namespace ip

/// One datagram in a buffer of the context's pool, with the sender's address. `Endpoint` is the endpoint type
/// of the socket's protocol. The datagram may be empty.
///
/// Lifetime: destroy or detach the datagram before its context ends (checked).
template <class Endpoint>
class basic_datagram : public chunk {
public:
    basic_datagram() noexcept = default;
    explicit basic_datagram(op::received_datagram&& other) noexcept
        : chunk(static_cast<chunk&&>(other)), from(other.from), truncated(other.truncated) {}

    Endpoint from;
    bool truncated = false;  ///< the datagram exceeded `options::datagram_max`; the remainder is lost
};
using datagram = basic_datagram<ip::basic_endpoint<ip::udp>>;

/// Contiguous datagrams from one sender in one buffer. All datagrams have the same size, except that the last
/// one may be shorter. A datagram that arrived alone is a train of one datagram. A train can be forwarded
/// unchanged:
///
///     co_await socket.sendto(train.segments(), train.from);
///
/// Lifetime: destroy or detach the train before its context ends (checked).
template <class Endpoint>
class basic_datagram_train : public chunk {
public:
    basic_datagram_train() noexcept = default;
    explicit basic_datagram_train(op::received_train&& other) noexcept
        : chunk(static_cast<chunk&&>(other)),
          segment_size(other.segment_size),
          from(other.from),
          truncated(other.truncated) {}

    std::size_t segment_size = 0;  ///< size of one datagram; 0 only for a train of one empty datagram
    Endpoint from;
    bool truncated = false;  ///< the last datagram was too large; its remainder is lost

    /// Returns the datagrams in the form that send() and sendto() accept. The result refers to the train's
    /// bytes.
    [[nodiscard]] coil::segments segments() const noexcept {
        return {*this, segment_size > 0 ? segment_size : 1};
    }
};
using datagram_train = basic_datagram_train<ip::basic_endpoint<ip::udp>>;

namespace op {

/// Receives the next datagram or the next train of a `recvfrom_stream`.
template <class Received>
class [[nodiscard("co_await it")]] next_received : public reader {
public:
    bool await_ready() noexcept { return serve_inline(); }

    std::int32_t take_from(detail::descriptor_source& source) noexcept override;

protected:
    next_received(const detail::descriptor_use& from, detail::environment& task) noexcept
        : reader(from, task, detail::lane::queue) {}
    ~next_received() override;

    const char* name() const noexcept override { return "recvfrom"; }
    /// Returns the error with which the wait failed, if any. If the wait succeeded, received() returns the
    /// datagram or train, or null if the program has shut down the receiving direction.
    [[nodiscard]] std::error_code ended() noexcept;
    [[nodiscard]] Received* received() noexcept { return std::exchange(received_, false) ? &what_ : nullptr; }

private:
    bool received_ = false;
    std::uint32_t place_ = 0;  // the first datagram's position in arrival order
    Received what_;
};
extern template class next_received<received_datagram>;
extern template class next_received<received_train>;

/// Converts the result of `next_received` to `What`, whose endpoint type belongs to the socket's protocol.
template <class What, class Received>
class [[nodiscard("co_await it")]] next_arrival final : public next_received<Received> {
public:
    next_arrival(const detail::descriptor_use& from, detail::environment& task) noexcept
        : next_received<Received>(from, task) {}

    outcome<std::optional<What>> await_outcome() noexcept {
        if (const auto error = this->ended())
            return error;
        return value();
    }
    std::optional<What> await_resume() {
        if (const auto error = this->ended())
            this->fail(error);
        return value();
    }

private:
    std::optional<What> value() noexcept {
        if (Received* arrived = this->received())
            return What(std::move(*arrived));
        return std::nullopt;
    }
};

template <class Endpoint>
using next_datagram = next_arrival<basic_datagram<Endpoint>, received_datagram>;
template <class Endpoint>
using next_train = next_arrival<basic_datagram_train<Endpoint>, received_train>;

template <class Endpoint>
using next_datagram_description = description_of<next_datagram<Endpoint>, detail::descriptor_use>;
template <class Endpoint>
using next_train_description = description_of<next_train<Endpoint>, detail::descriptor_use>;

/// The part of a `recvfrom_stream` that does not depend on the endpoint type.
class datagram_stream : public ahead_stream {
protected:
    explicit datagram_stream(const detail::descriptor_use& from);
};

static_assert(sizeof(next_received<received_datagram>) <= 144 &&
              sizeof(next_received<received_train>) <= 152);

}  // namespace op

/// Receives datagrams in buffers of the context's pool. This is the fastest way to receive datagrams, and
/// the caller needs no buffer.
///
///     auto incoming = socket.recvfrom_stream();
///     while (auto datagram = co_await incoming.next())
///         co_await socket.sendto(*datagram, datagram->from);
///
/// While the stream exists, coil receives datagrams before the program asks for them, until
/// `io_context::options::ahead_max` bytes are unread. Further datagrams stay in the kernel's socket buffer,
/// and the kernel drops datagrams that do not fit there. Unread datagrams belong to the socket. If the stream
/// is destroyed, the next `recvfrom` or the next stream returns these datagrams first. Several readers may
/// wait for datagrams, and are served in FIFO order.
///
/// If `udp::receive_offload` has been set, the kernel delivers whole trains of datagrams from one sender.
/// `next()` returns the datagrams of a train one by one, and these datagrams share the buffer of the train.
/// `next_train()` returns the unread datagrams of a train together.
///
/// Lifetime: may outlive the socket and the context; next() then fails.
template <class Endpoint>
class basic_recvfrom_stream : public op::datagram_stream {
public:
    explicit basic_recvfrom_stream(const detail::descriptor_use& from) : datagram_stream(from) {}

    /// Completes: with a datagram, inline if coil already holds an unread one; with nullopt only if the
    ///            program has shut down the receiving direction.
    /// Errors:    connection_refused (an earlier send found no receiver) and others, after which the stream
    ///            can still be used; bad_descriptor if the socket has been closed.
    /// Cancel:    operation_aborted; no datagram is lost.
    /// Cost:      one SQE for any number of datagrams (multishot); no allocation while the reader keeps up.
    [[nodiscard("co_await it")]] op::next_datagram_description<Endpoint> next() const noexcept {
        return {use()};
    }

    /// Returns unread datagrams that are contiguous in one buffer, at most 64 (`segments::count_max`).
    /// Completes: with a train, inline if a datagram is unread; never waits for further datagrams. If the
    ///            kernel delivers single datagrams, or if coil has copied the datagrams because the pool was
    ///            low, each datagram is a train of one datagram. Completes with nullopt only if the
    ///            program has shut down the receiving direction.
    /// Errors:    as for next().
    /// Cancel:    operation_aborted; no datagram is lost.
    /// Cost:      as for next(); next_train() copies no datagram.
    [[nodiscard("co_await it")]] op::next_train_description<Endpoint> next_train() const noexcept {
        return {use()};
    }
};
using recvfrom_stream = basic_recvfrom_stream<ip::basic_endpoint<ip::udp>>;

}  // namespace coil::COIL_ABI
