// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#pragma once

#include <coil/version.hpp>

#include <cstdint>
#include <optional>
#include <sys/socket.h>

#include <coil/loop/operation.hpp>

namespace coil::COIL_ABI::op {

/// The buffers of a receive.
template <class Buffers>
struct recv_request : descriptor_use {
    Buffers buffers;
};

/// An operation that receives. Data that was received ahead is served first, inline if possible; otherwise the
/// kernel receives, into the caller's buffer or into one of the pool.
class [[nodiscard("co_await it")]] reader : public operation {
public:
    /// How the reader wants its data.
    enum class delivery : std::uint8_t {
        own_buffer,  ///< in the caller's buffers
        entry,       ///< in one pool buffer
        entries,     ///< in one pool buffer, with more to follow: a multishot receive
    };
    [[nodiscard]] virtual delivery wanted() const noexcept { return delivery::entries; }
    /// Takes the unread data that it wants from the record's source, which has some. Returns the result.
    virtual std::int32_t take_from(descriptor_source& source) noexcept = 0;
    /// Called when a step has moved this many bytes. Returns true if the reader needs more, and has begun its
    /// next step.
    [[nodiscard]] virtual bool try_continue(std::int32_t) noexcept { return false; }
    /// Returns false if the reader fails with EAGAIN instead of waiting (MSG_DONTWAIT).
    [[nodiscard]] virtual bool may_wait() const noexcept { return true; }

protected:
    using operation::operation;

    /// For await_ready: completes inline with data that was received ahead.
    [[nodiscard]] bool serve_inline() noexcept;
    // A reader of pool buffers never goes to the ring: the source receives for it.
    void prepare(io_uring_sqe& sqe) noexcept override;
};

/// A reader into the caller's buffers, with the flags of recv(2).
///
/// Out-of-band data and the error queue bypass the stream: an operation on them is not a reader, and uses
/// `lane::any`.
class [[nodiscard("co_await it")]] buffer_reader : public reader {
public:
    delivery wanted() const noexcept final { return delivery::own_buffer; }
    bool may_wait() const noexcept final { return !(flags_ & MSG_DONTWAIT); }

protected:
    buffer_reader(const descriptor_use& from, environment& task, coil::lane lane) noexcept
        : reader(from, task, lane), flags_(from.flags) {}

    [[nodiscard]] static coil::lane stream_lane(int flags) noexcept {
        return flags & (MSG_OOB | MSG_ERRQUEUE) ? lane::any : lane::read;
    }
    [[nodiscard]] static coil::lane datagram_lane(int flags) noexcept {
        return flags & MSG_ERRQUEUE ? lane::any : lane::queue;
    }

    [[nodiscard]] std::optional<std::int32_t> before_submit() override;
    [[nodiscard]] int flags() const noexcept { return flags_; }
    /// The flags for the kernel: coil itself implements MSG_WAITALL, and a receive from the error queue never
    /// waits, as with recv(2).
    [[nodiscard]] int kernel_flags() const noexcept {
        return (flags_ & ~MSG_WAITALL) | (flags_ & MSG_ERRQUEUE ? MSG_DONTWAIT : 0);
    }

private:
    const int flags_;
};

}  // namespace coil::COIL_ABI::op
