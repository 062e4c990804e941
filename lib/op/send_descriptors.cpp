// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#include <coil/op/send_descriptors.hpp>

#include <cerrno>
#include <cstring>

#include <coil/coro/frame_allocator.hpp>

#include "op/message.hpp"

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
bool send_descriptors::is_refused() const noexcept {
    return descriptors_.size() > descriptors_max || (lane() == lane::write && buffer_.empty());
}

bool send_descriptors::await_ready() {
    if (is_refused() || !may_send_directly(buffer_.size()))
        return false;
    fill_message();
    return sendmsg_directly(message_, flags_);
}

void send_descriptors::await_suspend(std::coroutine_handle<> caller) {
    if (!is_refused())
        fill_message();
    if (!begin(caller))
        return;
    if (is_refused())
        finish(-EINVAL);
    else
        submit();
}

void send_descriptors::fill_message() {
    message_ = message_of(&buffer_, 1);
    if (descriptors_.empty())
        return;
    if (!control_)
        control_ = frame_allocate(control_size());
    std::memset(control_, 0, control_size());
    const cmsghdr head{CMSG_LEN(descriptors_.size_bytes()), SOL_SOCKET, SCM_RIGHTS};
    std::memcpy(control_, &head, sizeof head);
    std::memcpy(static_cast<std::byte*>(control_) + CMSG_LEN(0), descriptors_.data(),
                descriptors_.size_bytes());
    message_.msg_control = control_;
    message_.msg_controllen = control_size();
}

void send_descriptors::prepare(io_uring_sqe& sqe) noexcept { prepare_sendmsg(sqe, message_, flags_); }

outcome<std::size_t> send_descriptors::await_outcome() noexcept { return outcome_of(buffer_.size()); }

std::size_t send_descriptors::await_resume() {
    const auto outcome = await_outcome();
    if (!outcome)
        fail(outcome.error(), lane() == lane::write);
    return *outcome;
}

}  // namespace coil::COIL_ABI::op
