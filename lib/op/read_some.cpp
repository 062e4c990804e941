// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#include <coil/op/read_some.hpp>

#include <cerrno>
#include <poll.h>

#include <liburing.h>

#include <coil/loop/io_context.hpp>

#include "op/message.hpp"

namespace coil::COIL_ABI::op {

void descriptor_transfer::prepare(io_uring_sqe& sqe) noexcept {
    if (polls_)
        io_uring_prep_poll_add(&sqe, target().number(), events());
    else
        prepare_transfer(sqe);
}

bool descriptor_transfer::next_step() noexcept {
    const bool begins_to_poll = !polls_ && answer().result == -EAGAIN;
    const bool is_ready = polls_ && answer().result >= 0;
    if (!begins_to_poll && !is_ready)
        return detail::operation::next_step();
    if (should_stop())
        return end_aborted();
    polls_ = begins_to_poll;
    takes_steps(polls_);
    submit();
    return true;
}

// If the result is ECANCELED although the operation was not cancelled, returns ECANCELED and not
// operation_aborted. For example, a read from a timerfd fails with ECANCELED if the clock has been set
// (TFD_TIMER_CANCEL_ON_SET).
outcome<std::size_t> descriptor_transfer::await_outcome() noexcept {
    if (answer().result == -ECANCELED && has_begun() && !should_stop() && !target().context().is_closing())
        return detail::system_error_code(ECANCELED);
    if (const auto error = failure())
        return error;
    return static_cast<std::size_t>(answer().result);
}

std::size_t descriptor_transfer::await_resume() {
    const auto outcome = await_outcome();
    if (!outcome)
        fail(outcome.error(), true);
    return *outcome;
}

void descriptor_read::prepare_transfer(io_uring_sqe& sqe) noexcept {
    const mutable_buffers buffers = space();
    if (buffers.size() == 1)
        io_uring_prep_read(&sqe, target().number(), buffers.front().data(),
                           clamp_size(buffers.front().size()), own_position);
    else
        io_uring_prep_readv(&sqe, target().number(), iovecs_of(buffers),
                            static_cast<unsigned>(buffers.size()), own_position);
}

unsigned descriptor_read::events() const noexcept { return POLLIN; }

}  // namespace coil::COIL_ABI::op
