// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>

#include <coil/base/buffer.hpp>
#include <coil/base/outcome.hpp>
#include <coil/loop/operation.hpp>

namespace coil::op {

/// What to receive into.
struct recv_request : descriptor_use {
    mutable_buffer buffer;
};

/// One recv(2) on a stream, carried out by the kernel (IORING_OP_RECV).
/// For datagrams use `recv_datagram` or `recvfrom`, for several buffers `recvmsg`.
class [[nodiscard]] recv : public operation {
public:
    recv(const recv_request& what, environment& task) noexcept
        : operation(what, task, lane::read), flags_(what.flags), buffer_(what.buffer) {}

    bool await_ready() const noexcept { return buffer_.empty(); }  // nothing to ask
    outcome<std::size_t> await_outcome() noexcept;                 // up: what its answer means
    std::size_t await_resume();

protected:
    void prepare(io_uring_sqe& sqe) noexcept override;  // down: what we ask of the kernel
    const char* name() const noexcept override { return "recv"; }

private:
    int flags_;
    mutable_buffer buffer_;
};

struct [[nodiscard]] recv_description : recv_request {
    recv operation_in(environment& task) const noexcept { return {*this, task}; }
};

static_assert(sizeof(recv) <= 96 && sizeof(recv_description) <= 40);

/// What a connected datagram socket received.
struct received {
    std::size_t size = 0;    ///< bytes in the buffer
    bool truncated = false;  ///< the datagram was larger than the buffer, and the rest is lost
};

/// One recv(2) of a datagram. An empty buffer takes one, too. Several may wait: they are served in order.
class [[nodiscard]] recv_datagram : public operation {
public:
    recv_datagram(const recv_request& what, environment& task) noexcept
        : operation(what, task, lane::queue), flags_(what.flags), buffer_(what.buffer) {}

    outcome<received> await_outcome() noexcept;
    received await_resume();

protected:
    void prepare(io_uring_sqe& sqe) noexcept override;
    const char* name() const noexcept override { return "recv"; }

private:
    int flags_;
    mutable_buffer buffer_;
};

struct [[nodiscard]] recv_datagram_description : recv_request {
    recv_datagram operation_in(environment& task) const noexcept { return {*this, task}; }
};

static_assert(sizeof(recv_datagram) <= 96 && sizeof(recv_datagram_description) <= 40);

}  // namespace coil::op
