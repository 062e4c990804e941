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

// An event that a poll must request in addition to POLLPRI. io_uring ignores POLLPRI when a socket wakes its
// pollers, and only POLLRDBAND then completes the poll. A socket never reports POLLRDBAND as ready.
constexpr unsigned wakes_for_priority = POLLRDBAND;

// Returns the events to poll for. Errors and hang-ups need not be requested, because they are always
// reported, as with poll(2).
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

// Returns the kinds of readiness that `events` indicates. After an error or a hang-up, no operation blocks,
// so every wanted kind of readiness is reported.
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

// Returns true if readability is wanted and the source has unread data.
bool wait::source_is_readable() const noexcept {
    return (wanted_ & wait_base::wait_read) && source() && source()->has_data();
}

// Completes inline only if the wait is for readability alone, because only the kernel knows about the other
// kinds of readiness.
bool wait::await_ready() noexcept {
    if (wanted_ != wait_base::wait_read || !source_is_readable() || !begin_inline())
        return false;
    source_ready_ = true;
    finish_inline(0);
    return true;
}

std::optional<std::int32_t> wait::before_submit() {
    source_ready_ = source_is_readable();
    return source_ready_ && wanted_ == wait_base::wait_read ? std::optional<std::int32_t>(0) : std::nullopt;
}

// If the source has unread data but other kinds of readiness are also wanted, the poll is cancelled
// immediately after its submission. The completion of the poll then reports the descriptor's current state.
// The poll and the cancel are submitted with other SQEs, so they cost no extra system call.
void wait::await_suspend(std::coroutine_handle<> caller) {
    detail::operation::await_suspend(caller);
    if (source_ready_)
        target().context().submissions().cancel(*this);
}

void wait::prepare(io_uring_sqe& sqe) noexcept {
    target().watch();
    if (!source_ready_ && source_is_readable()) {  // the source got data before the wait got an SQE
        source_ready_ = true;
        io_uring_prep_nop(&sqe);
    } else {
        const unsigned also = wanted_ & wait_base::wait_error ? wakes_for_priority : 0;
        const unsigned events = events_of(wanted_) | also;
        if (is_multishot_)
            io_uring_prep_poll_multishot(&sqe, target().number(), events);
        else
            io_uring_prep_poll_add(&sqe, target().number(), events);
    }
}

// Called when the source has received data. If the wait is for readability, its poll is no longer needed and
// is cancelled.
void wait::source_has_data() noexcept {
    if (!(wanted_ & wait_base::wait_read) || was_cancelled())
        return;
    source_ready_ = true;
    target().context().submissions().cancel(*this);
}

// Returns the events that are present after a poll has answered with `result`. A poll that requests
// POLLRDBAND completes whenever anything arrives, so after a completion with POLLPRI or POLLRDBAND, poll(2)
// finds out which events are present.
unsigned wait::events_after(std::int32_t result) const noexcept {
    const auto answered = static_cast<unsigned>(result);
    if (!(answered & (POLLPRI | wakes_for_priority)))
        return answered;
    const int now = is_current() ? target().context().kernel().poll(target().number(),
                                                                    static_cast<short>(events_of(wanted_)))
                                 : -EBADF;
    return now < 0 ? answered & ~(POLLPRI | wakes_for_priority) : static_cast<unsigned>(now);
}

// Called for each completion of a multishot poll but the last. If a wanted event is present, ends the poll.
void wait::more(const detail::answer& given) noexcept {
    if (given.result <= 0 || kinds_of(events_, wanted_))
        return;
    events_ = events_after(given.result);
    if (kinds_of(events_, wanted_))
        target().context().submissions().cancel(*this);
}

std::coroutine_handle<> wait::run() noexcept {
    if (kinds_of(events_, wanted_))  // more() has cancelled the poll
        return wake();
    if (answer().result <= 0)
        return wake();
    events_ = events_after(answer().result);
    if (kinds_of(events_, wanted_) || was_cancelled() || env().stop_requested())
        return wake();
    // io_uring always polls for POLLRDHUP. If the peer has ended its direction of the stream, a poll that
    // does not want POLLIN therefore completes immediately. Only a multishot poll waits for the next event.
    is_multishot_ = events_ != 0;
    restart();
    return nullptr;
}

outcome<wait_type> wait::await_outcome() noexcept {
    const wait_type ready = source_ready_ && is_current() ? wait_base::wait_read : wait_base::wait_none;
    if (const wait_type kinds = kinds_of(events_, wanted_))
        return kinds | ready;
    if (ready && (answer().result == 0 || answer().result == -ECANCELED))
        return ready;
    if (const auto error = failure())
        return error;
    return ready ? outcome<wait_type>(ready)
                 : error::operation_aborted;  // no event is present any more, and the wait was stopped
}

wait_type wait::await_resume() {
    const auto outcome = await_outcome();
    if (!outcome)
        fail(outcome.error());
    return *outcome;
}

}  // namespace coil::COIL_ABI::op
