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

// Returns true if `error` concerns only the connection that accept(2) was about to accept. The next accept
// may then succeed, unless a security module denies every connection.
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

// Cancels the accept and waits for its completion. Until then, the kernel may write into peer_, and the
// completion may store a descriptor in connection_.
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
        throw std::bad_alloc();  // from before_submit(); an ENOMEM from the kernel is retried instead
    if (!outcome)
        fail(outcome.error());
    return *std::move(outcome);
}

}  // namespace coil::COIL_ABI::op
