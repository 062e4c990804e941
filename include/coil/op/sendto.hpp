// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#pragma once

#include <coil/version.hpp>

#include <cstddef>

#include <coil/base/buffer.hpp>
#include <coil/base/endpoint.hpp>
#include <coil/base/outcome.hpp>
#include <coil/loop/operation.hpp>
#include <coil/op/send.hpp>

namespace coil::COIL_ABI::op {

/// What to send, and where to. The endpoint is read when the operation starts.
struct sendto_request : send_request {
    const ip::endpoint* to = nullptr;
};

/// One sendto(2) of a datagram (IORING_OP_SEND with an address, since 6.1). It goes out whole, and several may overlap.
class [[nodiscard]] sendto : public sender {
public:
    sendto(const sendto_request& what, environment& task) noexcept
        : sender(what, task, lane::any),
          flags_(what.flags),
          buffer_(what.buffer),
          size_(what.to->to_sockaddr(to_)) {}

    bool await_ready() noexcept;
    outcome<std::size_t> await_outcome() noexcept;  // up: what its answer means
    std::size_t await_resume();

    std::string describe() const override;

protected:
    void prepare(io_uring_sqe& sqe) noexcept override;  // down: what we ask of the kernel
    const char* name() const noexcept override { return "sendto"; }

private:
    int flags_;
    const_buffer buffer_;
    ip::socket_address to_;
    socklen_t size_;
};

struct [[nodiscard]] sendto_description : sendto_request {
    sendto operation_in(environment& task) const noexcept { return {*this, task}; }
};

static_assert(sizeof(sendto) <= 128 && sizeof(sendto_description) <= 40);

}  // namespace coil::COIL_ABI::op
