// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#include <coil/op/accept.hpp>

#include <cerrno>

#include <liburing.h>
#include <sys/socket.h>

#include <coil/loop/io_context.hpp>

#include "op/accept_queue.hpp"
#include "ring/kernel.hpp"

namespace coil::COIL_ABI::op {
namespace {

constexpr std::chrono::milliseconds pause_when_exhausted{100};

accept_queue& queue_of(descriptor& record) {
    if (!record.source())
        record.set_source(make_owned<accept_queue>(record));
    return static_cast<accept_queue&>(*record.source());
}

// accept(2) reports what already went wrong with the connection that it would have given: the next one may be fine.
bool concerns_one_connection(int error) noexcept {
    switch (error) {
    case ECONNABORTED:
    case EPERM:  // a firewall's word
    case EPROTO:
    case ENETDOWN:
    case ENOPROTOOPT:
    case EHOSTDOWN:
    case ENONET:
    case EHOSTUNREACH:
    case ENETUNREACH:
    case EINTR:
    case EAGAIN: return true;
    default: return false;
    }
}

bool is_exhausted(int error) noexcept {
    return error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM;
}

}  // namespace

// ---- who waits -----------------------------------------------------------------------------------------------------

accept::~accept() {
    if (is_idle() || is_taken() || !has_begun())
        return;
    unlink();
    if (target().generation() != generation()) {
        if (is_done() && answer().result >= 0)
            target().context().kernel().close(answer().result);
        return;
    }
    auto* queue = static_cast<accept_queue*>(target().source());
    if (!queue)
        return;  // refused before it waited
    if (is_done() && answer().result >= 0)
        queue->put_back(answer().result);
    queue->relax();
}

// A connection may be there already.
bool accept::await_ready() noexcept {
    auto* queue = static_cast<accept_queue*>(source());
    if (!queue || queue->is_empty() || !begin_at_once())
        return false;
    finish_at_once(queue->take());
    return true;
}

void accept::await_suspend(std::coroutine_handle<> caller) {
    if (!begin(caller))
        return;
    if (!target().is_open())
        finish(-EBADF);
    else
        queue_of(target()).wait(*this);
}

void accept::prepare(io_uring_sqe&) noexcept {}  // it asks its queue, not the kernel

outcome<int> accept::await_outcome() noexcept {
    if (const auto error = failure())
        return error;
    const int number = answer().result;
    finish_taken();
    return number;
}

int accept::await_resume() {
    const auto outcome = await_outcome();
    if (!outcome)
        fail(outcome.error());
    return *outcome;
}

// ---- the queue -----------------------------------------------------------------------------------------------------

accept_queue::accept_queue(descriptor& record) : record_(record), back_off_(*this), filler_(*this) {}

accept_queue::~accept_queue() { close(); }

int accept_queue::take() noexcept {
    const int number = accepted_.front();
    accepted_.pop_front();
    return number;
}

void accept_queue::wait(accept& waiter) noexcept {
    if (!is_empty()) {
        waiter.finish(take());
        return;
    }
    waiter.wait_in(record_);
    fill();
}

void accept_queue::arrived(int number) noexcept {
    deliver(number);
    if (accepted_.size() >= record_.context().chosen().unaccepted_max && !record_.has_waiting() &&
        !filler_.was_cancelled()) {
        record_.context().count_ahead_stop();
        filler_.stop();
    }
}

void accept_queue::deliver(int number) noexcept {
    if (closed_) {
        close_connection(number);
    } else if (operation* waiter = record_.take_waiting()) {
        static_cast<accept*>(waiter)->finish(number);
    } else {
        try {
            accepted_.push_back(number);
        } catch (...) {
            close_connection(number);  // no memory to remember it: the peer hears of it at once
            return;
        }
        record_.source_has_news();
    }
}

void accept_queue::put_back(int number) noexcept {
    if (closed_ || record_.has_waiting()) {
        deliver(number);
        return;
    }
    try {
        accepted_.push_front(number);
    } catch (...) {
        close_connection(number);
        return;
    }
    record_.source_has_news();
}

void accept_queue::relax() noexcept {
    if (record_.has_waiting())
        return;
    back_off_.disarm();
    filler_.stop();
}

void accept_queue::fill() noexcept {
    if (!closed_ && !filler_.is_asking() && !back_off_.is_armed() && !back_off_.is_linked())
        filler_.ask();
}

void accept_queue::fail_all(std::int32_t result) noexcept {
    while (operation* waiter = record_.take_waiting())
        static_cast<accept*>(waiter)->finish(result);
}

void accept_queue::close() noexcept {
    closed_ = true;
    back_off_.disarm();
    while (!is_empty())
        close_connection(take());
}

void accept_queue::close_connection(int number) noexcept { record_.context().kernel().close(number); }

// ---- what fills it -------------------------------------------------------------------------------------------------

accept_queue::filler::filler(accept_queue& queue)
    : operation({&queue.record_, queue.record_.generation(), 0},
                queue.record_.context().foreign_environment(), lane::any),
      queue_(queue) {}

accept_queue::filler::~filler() {
    retire();
    if (is_done() && answer().result >= 0)
        queue_.close_connection(answer().result);
}

void accept_queue::filler::ask() noexcept {
    reset();
    submit();
}

void accept_queue::filler::prepare(io_uring_sqe& sqe) noexcept {
    // No address: all connections of a multishot would share it, and the next one overwrite it.
    io_uring_prep_multishot_accept(&sqe, target().number(), nullptr, nullptr, SOCK_CLOEXEC);
}

void accept_queue::filler::more(const coil::answer& given) noexcept { queue_.arrived(given.result); }

std::coroutine_handle<> accept_queue::filler::run() noexcept {
    const std::int32_t result = answer().result;
    const bool interrupted = was_interrupted();
    reset();
    if (result >= 0)
        queue_.arrived(result);  // the completion queue overflowed, which ends a multishot
    else if (is_exhausted(-result))
        queue_.record_.context().arm(queue_.back_off_, queue_.record_.context().now() + pause_when_exhausted);
    else if (result == -EINVAL && interrupted)
        queue_.fail_all(-ECANCELED);
    else if (result != -ECANCELED && !concerns_one_connection(-result))
        queue_.fail_all(result);
    if (queue_.record_.has_waiting())
        queue_.fill();
    return nullptr;
}

std::coroutine_handle<> accept_queue::back_off::run() noexcept {
    if (queue_.record_.has_waiting())
        queue_.fill();
    return nullptr;
}

}  // namespace coil::COIL_ABI::op
