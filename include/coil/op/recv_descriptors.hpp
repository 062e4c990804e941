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
#include <coil/base/outcome.hpp>
#include <coil/base/unique_descriptor.hpp>
#include <coil/op/description.hpp>
#include <coil/op/reader.hpp>

namespace coil::COIL_ABI::op {

/// The buffer for the bytes, and the array in which the accompanying descriptors are stored.
struct recv_descriptors_request : recv_request<mutable_buffer> {
    coil::detail::lane lane = detail::lane::read;
    std::span<unique_descriptor> descriptors;
};

/// The result of recv_descriptors.
struct received_descriptors {
    std::size_t size = 0;         ///< bytes stored in the buffer
    bool truncated = false;       ///< the datagram was larger; the remainder is lost
    std::size_t descriptors = 0;  ///< number of descriptors stored, from the start of the array
    bool dropped = false;         ///< more descriptors arrived than fit; the excess ones are closed
};

/// One recvmsg(2) that receives bytes and descriptors (SCM_RIGHTS, unix(7)). Received descriptors have
/// close-on-exec set.
class [[nodiscard("co_await it")]] recv_descriptors final : public buffer_reader {
public:
    recv_descriptors(const recv_descriptors_request& what, detail::environment& task) noexcept
        : buffer_reader(what, task, what.lane), buffer_(what.buffers), descriptors_(what.descriptors) {}
    ~recv_descriptors() override;

    bool await_ready() noexcept { return serve_inline(); }
    outcome<received_descriptors> await_outcome() noexcept;  // interprets the completion
    received_descriptors await_resume();

    std::int32_t take_from(detail::descriptor_source& source) noexcept override;

protected:
    std::optional<std::int32_t> before_submit() override;
    void prepare(io_uring_sqe& sqe) noexcept override;  // fills in the SQE
    const char* name() const noexcept override { return "recv_descriptors"; }

private:
    void take_descriptors(received_descriptors& into) noexcept;
    [[nodiscard]] std::size_t control_size() const noexcept;

    bool from_kernel_ = false;  // message_ was passed to the kernel
    mutable_buffer buffer_;
    std::span<unique_descriptor> descriptors_;
    void* control_ = nullptr;  // a block from the frame allocator
    msghdr message_;
};

using recv_descriptors_description = description_of<recv_descriptors, recv_descriptors_request>;

}  // namespace coil::COIL_ABI::op
