// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#include <coil/op/recv.hpp>

#include <algorithm>
#include <cerrno>

#include <liburing.h>
#include <sys/socket.h>

#include "op/clamp.hpp"
#include "op/recv_queue.hpp"
#include "op/recvfrom_queue.hpp"

namespace coil::COIL_ABI::op {

// ---- what was received ahead ------------------------------------------------------------------------------

bool queue_reader::serve_inline(recv_queue& queue) noexcept {
    if (!queue.has_data() || !begin_inline())
        return false;
    finish_inline(result_from(queue));
    return true;
}

bool queue_reader::serve_inline_from_source() noexcept {
    return serve_inline(static_cast<recv_queue&>(*source()));
}

// MSG_PEEK with MSG_WAITALL is refused: the bytes would stay queued while more are awaited, and only the
// kernel could tell when to look again.
void queue_reader::receive(std::coroutine_handle<> caller, int flags) {
    if (!begin(caller))
        return;
    const bool peeks_at_all = (flags & MSG_PEEK) && (flags & MSG_WAITALL) && !(flags & MSG_DONTWAIT);
    if (peeks_at_all && lane() == lane::read)
        finish(refused_flags);
    else if ((flags & MSG_DONTWAIT) && lane() == lane::queue && target().has_reader())
        finish(-EAGAIN);
    else if (claim_lane())
        request(flags);
}

void queue_reader::request(int flags) noexcept {
    auto* queue = lane() == lane::read ? static_cast<recv_queue*>(source()) : nullptr;
    if ((flags & MSG_DONTWAIT) && queue && !queue->has_data() && queue->concerns_readers())
        target().context().collect_now();  // bytes may have arrived that the loop has not collected yet
    if (!queue || !queue->concerns_readers())
        submit_claimed();
    else if ((flags & MSG_DONTWAIT) && !queue->has_data())
        finish(-EAGAIN);
    else
        queue->wait(*this);
}

std::int32_t queue_reader::result_from(recv_queue& queue) noexcept {
    return queue.is_empty() ? queue.take_failure() : take_from(queue);
}

// ---- streams ----------------------------------------------------------------------------------------------

bool stream_reader::try_continue(std::int32_t result) noexcept {
    if (!is_whole() || result <= 0 || should_stop() || !skip(static_cast<std::size_t>(result)))
        return false;
    moved_ += static_cast<std::size_t>(result);
    request(flags_);
    return true;
}

// Bytes that were received before a cancel are the result.
outcome<std::size_t> stream_reader::bytes_received() noexcept {
    // An end of stream that our own shutdown has caused.
    const bool has_ended_itself = answer().result == 0 && was_interrupted();
    const auto error = has_ended_itself ? make_error_code(error::operation_aborted) : failure();
    if (error && !(moved_ > 0 && error == error::operation_aborted))
        return {error, moved_};
    return moved_ + static_cast<std::size_t>(std::max(answer().result, 0));
}

std::int32_t recv::take_from(recv_queue& queue) noexcept {
    return static_cast<std::int32_t>(queue.copy({&buffer_, 1}, flags() & MSG_PEEK));
}

void recv::prepare(io_uring_sqe& sqe) noexcept {
    io_uring_prep_recv(&sqe, target().number(), buffer_.data(), clamp_size(buffer_.size()),
                       kernel_flags(flags()));
}

bool recv::skip(std::size_t n) noexcept { return !(buffer_ += n).empty(); }

outcome<std::size_t> recv::await_outcome() noexcept { return bytes_received(); }

std::size_t recv::await_resume() {
    const auto outcome = await_outcome();
    if (!outcome)
        fail(outcome.error(), true, outcome.bytes_transferred());
    return *outcome;
}

// ---- datagrams --------------------------------------------------------------------------------------------

bool datagram_reader::serve_inline() noexcept {
    auto& queue = static_cast<recvfrom_queue&>(*source());
    if (!queue.has_data() || !begin_inline())
        return false;
    finish_inline(queue.result_for(*this));
    return true;
}

void datagram_reader::receive(std::coroutine_handle<> caller) {
    if (!begin(caller))
        return;
    auto* queue = lane() == lane::queue ? static_cast<recvfrom_queue*>(source()) : nullptr;
    if ((flags_ & MSG_DONTWAIT) && queue && !queue->has_data())
        queue->poll_for(*this);
    if ((flags_ & MSG_DONTWAIT) && lane() == lane::queue && would_wait(queue))
        finish(-EAGAIN);
    else if (queue)
        queue->wait(*this);
    else
        submit();
}

// Whether it would have to wait for other readers, and not for the kernel.
bool datagram_reader::would_wait(const recvfrom_queue* queue) const noexcept {
    return target().has_reader() || (queue && !queue->has_data() && queue->receives_for(*this));
}

std::int32_t recv_datagram::take_from(recvfrom_queue& queue) noexcept {
    const recvfrom_queue::copied one = queue.copy({&buffer_, 1}, flags() & MSG_PEEK);
    cut_before_ = one.truncated;
    return one.size;
}

void recv_datagram::prepare(io_uring_sqe& sqe) noexcept {
    io_uring_prep_recv(&sqe, target().number(), buffer_.data(), clamp_size(buffer_.size()), kernel_flags());
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
