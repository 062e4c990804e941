// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#pragma once

#include <coil/version.hpp>

#include <cstddef>
#include <optional>

#include <coil/base/intrusive_list.hpp>
#include <coil/loop/chunk.hpp>
#include <coil/op/recv.hpp>

namespace coil::COIL_ABI {

namespace op {

class recv_queue;

/// Receives bytes from a stream in a buffer of the context's pool: first what was received ahead, otherwise
/// what arrives next.
class [[nodiscard("co_await it")]] recv_chunk : public queue_reader {
public:
    recv_chunk(const descriptor_use& from, environment& task) noexcept
        : queue_reader(from, task, lane::read) {}
    ~recv_chunk();

    bool await_ready() noexcept { return serve_inline(); }
    void await_suspend(std::coroutine_handle<> caller);
    outcome<chunk> await_outcome() noexcept;
    chunk await_resume();

protected:
    void prepare(io_uring_sqe& sqe) noexcept override;
    const char* name() const noexcept override { return "recv"; }
    std::int32_t take_from(recv_queue& queue) noexcept override;
    delivery wanted() const noexcept override { return delivery::chunk; }

    /// The error that it ended with, if any.
    [[nodiscard]] std::error_code ended() const noexcept;
    [[nodiscard]] chunk& received() noexcept { return chunk_; }

private:
    chunk chunk_;
};

struct [[nodiscard("co_await it")]] recv_chunk_description : descriptor_use {
    recv_chunk operation_in(environment& task) const noexcept { return {*this, task}; }
};

/// The operation of `recv_stream::next`: empty at the end of the stream. The receive stays in the kernel
/// (multishot).
class [[nodiscard("co_await it")]] next_chunk : public recv_chunk {
public:
    next_chunk(const descriptor_use& from, environment& task) noexcept : recv_chunk(from, task) {}

    outcome<std::optional<chunk>> await_outcome() noexcept;
    std::optional<chunk> await_resume();

protected:
    delivery wanted() const noexcept override { return delivery::chunks; }
};

struct [[nodiscard("co_await it")]] next_chunk_description : descriptor_use {
    next_chunk operation_in(environment& task) const noexcept { return {*this, task}; }
};

static_assert(sizeof(next_chunk) <= 88);

}  // namespace op

/// The bytes that a stream socket receives, chunk by chunk, in memory of the context's pool: the fastest way
/// to receive. An idle connection holds no buffer.
///
///     auto incoming = peer.recv_stream();
///     while (auto chunk = co_await incoming.next())        // empty: the peer has finished sending
///         co_await coil::write(peer, *chunk);              // the bytes go back to the pool with the chunk
///
/// While the stream exists, bytes are received ahead of `next()`, up to `io_context::options::ahead_max`.
/// After that the peer has to wait (back-pressure). While the pool is low the limit is 16 KiB. While all
/// streams together hold `held_max` outside the pool, any unread byte stops the stream. Unread bytes belong
/// to the socket: if the stream is dropped, the next `recv` or the next stream gets them first.
///
/// Lifetime: it may outlive the socket and the context; next() then fails.
class recv_stream : public list_hook {
public:
    explicit recv_stream(const descriptor_use& from);
    recv_stream(recv_stream&& other) noexcept;
    recv_stream& operator=(recv_stream&& other) noexcept;
    ~recv_stream();

    /// Completes: with the bytes that arrived, inline if some are unread; with nothing when the peer has
    ///            finished sending.
    /// Errors:    transfer_error: connection_reset and others; bad_descriptor if the socket was closed.
    /// Cancel:    operation_aborted; no byte is lost.
    /// Cost:      one SQE for any number of chunks (multishot), no allocation.
    [[nodiscard("co_await it")]] op::next_chunk_description next() const noexcept {
        return {is_linked() ? from_ : descriptor_use{}};
    }

private:
    void drop() noexcept;
    void take(recv_stream& other) noexcept;

    descriptor_use from_;
};

}  // namespace coil::COIL_ABI
