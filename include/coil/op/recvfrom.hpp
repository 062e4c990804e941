// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#pragma once

#include <coil/version.hpp>

#include <cstddef>
#include <sys/socket.h>

#include <coil/base/buffer.hpp>
#include <coil/base/endpoint.hpp>
#include <coil/base/outcome.hpp>
#include <coil/loop/operation.hpp>
#include <coil/op/recv.hpp>

namespace coil::COIL_ABI::op {

/// What a datagram socket received, and from whom.
struct received_from {
    std::size_t size = 0;    ///< bytes in the buffer, or in all the buffers
    bool truncated = false;  ///< the datagram was larger, and the rest is lost
    ip::endpoint from;
};

/// One recvfrom(2) (IORING_OP_RECVMSG). An empty buffer takes a datagram, too. Several may wait: they are served in order.
class [[nodiscard]] recvfrom : public datagram_reader {
public:
    recvfrom(const recv_request& what, environment& task) noexcept
        : datagram_reader(what, task), flags_(what.flags), buffer_(what.buffer) {}

    outcome<received_from> await_outcome() noexcept;  // up: what its answer means
    received_from await_resume();

protected:
    void prepare(io_uring_sqe& sqe) noexcept override;  // down: what we ask of the kernel
    std::int32_t take_from(recvfrom_queue& queue) noexcept override;
    const char* name() const noexcept override { return "recvfrom"; }

private:
    int flags_;
    bool cut_before_ = false;  // one that was received ahead, and cut then
    mutable_buffer buffer_;
    ip::socket_address from_;
    msghdr message_;
};

struct [[nodiscard]] recvfrom_description : recv_request {
    recvfrom operation_in(environment& task) const noexcept { return {*this, task}; }
};

static_assert(sizeof(recvfrom) <= 184 && sizeof(recvfrom_description) <= 40);

}  // namespace coil::COIL_ABI::op
