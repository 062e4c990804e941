// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <optional>

#include <coil/base/endpoint.hpp>
#include <coil/base/intrusive_list.hpp>
#include <coil/loop/buffer_pool.hpp>
#include <coil/op/recv.hpp>

namespace coil {

/// One datagram, in a buffer of the context's pool, and whose it is. It may be empty.
///
/// Lifetime: destroyed, or detached, before its context (checked).
class datagram : public chunk {
public:
    ip::endpoint from;
    bool truncated = false;  ///< it was larger than `io_context::options::datagram_max`, and the rest is lost
};

namespace op {

/// The next datagram of a `recvfrom_stream`.
class [[nodiscard]] next_datagram : public datagram_reader {
public:
    next_datagram(const descriptor_use& from, environment& task) noexcept : datagram_reader(from, task) {}
    ~next_datagram();

    outcome<std::optional<datagram>> await_outcome() noexcept;
    std::optional<datagram> await_resume();

protected:
    void prepare(io_uring_sqe& sqe) noexcept override;
    const char* name() const noexcept override { return "recvfrom"; }
    bool has_own_buffer() const noexcept override { return false; }
    std::int32_t take_from(recvfrom_queue& queue) noexcept override;

private:
    bool received_ = false;
    std::uint32_t place_ = 0;  // among those that came
    datagram datagram_;
};

struct [[nodiscard]] next_datagram_description : descriptor_use {
    next_datagram operation_in(environment& task) const noexcept { return {*this, task}; }
};

static_assert(sizeof(next_datagram) <= 144);

}  // namespace op

/// What a datagram socket receives, in memory of the context's pool: the fastest way to receive, and one that needs no buffer.
///
///     auto incoming = socket.recvfrom_stream();
///     while (auto datagram = co_await incoming.next())
///         co_await socket.sendto(*datagram, datagram->from);
///
/// While it lives datagrams are received ahead of `next()`: up to `io_context::options::ahead_max`, then the kernel keeps
/// what it has room for. They belong to the socket: if this is dropped, the next `recvfrom`, or the next stream, gets them
/// first. Several may wait for the next datagram: they are served in order.
///
/// With `udp::receive_offload`, set before, the kernel hands over whole trains of datagrams of one sender. Here they are single
/// datagrams again; those of one train hold its buffer together.
///
/// Lifetime: it may outlive the socket and the context; next() fails then.
class recvfrom_stream : public list_hook {
public:
    explicit recvfrom_stream(const descriptor_use& from);
    recvfrom_stream(recvfrom_stream&& other) noexcept;
    recvfrom_stream& operator=(recvfrom_stream&& other) noexcept;
    ~recvfrom_stream();

    /// Completes: with a datagram, at once if one is there. With nothing only after our own shutdown_receive.
    /// Errors:    connection_refused (a datagram of ours found nobody) ..., after which one may go on; bad_descriptor if the
    ///            socket was closed.
    /// Cancel:    operation_aborted: this stops waiting, and no datagram is lost.
    /// Cost:      one SQE for any number of datagrams (multishot); none of it allocates while the reader keeps up.
    [[nodiscard]] op::next_datagram_description next() const noexcept {
        return {is_linked() ? from_ : descriptor_use{}};
    }

private:
    void drop() noexcept;
    void take(recvfrom_stream& other) noexcept;

    descriptor_use from_;
};

}  // namespace coil
