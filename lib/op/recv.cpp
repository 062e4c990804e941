// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#include <coil/op/recv.hpp>

#include <algorithm>

#include <liburing.h>
#include <sys/socket.h>

#include "op/clamp.hpp"
#include "op/recv_queue.hpp"
#include "op/recvfrom_queue.hpp"

namespace coil::COIL_ABI::op {

// ---- what was received ahead ---------------------------------------------------------------------------------------

bool queue_reader::serve_at_once(recv_queue& queue) noexcept {
    if (!queue.has_news() || !begin_at_once())
        return false;
    finish_at_once(answer_from(queue));
    return true;
}

bool queue_reader::serve_at_once_from_source() noexcept {
    return serve_at_once(static_cast<recv_queue&>(*source()));
}

void queue_reader::receive(std::coroutine_handle<> caller) {
    if (!begin(caller) || !claim_lane())
        return;
    auto* queue = lane() == lane::read ? static_cast<recv_queue*>(source()) : nullptr;
    if (queue && queue->concerns_readers())
        queue->wait(*this);
    else
        submit_claimed();
}

std::int32_t queue_reader::answer_from(recv_queue& queue) noexcept {
    return queue.is_empty() ? queue.take_failure() : take_from(queue);
}

// ---- streams -------------------------------------------------------------------------------------------------------

std::int32_t recv::take_from(recv_queue& queue) noexcept {
    return static_cast<std::int32_t>(queue.copy({&buffer_, 1}, flags_ & MSG_PEEK));
}

void recv::prepare(io_uring_sqe& sqe) noexcept {
    io_uring_prep_recv(&sqe, target().number(), buffer_.data(), clamp_size(buffer_.size()), flags_);
}

outcome<std::size_t> recv::await_outcome() noexcept {
    if (const auto error = failure())
        return error;
    if (answer().result == 0 && was_interrupted())
        return error::operation_aborted;  // an end of our own making is not the peer's
    return static_cast<std::size_t>(answer().result);
}

std::size_t recv::await_resume() {
    const auto outcome = await_outcome();
    if (!outcome)
        fail(outcome.error(), true);
    return *outcome;
}

// ---- datagrams -----------------------------------------------------------------------------------------------------

bool datagram_reader::serve_at_once() noexcept {
    auto& queue = static_cast<recvfrom_queue&>(*source());
    if (!queue.has_news() || !begin_at_once())
        return false;
    finish_at_once(queue.answer_to(*this));
    return true;
}

void datagram_reader::receive(std::coroutine_handle<> caller) {
    if (!begin(caller))
        return;
    if (auto* queue = static_cast<recvfrom_queue*>(source()))
        queue->wait(*this);
    else
        submit();
}

std::int32_t recv_datagram::take_from(recvfrom_queue& queue) noexcept {
    const recvfrom_queue::copied one = queue.copy({&buffer_, 1}, flags_ & MSG_PEEK);
    cut_before_ = one.truncated;
    return one.size;
}

// MSG_TRUNC has the kernel say how large the datagram was. On a stream it would throw data away.
void recv_datagram::prepare(io_uring_sqe& sqe) noexcept {
    io_uring_prep_recv(&sqe, target().number(), buffer_.data(), clamp_size(buffer_.size()),
                       flags_ | MSG_TRUNC);
}

outcome<received> recv_datagram::await_outcome() noexcept {
    if (const auto error = failure())
        return error;
    const auto size = static_cast<std::size_t>(answer().result);
    if (size == 0 && was_interrupted())
        return error::operation_aborted;
    return received{std::min(size, buffer_.size()), cut_before_ || size > buffer_.size()};
}

received recv_datagram::await_resume() {
    const auto outcome = await_outcome();
    if (!outcome)
        fail(outcome.error());
    return *outcome;
}

}  // namespace coil::COIL_ABI::op
