// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#pragma once

#include <coil/version.hpp>

#include <cstddef>
#include <span>
#include <sys/socket.h>

#include <coil/base/buffer.hpp>
#include <coil/base/outcome.hpp>
#include <coil/base/unique_descriptor.hpp>
#include <coil/loop/operation.hpp>
#include <coil/op/recv.hpp>

namespace coil::COIL_ABI::op {

/// The buffer for the bytes, and the places for the descriptors that come with them.
struct recv_descriptors_request : recv_request {
    std::span<unique_descriptor> descriptors;
};

/// The result of recv_descriptors.
struct received_descriptors {
    std::size_t size = 0;         ///< bytes in the buffer
    bool truncated = false;       ///< the datagram was larger; the rest is lost
    std::size_t descriptors = 0;  ///< how many places were filled, from the first on
    bool dropped = false;         ///< more descriptors came than there are places; the others are closed
};

/// One recvmsg(2) that receives descriptors (SCM_RIGHTS, unix(7)). They arrive with close-on-exec set.
class [[nodiscard("co_await it")]] recv_descriptors final : public queue_reader {
public:
    recv_descriptors(const recv_descriptors_request& what, environment& task, coil::lane lane) noexcept
        : queue_reader(what, task, lane),
          flags_(what.flags),
          buffer_(what.buffer),
          descriptors_(what.descriptors) {}
    ~recv_descriptors();

    bool await_ready() noexcept { return source() && serve_inline(); }
    void await_suspend(std::coroutine_handle<> caller);
    outcome<received_descriptors> await_outcome() noexcept;  // up: what the completion means
    received_descriptors await_resume();

protected:
    void prepare(io_uring_sqe& sqe) noexcept override;  // down: what we submit
    std::int32_t take_from(recv_queue& queue) noexcept override;
    const char* name() const noexcept override { return "recv_descriptors"; }

private:
    void take_descriptors(received_descriptors& into) noexcept;
    [[nodiscard]] std::size_t control_size() const noexcept;

    int flags_;
    bool from_kernel_ = false;  // the kernel has written message_
    mutable_buffer buffer_;
    std::span<unique_descriptor> descriptors_;
    void* control_ = nullptr;  // a recycled block
    msghdr message_;
};

template <coil::lane Lane>
struct [[nodiscard("co_await it")]] recv_descriptors_description : recv_descriptors_request {
    recv_descriptors operation_in(environment& task) const noexcept { return {*this, task, Lane}; }
};

}  // namespace coil::COIL_ABI::op
