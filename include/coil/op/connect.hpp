// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#pragma once

#include <coil/version.hpp>

#include <cstdint>

#include <coil/base/endpoint.hpp>
#include <coil/base/outcome.hpp>
#include <coil/loop/operation.hpp>

namespace coil::COIL_ABI::op {

/// Whom to connect to, and with what sort of socket if none is open.
struct connect_request {
    descriptor* record = nullptr;
    std::uint32_t generation = 0;
    std::uint8_t type = 0;  // SOCK_STREAM, SOCK_DGRAM
    std::uint8_t protocol = 0;
    ip::endpoint to;

    environment& foreign_environment() const {
        return descriptor_use{record, generation}.foreign_environment();
    }
};

/// One connect(2), carried out by the kernel (IORING_OP_CONNECT). Opens the socket if it is closed.
/// A stream socket whose connect failed or was cancelled is closed: the kernel may go on connecting it behind our back.
/// The next connect opens a new one.
class [[nodiscard]] connect final : public operation {
public:
    connect(const connect_request& what, environment& task) noexcept;
    ~connect() { settle(); }

    void await_suspend(std::coroutine_handle<> caller);
    outcome<void> await_outcome() noexcept;  // up: what its answer means
    void await_resume();

    std::string describe() const override;

protected:
    void prepare(io_uring_sqe& sqe) noexcept override;  // down: what we ask of the kernel
    const char* name() const noexcept override { return "connect"; }

private:
    void settle() noexcept;

    std::uint8_t type_;
    std::uint8_t protocol_;
    bool settled_ = false;
    ip::socket_address to_;
    socklen_t size_;
};

struct [[nodiscard]] connect_description : connect_request {
    connect operation_in(environment& task) const noexcept { return {*this, task}; }
};

// Coroutines that are not tasks look for it in the namespace of what they await.
using coil::operator co_await;

static_assert(sizeof(connect) <= 128 && sizeof(connect_description) <= 40);

}  // namespace coil::COIL_ABI::op
