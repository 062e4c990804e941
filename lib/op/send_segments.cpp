// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#include <coil/op/send_segments.hpp>

#include <cerrno>
#include <cstring>
#include <netinet/in.h>
#include <netinet/udp.h>

#include "op/message.hpp"

namespace coil::COIL_ABI::op {

send_segments::send_segments(const descriptor_use& from, const segments& what, const ip::endpoint* to,
                             environment& task) noexcept
    : sender(from, task, lane::any), flags_(from.flags), bytes_(what.bytes()), size_(what.size()) {
    if (to)
        to_size_ = to->to_sockaddr(to_);
}

// The error of a send that the kernel would refuse, or that only some kernels accept; 0 if it can be
// submitted.
std::int32_t send_segments::refusal() const noexcept {
    if (size_ == 0)
        return -EINVAL;
    const std::size_t whole = bytes_.size() / size_;
    const std::size_t count = whole + (bytes_.size() % size_ > 0);
    return bytes_.size() > segments::bytes_max || count > segments::count_max ? refused_size : 0;
}

bool send_segments::await_ready() noexcept {
    if (refusal() != 0 || !may_send_directly(bytes_.size()))
        return false;
    fill_message();
    return sendmsg_directly(message_, flags_);
}

void send_segments::await_suspend(std::coroutine_handle<> caller) {
    if (!begin(caller))
        return;
    if (const std::int32_t refused = refusal(); refused != 0)
        finish(refused);
    else
        submit();
}

void send_segments::fill_message() noexcept {
    message_ = message_of(&bytes_, 1);
    if (to_size_ > 0) {
        message_.msg_name = &to_.any;
        message_.msg_namelen = to_size_;
    }
    if (bytes_.size() <= size_)
        return;
    const cmsghdr head{CMSG_LEN(sizeof(std::uint16_t)), IPPROTO_UDP, UDP_SEGMENT};
    const auto size = static_cast<std::uint16_t>(size_);
    control_ = {};
    std::memcpy(control_.data(), &head, sizeof head);
    std::memcpy(control_.data() + CMSG_LEN(0), &size, sizeof size);
    message_.msg_control = control_.data();
    message_.msg_controllen = control_.size();
}

void send_segments::prepare(io_uring_sqe& sqe) noexcept {
    fill_message();
    prepare_sendmsg(sqe, message_, flags_);
}

outcome<std::size_t> send_segments::await_outcome() noexcept { return outcome_of(bytes_.size()); }

std::size_t send_segments::await_resume() {
    const auto outcome = await_outcome();
    if (!outcome)
        fail(outcome.error());
    return *outcome;
}

std::string send_segments::describe() const {
    if (to_size_ == 0)
        return sender::describe();
    return "sendto " + ip::endpoint::from_sockaddr(to_, to_size_).to_string();
}

}  // namespace coil::COIL_ABI::op
