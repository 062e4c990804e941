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
};

/// One send(2), carried out by the kernel (IORING_OP_SEND), or by a call of its own while little is going on. It never raises
/// SIGPIPE.
/// A stream has one writer at a time, and an empty buffer asks nothing; datagrams may overlap, each goes out whole, and an
/// empty one is a datagram.
class [[nodiscard("co_await it")]] send : public sender {
public:
    send(const send_request& what, environment& task, coil::lane lane = lane::write) noexcept
        : sender(what, task, lane), flags_(what.flags), buffer_(what.buffer) {}

    bool await_ready() noexcept;
    outcome<std::size_t> await_outcome() noexcept;  // up: what its answer means
    std::size_t await_resume();

protected:
    void prepare(io_uring_sqe& sqe) noexcept override;  // down: what we ask of the kernel
    const char* name() const noexcept override { return "send"; }

private:
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
