// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#pragma once

#include <coil/version.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>

#include <coil/base/endpoint.hpp>
#include <coil/base/intrusive_list.hpp>
#include <coil/loop/chunk.hpp>
#include <coil/op/recv.hpp>
#include <coil/op/send_segments.hpp>

namespace coil::COIL_ABI {

/// One datagram, in a buffer of the context's pool, and whose it is. It may be empty.
///
/// Lifetime: destroyed, or detached, before its context (checked).
class datagram : public chunk {
public:
    ip::endpoint from;
    bool truncated = false;  ///< it was larger than `io_context::options::datagram_max`, and the rest is lost
};

/// Datagrams of one sender that lie one after the other in one buffer, all of one size but for the last, which may be shorter.
/// A datagram that came alone is a train of one. It goes on as it came:
///
///     co_await socket.sendto(train.segments(), train.from);
///
/// Lifetime: destroyed, or detached, before its context (checked).
class datagram_train : public chunk {
public:
    std::size_t segment_size = 0;  ///< of one datagram; 0 only where there is one, which is empty
    ip::endpoint from;
    bool truncated = false;  ///< of the last one: as of a `datagram`

    /// To send them; the bytes stay here.
    [[nodiscard]] coil::segments segments() const noexcept {
        return {*this, segment_size > 0 ? segment_size : 1};
    }
};

namespace op {

/// The next datagram of a `recvfrom_stream`, or the next train of them.
template <class What>
class [[nodiscard("co_await it")]] next_arrival : public datagram_reader {
public:
    next_arrival(const descriptor_use& from, environment& task) noexcept : datagram_reader(from, task) {}
    ~next_arrival();

    outcome<std::optional<What>> await_outcome() noexcept;
    std::optional<What> await_resume();

protected:
    void prepare(io_uring_sqe& sqe) noexcept override;
    const char* name() const noexcept override { return "recvfrom"; }
    bool has_own_buffer() const noexcept override { return false; }
    std::int32_t take_from(recvfrom_queue& queue) noexcept override;

private:
    bool received_ = false;
    std::uint32_t place_ = 0;  // of the first one, among those that came
    What what_;
};

using next_datagram = next_arrival<datagram>;
using next_train = next_arrival<datagram_train>;
extern template class next_arrival<datagram>;
extern template class next_arrival<datagram_train>;

struct [[nodiscard("co_await it")]] next_datagram_description : descriptor_use {
    next_datagram operation_in(environment& task) const noexcept { return {*this, task}; }
};

struct [[nodiscard("co_await it")]] next_train_description : descriptor_use {
    next_train operation_in(environment& task) const noexcept { return {*this, task}; }
};

static_assert(sizeof(next_datagram) <= 144 && sizeof(next_train) <= 152);

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
/// With `udp::receive_offload`, set before, the kernel hands over whole trains of datagrams of one sender. `next()` gives them
/// one by one; those of one train hold its buffer together. `next_train()` gives them together.
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
    [[nodiscard("co_await it")]] op::next_datagram_description next() const noexcept {
        return {is_linked() ? from_ : descriptor_use{}};
    }

    /// The same for as many datagrams as lie one behind the other in one buffer, 64 at most (`segments::count_max`).
    /// Completes: with a train, at once if a datagram is there; it never waits for more of them. Where the kernel hands over
    ///            single datagrams, or a pool that is low had them copied, each is a train of one. With nothing as next().
    /// Errors:    as next().
    /// Cancel:    operation_aborted: this stops waiting, and no datagram is lost.
    /// Cost:      as next(); nothing is copied.
    [[nodiscard("co_await it")]] op::next_train_description next_train() const noexcept {
        return {is_linked() ? from_ : descriptor_use{}};
    }

private:
    void drop() noexcept;
    void take(recvfrom_stream& other) noexcept;

    descriptor_use from_;
};

}  // namespace coil::COIL_ABI
