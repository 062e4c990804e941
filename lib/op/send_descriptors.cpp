// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#include <coil/op/send_descriptors.hpp>

#include <cerrno>
#include <cstring>

#include <coil/coro/frame_allocator.hpp>

namespace coil::COIL_ABI::op {
namespace {

// The value of the kernel's SCM_MAX_FD.
constexpr std::size_t descriptors_max = 253;

}  // namespace

send_descriptors::~send_descriptors() {
    retire();
    if (control_)
        detail::frame_deallocate(control_, control_size());
}

std::size_t send_descriptors::control_size() const noexcept { return CMSG_SPACE(descriptors_.size_bytes()); }

// Refuses more descriptors than the kernel accepts. Also refuses an empty buffer on a stream: if the buffer
// is empty, the kernel reports success without sending the descriptors.
std::optional<std::int32_t> send_descriptors::refused() const noexcept {
    if (descriptors_.size() > descriptors_max || (lane() == detail::lane::write && buffer_.empty()))
        return -EINVAL;
    return std::nullopt;
}

bool send_descriptors::await_ready() {
    if (refused())
        return false;
    if (!descriptors_.empty())
        control_ = detail::frame_allocate(control_size());
    if (!may_send_directly(buffer_.size()))
        return false;
    fill_message();
    return completes_inline(sendmsg_now(message_));
}

void send_descriptors::fill_message() noexcept {
    fill(message_, {&buffer_, 1}, {});
    if (!control_)
        return;
    std::memset(control_, 0, control_size());
    const cmsghdr head{CMSG_LEN(descriptors_.size_bytes()), SOL_SOCKET, SCM_RIGHTS};
    std::memcpy(control_, &head, sizeof head);
    std::memcpy(static_cast<std::byte*>(control_) + CMSG_LEN(0), descriptors_.data(),
                descriptors_.size_bytes());
    message_.msg_control = control_;
    message_.msg_controllen = control_size();
}

void send_descriptors::prepare(io_uring_sqe& sqe) noexcept {
    fill_message();
    prepare_sendmsg(sqe, message_);
}

}  // namespace coil::COIL_ABI::op
