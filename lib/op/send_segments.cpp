// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#include <coil/op/send_segments.hpp>

#include <cerrno>
#include <cstring>
#include <netinet/in.h>
#include <netinet/udp.h>

namespace coil::COIL_ABI::op {

send_segments::send_segments(const send_segments_request& what, detail::environment& task) noexcept
    : sender(what, task, detail::lane::any), bytes_(what.what.bytes()), size_(what.what.size()) {
    if (what.to)
        to_size_ = what.to->to_sockaddr(to_);
}

// Applies the same limits on every kernel, although some kernels would accept larger sends.
std::optional<std::int32_t> send_segments::refused() const noexcept {
    if (size_ == 0)
        return -EINVAL;
    const std::size_t whole = bytes_.size() / size_;
    const std::size_t count = whole + (bytes_.size() % size_ > 0);
    if (bytes_.size() > segments::bytes_max || count > segments::count_max)
        return refused_size;
    return std::nullopt;
}

void send_segments::fill_message() noexcept {
    fill(message_, {&bytes_, 1}, receiver());
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

bool send_segments::await_ready() noexcept {
    if (refused() || !may_send_directly(bytes_.size()))
        return false;
    fill_message();
    return completes_inline(sendmsg_now(message_));
}

void send_segments::prepare(io_uring_sqe& sqe) noexcept {
    fill_message();
    prepare_sendmsg(sqe, message_);
}

}  // namespace coil::COIL_ABI::op
