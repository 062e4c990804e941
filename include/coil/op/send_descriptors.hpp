// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#pragma once

#include <coil/version.hpp>

#include <cstddef>
#include <span>
#include <sys/socket.h>

#include <coil/base/buffer.hpp>
#include <coil/base/outcome.hpp>
#include <coil/loop/operation.hpp>
#include <coil/op/send.hpp>

namespace coil::COIL_ABI::op {

/// Bytes, and open descriptors to pass with them.
struct send_descriptors_request : send_request {
    std::span<const int> descriptors;
};

/// One sendmsg(2) that passes descriptors (SCM_RIGHTS, unix(7)). The kernel duplicates them when it starts
/// the operation; the sender's own stay open.
class [[nodiscard("co_await it")]] send_descriptors : public sender {
public:
    send_descriptors(const send_descriptors_request& what, environment& task, coil::lane lane) noexcept
        : sender(what, task, lane),
          flags_(what.flags),
          buffer_(what.buffer),
          descriptors_(what.descriptors) {}
    ~send_descriptors();

    bool await_ready();
    void await_suspend(std::coroutine_handle<> caller);
    outcome<std::size_t> await_outcome() noexcept;  // up: what the completion means
    std::size_t await_resume();

protected:
    void prepare(io_uring_sqe& sqe) noexcept override;  // down: what we submit
    const char* name() const noexcept override { return "send_descriptors"; }

private:
    [[nodiscard]] bool is_refused() const noexcept;
    void fill_message();
    [[nodiscard]] std::size_t control_size() const noexcept;

    int flags_;
    const_buffer buffer_;
    std::span<const int> descriptors_;
    void* control_ = nullptr;  // a recycled block
    msghdr message_;
};

template <coil::lane Lane>
struct [[nodiscard("co_await it")]] send_descriptors_description : send_descriptors_request {
    send_descriptors operation_in(environment& task) const noexcept {
        return {*this, task, Lane == lane::send_queue ? packet_lane(flags) : Lane};
    }
};

}  // namespace coil::COIL_ABI::op
