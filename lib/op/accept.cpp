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
        queue->put_back({answer().result, peer_});
    queue->relax();
}

// A connection may be there already.
bool accept::await_ready() noexcept {
    auto* queue = static_cast<accept_queue*>(source());
    if (!queue || queue->is_empty() || !begin_at_once())
        return false;
    const accepted connection = queue->take();
    peer_ = connection.peer;
    finish_at_once(connection.number);
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

accept_queue::accept_queue(descriptor& record) : record_(record), back_off_(*this), filler_(*this) {}

accept_queue::~accept_queue() { close(); }

accepted accept_queue::take() noexcept {
    const accepted connection = accepted_.front();
    accepted_.pop_front();
    return connection;
}

void accept_queue::wait(accept& waiter) noexcept {
    if (!is_empty()) {
        const accepted connection = take();
        waiter.serve(connection.number, connection.peer);
        return;
    }
    waiter.wait_in(record_);
    fill();
}

void accept_queue::arrived(int number) noexcept {
    deliver({number, closed_ ? ip::endpoint() : peer_of(number)});
    if (accepted_.size() >= record_.context().chosen().unaccepted_max && !record_.has_waiting() &&
        !filler_.was_cancelled()) {
        record_.context().count_ahead_stop();
        filler_.stop();
    }
}

// One address can't be shared by all connections of a multishot: the next one would overwrite it. So each is asked for.
ip::endpoint accept_queue::peer_of(int number) noexcept {
    ring::kernel& kernel = record_.context().kernel();
    ip::socket_address peer;
    unsigned size = sizeof peer;
    if (kernel.getpeername(number, &peer.any, &size) >= 0)
        return ip::endpoint::from_sockaddr(peer, size);
    // It was reset in the meantime, and is a connection all the same: its first recv says so. The kernel still remembers
    // the peer, for those who ask for exactly as many bytes as the address has.
    for (unsigned exact: {unsigned{sizeof peer.v6}, unsigned{sizeof peer.v4}})
        if (kernel.getsockopt(number, SOL_SOCKET, SO_PEERNAME, &peer, &exact) >= 0)
            return ip::endpoint::from_sockaddr(peer, exact);
    return {};
}

void accept_queue::deliver(const accepted& connection) noexcept {
    if (closed_) {
        close_connection(connection.number);
    } else if (operation* waiter = record_.take_waiting()) {
        static_cast<accept*>(waiter)->serve(connection.number, connection.peer);
    } else {
        try {
            accepted_.push_back(connection);
        } catch (...) {
            close_connection(connection.number);  // no memory to remember it: the peer hears of it at once
        }
    }
}

void accept_queue::put_back(const accepted& connection) noexcept {
    if (closed_ || record_.has_waiting()) {
        deliver(connection);
        return;
    }
    try {
        accepted_.push_front(connection);
    } catch (...) {
        close_connection(connection.number);
    }
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
    while (!is_empty())
        close_connection(take().number);
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

}  // namespace coil::op
