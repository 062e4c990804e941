// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#include <coil/op/retry_when_writable.hpp>

#include <algorithm>
#include <chrono>
#include <poll.h>

#include <liburing.h>

#include <coil/loop/io_context.hpp>

#include "ring/kernel.hpp"

namespace coil::COIL_ABI::op {

void room_for_datagram::close_probe() noexcept {
    if (probe_ < 0)
        return;
    context_->kernel().close(std::exchange(probe_, -1));
    context_->release_probe();
}

// Returns zero after the first failed send, so that the poll begins immediately. If the send fails again
// although the poll has completed, the next poll begins only after a pause.
time_point::duration room_for_datagram::pause() noexcept {
    constexpr std::uint8_t refusals_max = 7;
    const std::uint8_t before = refusals_;
    refusals_ = std::min<std::uint8_t>(static_cast<std::uint8_t>(before + 1), refusals_max);
    return before == 0 ? time_point::duration::zero() : std::chrono::milliseconds(1) * (1 << (before - 1));
}

void room_for_datagram::prepare(io_uring_sqe& sqe, int sender) noexcept {
    if (step_ == step::connect_probe)
        io_uring_prep_connect(&sqe, probe_, receiver_, size_);
    else
        io_uring_prep_poll_add(&sqe, step_ == step::poll_receiver ? probe_ : sender, POLLOUT);
}

void room_for_datagram::advance(std::int32_t answer) noexcept {
    switch (step_) {
    case step::send: step_ = step::poll_sender; break;
    case step::poll_sender:
        if (!receiver_ || receiver_->sa_family != AF_UNIX)
            step_ = step::send;
        else if (probe_ < 0)
            open_probe();
        else
            step_ = step::poll_receiver;
        break;
    // The probe's connect fails if the receiver no longer exists or is connected to a different socket. The
    // operation then sends again. If the receiver is connected to the sending socket, it always accepts this
    // send. Otherwise, the send fails.
    case step::connect_probe:
        if (answer < 0)
            close_probe();
        step_ = answer < 0 ? step::send : step::poll_receiver;
        break;
    case step::poll_receiver: step_ = step::send; break;
    }
}

// Opens the probe. If the context has no probe left, or socket(2) fails, the send is repeated after pauses.
void room_for_datagram::open_probe() noexcept {
    if (context_->acquire_probe()) {
        probe_ = context_->kernel().socket(AF_UNIX, SOCK_DGRAM, 0);
        if (probe_ < 0)
            context_->release_probe();
    }
    step_ = probe_ < 0 ? step::send : step::connect_probe;
}

}  // namespace coil::COIL_ABI::op
