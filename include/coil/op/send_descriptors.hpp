// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#pragma once

#include <coil/version.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <sys/socket.h>

#include <coil/base/buffer.hpp>
#include <coil/op/send.hpp>

namespace coil::COIL_ABI::op {

/// The bytes to send, and the open descriptors to pass with them.
struct send_descriptors_request : send_request<const_buffer> {
    std::span<const int> descriptors;
};

/// One sendmsg(2) that passes descriptors (SCM_RIGHTS, unix(7)). The kernel duplicates the descriptors when
/// the operation starts, and the sender's descriptors stay open.
class [[nodiscard("co_await it")]] send_descriptors : public sender {
public:
    send_descriptors(const send_descriptors_request& what, detail::environment& task) noexcept
        : sender(what, task, what.lane), buffer_(what.buffers), descriptors_(what.descriptors) {}
    ~send_descriptors() override;

    /// Allocates memory for the control data, and tries a direct system call if that is cheaper than the
    /// ring. Throws std::bad_alloc if there is no memory.
    bool await_ready();
    outcome<std::size_t> await_outcome() noexcept { return outcome_of(buffer_.size()); }
    std::size_t await_resume() { return value_of(await_outcome()); }

protected:
    std::optional<std::int32_t> before_submit() override { return refused(); }
    void prepare(io_uring_sqe& sqe) noexcept override;
    const char* name() const noexcept override { return "send_descriptors"; }

private:
    [[nodiscard]] std::optional<std::int32_t> refused() const noexcept;
    void fill_message() noexcept;
    [[nodiscard]] std::size_t control_size() const noexcept;

    const_buffer buffer_;
    std::span<const int> descriptors_;
    void* control_ = nullptr;  // a block from the frame allocator
    msghdr message_;
};

using send_descriptors_description = description_of<send_descriptors, send_descriptors_request>;

}  // namespace coil::COIL_ABI::op
