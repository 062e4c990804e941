// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#include <coil/op/send_descriptors.hpp>

#include <cerrno>
#include <cstring>

#include <coil/coro/frame_allocator.hpp>

namespace coil::COIL_ABI::op {
namespace {

// The kernel's SCM_MAX_FD.
constexpr std::size_t descriptors_max = 253;

}  // namespace

send_descriptors::~send_descriptors() {
    retire();
    if (control_)
        frame_deallocate(control_, control_size());
}

std::size_t send_descriptors::control_size() const noexcept { return CMSG_SPACE(descriptors_.size_bytes()); }

// Without a byte, on a stream, the kernel would send nothing and report success.
std::optional<std::int32_t> send_descriptors::refused() const noexcept {
    if (descriptors_.size() > descriptors_max || (lane() == lane::write && buffer_.empty()))
        return -EINVAL;
    return std::nullopt;
}

bool send_descriptors::await_ready() {
    if (!descriptors_.empty() && !refused())
        control_ = frame_allocate(control_size());
    return send_directly();
}

void send_descriptors::add_control(msghdr& header) noexcept {
    if (!control_)
        return;
    std::memset(control_, 0, control_size());
    const cmsghdr head{CMSG_LEN(descriptors_.size_bytes()), SOL_SOCKET, SCM_RIGHTS};
    std::memcpy(control_, &head, sizeof head);
    std::memcpy(static_cast<std::byte*>(control_) + CMSG_LEN(0), descriptors_.data(),
                descriptors_.size_bytes());
    header.msg_control = control_;
    header.msg_controllen = control_size();
}

}  // namespace coil::COIL_ABI::op
