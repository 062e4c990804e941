// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#include <coil/op/sendto.hpp>

#include <liburing.h>
#include <sys/socket.h>

#include <coil/loop/io_context.hpp>

#include "base/address_text.hpp"
#include "op/clamp.hpp"
#include "ring/kernel.hpp"

namespace coil::COIL_ABI::op {

bool sendto::await_ready() noexcept {
    return may_send_directly(buffer_.size()) &&
           finish_directly(target().context().kernel().sendto(
               target().number(), buffer_.data(), clamp_size(buffer_.size()),
               flags_ | MSG_NOSIGNAL | MSG_DONTWAIT, to_, size_));
}

void sendto::prepare(io_uring_sqe& sqe) noexcept {
    count();
    io_uring_prep_send(&sqe, target().number(), buffer_.data(), clamp_size(buffer_.size()),
                       flags_ | MSG_NOSIGNAL);
    sqe.addr2 = reinterpret_cast<std::uintptr_t>(to_);
    sqe.addr_len = static_cast<__u16>(size_);
}

outcome<std::size_t> sendto::await_outcome() noexcept { return outcome_of(buffer_.size()); }

std::size_t sendto::await_resume() {
    const auto outcome = await_outcome();
    if (!outcome)
        fail(outcome.error());
    return *outcome;
}

std::string sendto::describe() const { return "sendto " + address_text(to_, size_); }

}  // namespace coil::COIL_ABI::op
