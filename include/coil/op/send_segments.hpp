// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#pragma once

#include <coil/version.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <sys/socket.h>

#include <coil/base/buffer.hpp>
#include <coil/base/endpoint.hpp>
#include <coil/op/send.hpp>

namespace coil::COIL_ABI {

/// Datagrams that are contiguous in memory. All of them have the same size, except that the last one may be
/// shorter.
///
///     co_await socket.sendto(segments(bytes, 1200), peer);
class segments {
public:
    constexpr segments(const_buffer bytes, std::size_t size) noexcept : bytes_(bytes), size_(size) {}

    [[nodiscard]] constexpr const_buffer bytes() const noexcept { return bytes_; }
    /// Returns the size of one datagram.
    [[nodiscard]] constexpr std::size_t size() const noexcept { return size_; }

    static constexpr std::size_t count_max = 64;
    static constexpr std::size_t bytes_max = 65507;

private:
    const_buffer bytes_;
    std::size_t size_;
};

namespace op {

struct send_segments_request : detail::descriptor_use {
    segments what;
    const ip::endpoint* to = nullptr;
};

/// One sendmsg(2) whose bytes the kernel splits into datagrams (UDP_SEGMENT, since Linux 4.18). If all bytes
/// fit into one datagram, a single datagram is sent, which may be empty.
class [[nodiscard("co_await it")]] send_segments final : public sender {
public:
    send_segments(const send_segments_request& what, detail::environment& task) noexcept;

    bool await_ready() noexcept;
    outcome<std::size_t> await_outcome() noexcept { return outcome_of(bytes_.size()); }
    std::size_t await_resume() { return value_of(await_outcome()); }

    destination receiver() const noexcept override { return {to_size_ > 0 ? &to_.any : nullptr, to_size_}; }

protected:
    std::optional<std::int32_t> before_submit() override { return refused(); }
    void prepare(io_uring_sqe& sqe) noexcept override;

private:
    /// Returns an error if the kernel would refuse the send, or if only some kernels would accept it.
    [[nodiscard]] std::optional<std::int32_t> refused() const noexcept;
    void fill_message() noexcept;

    socklen_t to_size_ = 0;
    const_buffer bytes_;
    std::size_t size_;
    ip::socket_address to_;
    msghdr message_;
    alignas(cmsghdr) std::array<std::byte, CMSG_SPACE(sizeof(std::uint16_t))> control_;
};

using send_segments_description = description_of<send_segments, send_segments_request>;

}  // namespace op
}  // namespace coil::COIL_ABI
