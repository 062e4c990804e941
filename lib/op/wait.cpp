// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#include <coil/op/wait.hpp>

#include <cerrno>
#include <poll.h>

#include <liburing.h>

#include <coil/loop/io_context.hpp>

#include "ring/kernel.hpp"

namespace coil::COIL_ABI::op {
namespace {

// Which the ring is asked for beside POLLPRI, so that it wakes. No socket is ever ready for it.
constexpr unsigned wakes_for_priority = POLLRDBAND;

// Errors and hang-ups are always told, as poll(2) does.
unsigned events_of(wait_type wanted) noexcept {
    unsigned events = 0;
    if (wanted & wait_base::wait_read)
        events |= POLLIN;
    if (wanted & wait_base::wait_write)
        events |= POLLOUT;
    if (wanted & wait_base::wait_error)
        events |= POLLPRI;
    return events;
}

// After an error or a hang-up nothing waits any more, whatever it was that somebody wanted to do.
wait_type kinds_of(unsigned events, wait_type wanted) noexcept {
    wait_type kinds = wait_base::wait_none;
    if (events & POLLIN)
        kinds |= wait_base::wait_read;
    if (events & POLLOUT)
        kinds |= wait_base::wait_write;
    if (events & POLLPRI)
        kinds |= wait_base::wait_error;
    if (events & (POLLERR | POLLHUP))
        kinds |= wait_base::wait_error | wanted;
    return kinds;
}

}  // namespace

// Whether there is something to be read, and it is for us to say so.
bool wait::can_be_told() const noexcept {
    return (wanted_ & wait_base::wait_read) && source() && source()->has_news();
}

// Whoever wants to know more has to ask the kernel all the same.
bool wait::await_ready() noexcept {
    if (wanted_ != wait_base::wait_read || !can_be_told() || !begin_at_once())
        return false;
    told_ = true;
    finish_at_once(0);
    return true;
}

void wait::await_suspend(std::coroutine_handle<> caller) {
    if (!begin(caller))
        return;
    told_ = can_be_told();
    if (told_ && wanted_ == wait_base::wait_read) {
        finish(0);
        return;
    }
    submit();
    if (told_)
        target().context().cancel(*this);  // what the kernel sees at once is in its answer
}

void wait::prepare(io_uring_sqe& sqe) noexcept {
    target().watch();
    if (!told_ && can_be_told()) {  // received while it found no slot: there is nothing left to ask
        told_ = true;
        io_uring_prep_nop(&sqe);
    } else {
        const unsigned also = wanted_ & wait_base::wait_error ? wakes_for_priority : 0;
        io_uring_prep_poll_add(&sqe, target().number(), events_of(wanted_) | also);
    }
}

// The kernel need not look any further.
void wait::source_has_news() noexcept {
    if (!(wanted_ & wait_base::wait_read) || was_cancelled())
        return;
    told_ = true;
    target().context().cancel(*this);
}

// What the kernel's answer comes to, by now.
unsigned wait::events_now() const noexcept {
    const auto answered = static_cast<unsigned>(answer().result);
    if (!(answered & (POLLPRI | wakes_for_priority)))
        return answered;
    const int now = is_current() ? target().context().kernel().poll(target().number(),
                                                                    static_cast<short>(events_of(wanted_)))
                                 : -EBADF;
    return now < 0 ? answered & ~(POLLPRI | wakes_for_priority) : static_cast<unsigned>(now);
}

std::coroutine_handle<> wait::run() noexcept {
    if (answer().result <= 0)
        return wake();
    events_ = events_now();
    if (events_ != 0 || was_cancelled() || env().stop_requested())
        return wake();
    reset();
    submit();
    return nullptr;
}

outcome<wait_type> wait::await_outcome() noexcept {
    const wait_type told = told_ && is_current() ? wait_base::wait_read : wait_base::wait_none;
    if (told && (answer().result == 0 || answer().result == -ECANCELED))
        return told;
    if (const auto error = failure())
        return error;
    if (const wait_type kinds = kinds_of(events_, wanted_) | told)
        return kinds;
    return error::
        operation_aborted;  // the kernel had an answer, to which nothing came, and then it was stopped
}

wait_type wait::await_resume() {
    const auto outcome = await_outcome();
    if (!outcome)
        fail(outcome.error());
    return *outcome;
}

}  // namespace coil::COIL_ABI::op
