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

/// Bytes, and open descriptors to pass with them.
struct send_descriptors_request : send_request<const_buffer> {
    std::span<const int> descriptors;
};

/// One sendmsg(2) that passes descriptors (SCM_RIGHTS, unix(7)). The kernel duplicates them when it starts
/// the operation; the sender's own stay open.
class [[nodiscard("co_await it")]] send_descriptors : public sender {
public:
    send_descriptors(const send_descriptors_request& what, environment& task) noexcept
        : sender(what, task, what.lane), buffer_(what.buffers), descriptors_(what.descriptors) {}
    ~send_descriptors();

    /// Throws std::bad_alloc if there is no memory for the control data.
    bool await_ready();

protected:
    const_buffers next() const noexcept override { return {&buffer_, 1}; }
    std::optional<std::int32_t> refused() const noexcept override;
    msghdr* message() noexcept override { return &message_; }
    void add_control(msghdr& header) noexcept override;
    const char* name() const noexcept override { return "send_descriptors"; }

private:
    [[nodiscard]] std::size_t control_size() const noexcept;

    const_buffer buffer_;
    std::span<const int> descriptors_;
    void* control_ = nullptr;  // a recycled block
    msghdr message_;
};

using send_descriptors_description = description_of<send_descriptors, send_descriptors_request>;

}  // namespace coil::COIL_ABI::op
