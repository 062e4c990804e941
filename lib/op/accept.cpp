// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#include <coil/op/accept.hpp>

#include <cerrno>
#include <chrono>
#include <new>

#include <liburing.h>
#include <sys/socket.h>

#include <coil/loop/event_loop.hpp>

namespace coil::COIL_ABI::op {
namespace {

constexpr std::chrono::milliseconds back_off_time{100};
constexpr std::uint8_t skipped_max = 16;

// accept(2) also returns errors that concern only the connection that it was about to accept. The next
// connection may be fine, unless a security module denies every connection.
bool concerns_one_connection(int error) noexcept {
    switch (error) {
    case ECONNABORTED:
    case EPERM:  // denied by a firewall
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

// Waits for the completion, because the kernel may still write into peer_ and the completion stores the
// descriptor in connection_.
accept::~accept() { retire(); }

std::optional<std::int32_t> accept::before_submit() {
    try {
        connection_ = detail::descriptor_handle(target().context().self());
        static_cast<void>(connection_.record());
        return std::nullopt;
    } catch (const std::bad_alloc&) {
        return -ENOMEM;
    }
}

void accept::prepare(io_uring_sqe& sqe) noexcept {
    takes_steps(true);
    peer_.any.sa_family = AF_UNSPEC;
    peer_size_ = sizeof peer_;
    io_uring_prep_accept(&sqe, target().number(), &peer_.any, &peer_size_, SOCK_CLOEXEC);
}

bool accept::next_step() noexcept {
    const int result = answer().result;
    if (result >= 0) {
        connection_.adopt_accepted(result, target(), peer_, peer_size_);
        return false;
    }
    const bool is_skipped = concerns_one_connection(-result);
    if (!is_skipped && !is_exhausted(-result))
        return false;
    if (should_stop())
        return end_aborted();
    if (is_skipped && skipped_ < skipped_max) {
        ++skipped_;
        submit_to_ring();
    } else {
        pause(back_off_, back_off_time);
    }
    return true;
}

outcome<detail::descriptor_handle> accept::await_outcome() noexcept {
    if (answer().result == -EINVAL && was_interrupted())
        return error::operation_aborted;
    if (const auto error = failure())
        return error;
    return std::move(connection_);
}

detail::descriptor_handle accept::await_resume() {
    auto outcome = await_outcome();
    if (outcome.error() == std::errc::not_enough_memory)
        throw std::bad_alloc();  // this process is out of memory; if the kernel is, the accept retries
    if (!outcome)
        fail(outcome.error());
    return *std::move(outcome);
}

}  // namespace coil::COIL_ABI::op
