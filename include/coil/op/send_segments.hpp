// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#pragma once

#include <coil/version.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <sys/socket.h>

#include <coil/base/buffer.hpp>
#include <coil/base/endpoint.hpp>
#include <coil/base/outcome.hpp>
#include <coil/loop/operation.hpp>
#include <coil/op/send.hpp>

namespace coil::COIL_ABI {

/// Datagrams that are contiguous in memory, all of the same size except the last one, which may be shorter.
///
///     co_await socket.sendto(segments(bytes, 1200), peer);
class segments {
public:
    constexpr segments(const_buffer bytes, std::size_t size) noexcept : bytes_(bytes), size_(size) {}

    [[nodiscard]] constexpr const_buffer bytes() const noexcept { return bytes_; }
    /// The size of one datagram.
    [[nodiscard]] constexpr std::size_t size() const noexcept { return size_; }

    static constexpr std::size_t count_max = 64;
    static constexpr std::size_t bytes_max = 65507;

private:
    const_buffer bytes_;
    std::size_t size_;
};

namespace op {

/// One sendmsg(2) that the kernel splits into datagrams (UDP_SEGMENT, since 4.18). If all bytes fit into one
/// datagram, it sends a single datagram, which may be empty.
class [[nodiscard("co_await it")]] send_segments : public sender {
public:
    send_segments(const descriptor_use& from, const segments& what, const ip::endpoint* to,
                  environment& task) noexcept;

    bool await_ready() noexcept;
    void await_suspend(std::coroutine_handle<> caller);
    outcome<std::size_t> await_outcome() noexcept;
    std::size_t await_resume();

    std::string describe() const override;

protected:
    void prepare(io_uring_sqe& sqe) noexcept override;
    const char* name() const noexcept override { return to_size_ > 0 ? "sendto" : "send"; }

private:
    [[nodiscard]] std::int32_t refusal() const noexcept;
    void fill_message() noexcept;

    int flags_;
    socklen_t to_size_ = 0;
    const_buffer bytes_;
    std::size_t size_;
    ip::socket_address to_;
    msghdr message_;
    alignas(cmsghdr) std::array<std::byte, CMSG_SPACE(sizeof(std::uint16_t))> control_;
};

struct [[nodiscard("co_await it")]] send_segments_description : descriptor_use {
    segments what;
    const ip::endpoint* to = nullptr;

    send_segments operation_in(environment& task) const noexcept { return {*this, what, to, task}; }
};

}  // namespace op
}  // namespace coil::COIL_ABI
