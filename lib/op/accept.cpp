// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#include <coil/op/accept.hpp>

#include <cerrno>
#include <memory>

#include <liburing.h>
#include <sys/socket.h>

#include <coil/loop/io_context.hpp>

#include "op/accept_queue.hpp"
#include "ring/kernel.hpp"

namespace coil::op {
namespace {

constexpr std::chrono::milliseconds pause_when_exhausted{100};

accept_queue& queue_of(descriptor& record) {
    if (!record.source())
        record.set_source(std::make_unique<accept_queue>(record));
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
    if (is_idle() || !has_begun())
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
        queue->put_back({answer().result, peer_});
    queue->relax();
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

void accept::serve(std::int32_t result, const ip::endpoint& peer) noexcept {
    peer_ = peer;
    finish(result);
}

outcome<accepted> accept::await_outcome() noexcept {
    if (const auto error = failure())
        return error;
    const accepted connection{answer().result, peer_};
    finish_taken();
    return connection;
}

accepted accept::await_resume() {
    const auto outcome = await_outcome();
    if (!outcome)
        fail(outcome.error());
    return *outcome;
}

// ---- the queue -----------------------------------------------------------------------------------------------------

accept_queue::accept_queue(descriptor& record) : record_(record), filler_(*this), back_off_(*this) {}

accept_queue::~accept_queue() { close(); }

void accept_queue::wait(accept& waiter) noexcept {
    if (count_ > 0) {
        const accepted connection = accepted_[first_];
        first_ = (first_ + 1) % accepted_.size();
        --count_;
        waiter.serve(connection.number, connection.peer);
        return;
    }
    waiter.wait_in(record_);
    fill();
}

void accept_queue::deliver(const accepted& connection) noexcept {
    if (closed_) {
        close_connection(connection.number);
    } else if (operation* waiter = record_.take_waiting()) {
        static_cast<accept*>(waiter)->serve(connection.number, connection.peer);
    } else {
        COIL_CHECK(count_ < accepted_.size());
        accepted_[(first_ + count_++) % accepted_.size()] = connection;
    }
}

void accept_queue::put_back(const accepted& connection) noexcept {
    if (closed_ || record_.has_waiting() || count_ == accepted_.size()) {
        deliver(connection);
        return;
    }
    first_ = (first_ + accepted_.size() - 1) % accepted_.size();
    accepted_[first_] = connection;
    ++count_;
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
        static_cast<accept*>(waiter)->serve(result, {});
}

void accept_queue::close() noexcept {
    closed_ = true;
    back_off_.disarm();
    for (; count_ > 0; --count_) {
        close_connection(accepted_[first_].number);
        first_ = (first_ + 1) % accepted_.size();
    }
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
    peer_size_ = sizeof peer_;
    io_uring_prep_accept(&sqe, target().number(), &peer_.any, &peer_size_, SOCK_CLOEXEC);
}

std::coroutine_handle<> accept_queue::filler::run() noexcept {
    const std::int32_t result = answer().result;
    const bool interrupted = was_interrupted();
    const auto peer = ip::endpoint::from_sockaddr(peer_, peer_size_);
    reset();
    if (result >= 0)
        queue_.deliver({result, peer});
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

}  // namespace coil::op
