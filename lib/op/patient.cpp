// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#include <coil/op/patient.hpp>

#include <algorithm>
#include <chrono>
#include <poll.h>

#include <liburing.h>

#include <coil/loop/io_context.hpp>

#include "ring/kernel.hpp"

namespace coil::COIL_ABI::op {

void room_for_datagram::look_away() noexcept {
    if (onlooker_ < 0)
        return;
    context_->kernel().close(std::exchange(onlooker_, -1));
    context_->release_probe();
}

// The first refusal is followed by a poll alone. One after a poll that said "ready" is followed by a pause, too.
time_point::duration room_for_datagram::pause() noexcept {
    constexpr std::uint8_t refusals_max = 7;
    const std::uint8_t before = refusals_;
    refusals_ = std::min<std::uint8_t>(static_cast<std::uint8_t>(before + 1), refusals_max);
    return before == 0 ? time_point::duration::zero() : std::chrono::milliseconds(1) * (1 << (before - 1));
}

void room_for_datagram::prepare(io_uring_sqe& sqe, int sender) noexcept {
    if (step_ == step::look)
        io_uring_prep_connect(&sqe, onlooker_, receiver_, size_);
    else
        io_uring_prep_poll_add(&sqe, step_ == step::theirs ? onlooker_ : sender, POLLOUT);
}

void room_for_datagram::advance(std::int32_t answer) noexcept {
    switch (step_) {
    case step::send: step_ = step::ours; break;
    case step::ours:
        if (!receiver_ || receiver_->sa_family != AF_UNIX)
            step_ = step::send;
        else if (onlooker_ < 0)
            begin_to_look();
        else
            step_ = step::theirs;
        break;
    // A receiver that is connected to somebody is seen by nobody else. If it is to us, it always has room; else the next send
    // is refused, and so it is if the receiver is gone.
    case step::look:
        if (answer < 0)
            look_away();
        step_ = answer < 0 ? step::send : step::theirs;
        break;
    case step::theirs: step_ = step::send; break;
    }
}

// Without a second socket the send is tried again, after pauses.
void room_for_datagram::begin_to_look() noexcept {
    if (context_->acquire_probe()) {
        onlooker_ = context_->kernel().socket(AF_UNIX, SOCK_DGRAM, 0);
        if (onlooker_ < 0)
            context_->release_probe();
    }
    step_ = onlooker_ < 0 ? step::send : step::look;
}

}  // namespace coil::COIL_ABI::op
