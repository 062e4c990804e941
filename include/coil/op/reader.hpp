// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#pragma once

#include <coil/version.hpp>

#include <cstdint>
#include <optional>
#include <sys/socket.h>

#include <coil/loop/operation.hpp>

namespace coil::COIL_ABI::op {

/// A request to receive into `buffers`.
template <class Buffers>
struct recv_request : detail::descriptor_use {
    Buffers buffers;
};

/// Base class for operations that receive. If the descriptor's source, such as the queue of a `recv_stream`,
/// holds unread data, a reader gets this data, inline if possible. Otherwise, the kernel receives into the
/// caller's buffers or into a pool buffer.
class [[nodiscard("co_await it")]] reader : public detail::operation {
public:
    /// How data is delivered to the reader.
    enum class delivery : std::uint8_t {
        own_buffer,  ///< in the caller's buffers
        entry,       ///< in one pool buffer, filled by a single receive
        entries,     ///< in one pool buffer, filled by a multishot receive that stays in the kernel
    };
    [[nodiscard]] virtual delivery wanted() const noexcept { return delivery::entries; }
    /// Takes the data that this reader wants from `source`, which must have unread data. Returns the
    /// reader's result.
    virtual std::int32_t take_from(detail::descriptor_source& source) noexcept = 0;
    /// Called with the result of a step, which is the number of received bytes or an error. Returns true if
    /// the reader needs more bytes and has begun its next step.
    [[nodiscard]] virtual bool try_continue(std::int32_t) noexcept { return false; }
    /// Returns false if the reader must fail with EAGAIN instead of waiting (MSG_DONTWAIT).
    [[nodiscard]] virtual bool may_wait() const noexcept { return true; }

protected:
    using detail::operation::operation;

    /// Called by await_ready(). Returns true if the reader has completed inline with data that coil had
    /// already received.
    [[nodiscard]] bool serve_inline() noexcept;
    // Readers with their own buffers override prepare(). A reader of pool buffers is never submitted to the
    // ring, because a `recv_queue` or `recvfrom_queue` submits the receive for it.
    void prepare(io_uring_sqe& sqe) noexcept override;
};

/// Base class for readers that receive into the caller's buffers, with the flags of recv(2).
///
/// The out-of-band data of a stream and the messages of the error queue are separate from the normal data. An
/// operation that receives them does not count as the descriptor's reader and uses `lane::any`.
class [[nodiscard("co_await it")]] buffer_reader : public reader {
public:
    delivery wanted() const noexcept final { return delivery::own_buffer; }
    bool may_wait() const noexcept final { return !(flags_ & MSG_DONTWAIT); }

protected:
    buffer_reader(const detail::descriptor_use& from, detail::environment& task,
                  coil::detail::lane lane) noexcept
        : reader(from, task, lane), flags_(from.flags) {}

    [[nodiscard]] static coil::detail::lane stream_lane(int flags) noexcept {
        return flags & (MSG_OOB | MSG_ERRQUEUE) ? detail::lane::any : detail::lane::read;
    }
    [[nodiscard]] static coil::detail::lane datagram_lane(int flags) noexcept {
        return flags & MSG_ERRQUEUE ? detail::lane::any : detail::lane::queue;
    }

    [[nodiscard]] std::optional<std::int32_t> before_submit() override;
    [[nodiscard]] int flags() const noexcept { return flags_; }
    /// Returns the flags to pass to the kernel. MSG_WAITALL is removed, because coil implements this flag
    /// itself. For a receive from the error queue, MSG_DONTWAIT is added, because recv(2) never waits for
    /// that queue, but io_uring would.
    [[nodiscard]] int kernel_flags() const noexcept {
        return (flags_ & ~MSG_WAITALL) | (flags_ & MSG_ERRQUEUE ? MSG_DONTWAIT : 0);
    }

private:
    const int flags_;
};

}  // namespace coil::COIL_ABI::op
