// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#pragma once

#include <coil/version.hpp>

#include <cstddef>
#include <cstdint>
#include <sys/socket.h>

#include <coil/base/buffer.hpp>
#include <coil/base/outcome.hpp>
#include <coil/loop/operation.hpp>

namespace coil::COIL_ABI::op {

/// The buffer to send.
struct send_request : descriptor_use {
    const_buffer buffer;
};

/// Common part of all sends: the fast path, which is a direct system call while the loop is quiet.
class sender : public operation {
protected:
    using operation::operation;

    /// For await_ready: true if a direct send(2) beats a ring slot. That is so with few completions per
    /// iteration and, on a stream, for at most 16 KiB.
    [[nodiscard]] bool may_send_directly(std::size_t size) noexcept;
    /// Completes a direct send inline. Returns false if it would block: the operation then goes through the
    /// ring.
    [[nodiscard]] bool finish_directly(std::int32_t result) noexcept;
    /// Calls sendmsg(2) directly and completes inline. Returns false if it would block.
    [[nodiscard]] bool sendmsg_directly(const msghdr& message, int flags) noexcept;
    /// A sendmsg(2) through the ring.
    void prepare_sendmsg(io_uring_sqe& sqe, const msghdr& message, int flags) noexcept;
    /// The destination, if it isn't the connected peer.
    [[nodiscard]] const sockaddr* receiver() const noexcept { return nullptr; }
    [[nodiscard]] socklen_t receiver_size() const noexcept { return 0; }

    /// Counts a send that goes through the ring.
    void count() noexcept;
    /// The outcome of a send of `size` bytes.
    [[nodiscard]] outcome<std::size_t> outcome_of(std::size_t size) noexcept;
    /// Calls sendmsg(2) without blocking, and returns its result.
    [[nodiscard]] std::int32_t try_sendmsg(const msghdr& message, int flags) noexcept;
};

/// A send of the caller's buffers. On a stream with MSG_WAITALL it is repeated here until everything is sent.
/// The kernel's own repetition in a ring may lose a cancel, occupies a kernel worker for a slow peer, and
/// hides the error that ended it.
class whole_sender : public sender {
protected:
    using sender::sender;

    [[nodiscard]] bool is_whole(int flags) const noexcept {
        return (flags & MSG_WAITALL) && !(flags & MSG_DONTWAIT) && lane() == lane::write;
    }
    /// For next_step(): drops what a step has sent, with `skip(n)`, and submits the rest, if there is any.
    template <class Skip>
    [[nodiscard]] bool send_rest(const Skip& skip) noexcept {
        const std::int32_t sent = answer().result;
        if (sent <= 0)
            return operation::next_step();
        if (should_stop() || !skip(static_cast<std::size_t>(sent)))
            return false;
        count_part(sent);
        submit_again();
        return true;
    }
    /// The outcome of all steps. `size` is the number of bytes that the last step had to send.
    [[nodiscard]] outcome<std::size_t> outcome_of(std::size_t size) noexcept;
    /// Completes a direct send with MSG_WAITALL inline. Returns false if a rest has to go through the ring.
    template <class Skip>
    [[nodiscard]] bool finish_whole_directly(std::int32_t result, const Skip& skip) noexcept {
        if (result <= 0 || !skip(static_cast<std::size_t>(result)))
            return finish_directly(result);
        count_direct();
        count_part(result);
        return false;
    }

private:
    void count_direct() noexcept;
    void count_part(std::int32_t sent) noexcept;

    std::size_t moved_ = 0;  // by earlier steps
};

/// One send(2): through the ring (IORING_OP_SEND) or, while the loop is quiet, as a direct system call. It
/// never raises SIGPIPE. A stream has one writer at a time, and an empty buffer completes inline. Datagrams
/// may overlap; each is sent whole, and an empty buffer is an empty datagram.
class [[nodiscard("co_await it")]] send : public whole_sender {
public:
    send(const send_request& what, environment& task, coil::lane lane = lane::write) noexcept
        : whole_sender(what, task, lane), flags_(what.flags), buffer_(what.buffer) {
        takes_steps(is_whole(flags_));
    }

    bool await_ready() noexcept;
    outcome<std::size_t> await_outcome() noexcept;  // up: what the completion means
    std::size_t await_resume();

protected:
    void prepare(io_uring_sqe& sqe) noexcept override;  // down: what we submit
    bool next_step() noexcept override;
    const char* name() const noexcept override { return "send"; }

private:
    [[nodiscard]] bool skip(std::size_t n) noexcept { return !(buffer_ += n).empty(); }

    int flags_;
    const_buffer buffer_;
};

/// A send on a stream.
struct [[nodiscard("co_await it")]] send_description : send_request {
    send operation_in(environment& task) const noexcept { return {*this, task}; }
};

/// A send of a datagram on a connected socket.
struct [[nodiscard("co_await it")]] send_datagram_description : send_request {
    send operation_in(environment& task) const noexcept { return {*this, task, lane::any}; }
};

/// The lane of packets that one peer receives in order. FIFO: later sends queue behind one that waits for
/// room.
[[nodiscard]] inline coil::lane packet_lane(int flags) noexcept {
    return flags & MSG_DONTWAIT ? lane::any : lane::send_queue;
}

struct [[nodiscard("co_await it")]] send_packet_description : send_request {
    send operation_in(environment& task) const noexcept { return {*this, task, packet_lane(flags)}; }
};

static_assert(sizeof(send) <= 96 && sizeof(send_description) <= 40);

}  // namespace coil::COIL_ABI::op
