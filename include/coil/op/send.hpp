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

/// What to send.
struct send_request : descriptor_use {
    const_buffer buffer;
};

/// What the kinds of send have in common: while little is going on they are a system call of their own.
class sender : public operation {
protected:
    using operation::operation;

    /// For await_ready: whether that is cheaper now than a place in the ring. It is while a turn brings hardly more than one
    /// completion: there is nothing to share the turn's call with. Not of much on a stream.
    [[nodiscard]] bool may_send_directly(std::size_t size) noexcept;
    /// The end of what was sent so. False: it would have to wait, and goes through the ring.
    [[nodiscard]] bool finish_directly(std::int32_t result) noexcept;
    /// A sendmsg(2) so, and its end. False, as above.
    [[nodiscard]] bool sendmsg_directly(const msghdr& message, int flags) noexcept;
    /// A sendmsg(2) through the ring.
    void prepare_sendmsg(io_uring_sqe& sqe, const msghdr& message, int flags) noexcept;
    /// Whom it is for, if that isn't who the socket is connected to.
    [[nodiscard]] const sockaddr* receiver() const noexcept { return nullptr; }
    [[nodiscard]] socklen_t receiver_size() const noexcept { return 0; }

    /// Of one that goes through the ring.
    void count() noexcept;
    /// What became of the bytes, of which there were `size`.
    [[nodiscard]] outcome<std::size_t> outcome_of(std::size_t size) noexcept;
    /// A sendmsg(2) that does not wait: its result.
    [[nodiscard]] std::int32_t try_sendmsg(const msghdr& message, int flags) noexcept;
};

/// A send of the caller's buffers. On a stream it is repeated, with MSG_WAITALL, until all is sent: the kernel's own way of
/// doing that in a ring may lose a cancel, keeps one of its threads for a slow peer, and hides the error that ended it.
class whole_sender : public sender {
protected:
    using sender::sender;

    [[nodiscard]] bool is_whole(int flags) const noexcept {
        return (flags & MSG_WAITALL) && !(flags & MSG_DONTWAIT) && lane() == lane::write;
    }
    /// For next_step(): sends what is left after a step, if `skip(n)` says that anything is.
    template <class Skip>
    [[nodiscard]] bool send_rest(const Skip& skip) noexcept {
        const std::int32_t sent = answer().result;
        if (sent <= 0)
            return operation::next_step();
        if (is_asked_to_end() || !skip(static_cast<std::size_t>(sent)))
            return false;
        count_part(sent);
        submit_again();
        return true;
    }
    /// What became of the bytes, of which there were `size` to be sent by the last step.
    [[nodiscard]] outcome<std::size_t> outcome_of(std::size_t size) noexcept;
    /// The end of a direct send with MSG_WAITALL. False: there is a rest, which goes through the ring.
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

/// One send(2), carried out by the kernel (IORING_OP_SEND), or by a call of its own while little is going on. It never raises
/// SIGPIPE.
/// A stream has one writer at a time, and an empty buffer asks nothing; datagrams may overlap, each goes out whole, and an
/// empty one is a datagram.
class [[nodiscard("co_await it")]] send : public whole_sender {
public:
    send(const send_request& what, environment& task, coil::lane lane = lane::write) noexcept
        : whole_sender(what, task, lane), flags_(what.flags), buffer_(what.buffer) {
        takes_steps(is_whole(flags_));
    }

    bool await_ready() noexcept;
    outcome<std::size_t> await_outcome() noexcept;  // up: what its answer means
    std::size_t await_resume();

protected:
    void prepare(io_uring_sqe& sqe) noexcept override;  // down: what we ask of the kernel
    bool next_step() noexcept override;
    const char* name() const noexcept override { return "send"; }

private:
    [[nodiscard]] bool skip(std::size_t n) noexcept { return !(buffer_ += n).empty(); }

    int flags_;
    const_buffer buffer_;
};

/// On a stream.
struct [[nodiscard("co_await it")]] send_description : send_request {
    send operation_in(environment& task) const noexcept { return {*this, task}; }
};

/// A datagram on a connected socket.
struct [[nodiscard("co_await it")]] send_datagram_description : send_request {
    send operation_in(environment& task) const noexcept { return {*this, task, lane::any}; }
};

/// The lane of packets that one peer receives in order: a send that waits for room is ahead of those that begin later.
[[nodiscard]] inline coil::lane packet_lane(int flags) noexcept {
    return flags & MSG_DONTWAIT ? lane::any : lane::send_queue;
}

struct [[nodiscard("co_await it")]] send_packet_description : send_request {
    send operation_in(environment& task) const noexcept { return {*this, task, packet_lane(flags)}; }
};

static_assert(sizeof(send) <= 96 && sizeof(send_description) <= 40);

}  // namespace coil::COIL_ABI::op
