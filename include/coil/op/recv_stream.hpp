// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#pragma once

#include <coil/version.hpp>

#include <cstdint>
#include <optional>
#include <system_error>

#include <coil/base/outcome.hpp>
#include <coil/loop/chunk.hpp>
#include <coil/op/ahead_stream.hpp>
#include <coil/op/description.hpp>
#include <coil/op/reader.hpp>

namespace coil::COIL_ABI {

namespace op {

/// Receives bytes from a stream in a buffer of the context's pool: first what was received ahead, otherwise
/// what arrives next.
class [[nodiscard("co_await it")]] recv_chunk : public reader {
public:
    recv_chunk(const descriptor_use& from, environment& task) noexcept : reader(from, task, lane::read) {}
    ~recv_chunk();

    bool await_ready() noexcept { return serve_inline(); }
    outcome<chunk> await_outcome() noexcept;
    chunk await_resume();

    delivery wanted() const noexcept override { return delivery::entry; }
    std::int32_t take_from(descriptor_source& source) noexcept override;

protected:
    std::optional<std::int32_t> before_submit() override;
    const char* name() const noexcept override { return "recv"; }

    /// The error that it ended with, if any.
    [[nodiscard]] std::error_code ended() const noexcept;
    [[nodiscard]] chunk& received() noexcept { return chunk_; }

private:
    chunk chunk_;
};

using recv_chunk_description = description_of<recv_chunk, descriptor_use>;

/// The operation of `recv_stream::next`: empty at the end of the stream. The receive stays in the kernel
/// (multishot).
class [[nodiscard("co_await it")]] next_chunk final : public recv_chunk {
public:
    using recv_chunk::recv_chunk;

    outcome<std::optional<chunk>> await_outcome() noexcept;
    std::optional<chunk> await_resume();

    delivery wanted() const noexcept override { return delivery::entries; }
};

using next_chunk_description = description_of<next_chunk, descriptor_use>;

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
class recv_stream : public op::ahead_stream {
public:
    explicit recv_stream(const descriptor_use& from);

    /// Completes: with the bytes that arrived, inline if some are unread; with nothing when the peer has
    ///            finished sending.
    /// Errors:    transfer_error: connection_reset and others; bad_descriptor if the socket was closed.
    /// Cancel:    operation_aborted; no byte is lost.
    /// Cost:      one SQE for any number of chunks (multishot), no allocation.
    [[nodiscard("co_await it")]] op::next_chunk_description next() const noexcept { return {use()}; }
};

}  // namespace coil::COIL_ABI
