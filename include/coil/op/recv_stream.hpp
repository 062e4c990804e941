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

/// Receives bytes from a stream into a buffer of the context's pool. If coil already holds unread bytes of
/// the stream, returns these bytes. Otherwise waits until bytes arrive.
class [[nodiscard("co_await it")]] recv_chunk : public reader {
public:
    recv_chunk(const detail::descriptor_use& from, detail::environment& task) noexcept
        : reader(from, task, detail::lane::read) {}
    ~recv_chunk() override;

    bool await_ready() noexcept { return serve_inline(); }
    outcome<chunk> await_outcome() noexcept;
    chunk await_resume();

    delivery wanted() const noexcept override { return delivery::entry; }
    std::int32_t take_from(detail::descriptor_source& source) noexcept override;

protected:
    std::optional<std::int32_t> before_submit() override;
    const char* name() const noexcept override { return "recv"; }

    /// Returns the error that ended the operation, if any.
    [[nodiscard]] std::error_code ended() const noexcept;
    [[nodiscard]] chunk& received() noexcept { return chunk_; }

private:
    chunk chunk_;
};

using recv_chunk_description = description_of<recv_chunk, detail::descriptor_use>;

/// The operation of `recv_stream::next`. Its result is empty at the end of the stream. The multishot receive
/// that delivers the chunks stays in the kernel after the operation has completed.
class [[nodiscard("co_await it")]] next_chunk final : public recv_chunk {
public:
    using recv_chunk::recv_chunk;

    outcome<std::optional<chunk>> await_outcome() noexcept;
    std::optional<chunk> await_resume();

    delivery wanted() const noexcept override { return delivery::entries; }
};

using next_chunk_description = description_of<next_chunk, detail::descriptor_use>;

static_assert(sizeof(next_chunk) <= 88);

}  // namespace op

/// Receives bytes from a stream socket as chunks, in buffers of the context's pool. This is the fastest way
/// to receive, and an idle connection holds no buffer.
///
///     auto incoming = peer.recv_stream();
///     while (auto chunk = co_await incoming.next())        // empty at the end of the stream
///         co_await coil::write(peer, *chunk);              // destroying the chunk returns its buffer
///
/// While the stream exists, coil receives bytes before the program asks for them, until
/// `io_context::options::ahead_max` bytes are unread. Then the peer has to wait (back-pressure). If the pool
/// is low and coil copies the unread bytes to the heap, the limit is 16 KiB. While the copies of all streams
/// together take `held_max` bytes, a stream stops receiving as soon as it has one unread byte.
///
/// Unread bytes belong to the socket. If the stream is destroyed, the next `recv` or the next stream returns
/// these bytes first.
///
/// Lifetime: may outlive the socket and the context; next() then fails.
class recv_stream : public op::ahead_stream {
public:
    explicit recv_stream(const detail::descriptor_use& from);

    /// Completes: with the bytes that have arrived, inline if coil already holds unread bytes; with nullopt
    ///            at the end of the stream.
    /// Errors:    connection_reset and others, as a transfer_error; bad_descriptor if the socket has been
    ///            closed.
    /// Cancel:    operation_aborted; no byte is lost.
    /// Cost:      one SQE for any number of chunks (multishot); no allocation while the reader keeps up.
    [[nodiscard("co_await it")]] op::next_chunk_description next() const noexcept { return {use()}; }
};

}  // namespace coil::COIL_ABI
