// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#include <coil/op/sendto.hpp>

#include <liburing.h>
#include <sys/socket.h>

#include "op/clamp.hpp"

namespace coil::op {

void sendto::prepare(io_uring_sqe& sqe) noexcept {
    io_uring_prep_send(&sqe, target().number(), buffer_.data(), clamp_size(buffer_.size()),
                       flags_ | MSG_NOSIGNAL);
    sqe.addr2 = reinterpret_cast<std::uintptr_t>(&to_.any);
    sqe.addr_len = static_cast<__u16>(size_);
}

outcome<std::size_t> sendto::await_outcome() noexcept {
    if (const auto error = failure())
        return error;
    return static_cast<std::size_t>(answer().result);
}

std::size_t sendto::await_resume() {
    const auto outcome = await_outcome();
    if (!outcome)
        fail(outcome.error());
    return *outcome;
}

std::string sendto::describe() const {
    return "sendto " + ip::endpoint::from_sockaddr(to_, size_).to_string();
}

}  // namespace coil::op
