// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#include <coil/loop/operation.hpp>

#include <cerrno>

#include <liburing.h>

#include <coil/coro/affinity.hpp>
#include <coil/loop/io_context.hpp>
#include <coil/loop/retry_timer.hpp>

#include "loop/descriptor_table.hpp"
#include "ring/user_memory.hpp"

namespace coil::COIL_ABI::detail {

operation::~operation() {
    retire();
    // The operation may be in the list of waiting operations. Remove it, so that leave_lane() does not choose
    // it as its own successor.
    unlink();
    leave_lane();
    if (!attached_)
        return;
    if (--descriptor_->operations_ == 0 && !descriptor_->handle_ && descriptor_->in_flight_ == 0 &&
        descriptor_->number() != descriptor::none)
        descriptor_->context().descriptors().recycle(*descriptor_);
}

void operation::await_suspend(std::coroutine_handle<> caller) {
    std::optional<std::int32_t> result = refusal();
    if (!result) {
        attach();
        result = before_submit();
    }
    suspend(caller);
    if (result) [[unlikely]]
        finish(*result);
    else if (claim_lane())
        submit();
}

// Returns the result of an operation that must not begin, or nullopt if the operation may begin.
std::optional<std::int32_t> operation::refusal() {
    if (!descriptor_)
        return -EBADF;  // the socket has no context
    event_loop& context = descriptor_->context();
    if (&env().scheduler() != &context) [[unlikely]]
        refuse_context();
    context.check_thread(*this);
    if (is_refused() || context.is_closing())
        return -ECANCELED;
    if (descriptor_->generation() != generation_)
        return -EBADF;
    return std::nullopt;
}

// Throws error::wrong_context. The record belongs to another thread, so this function does not query the
// peer's address. The text names the peer only if the record has stored the address.
void operation::refuse_context() const {
    std::string what = name();
    what += " on descriptor " + std::to_string(descriptor_->number());
    if (descriptor_->knows_peer_)
        what += " (peer " + descriptor_->peer().to_string() + ")";
    throw_wrong_context(what, env(), descriptor_->context().owner());
}

bool operation::begin_inline() noexcept {
    if (!may_complete_inline())
        return false;
    attach();
    return true;
}

bool operation::may_complete_inline() noexcept {
    if (!is_current() || env().stop_requested())
        return false;
    event_loop& context = descriptor_->context();
    return &env().scheduler() == &context && context.is_mine() && !context.is_closing() && lane_is_free() &&
           context.may_complete_inline();
}

bool operation::lane_is_free() const noexcept {
    switch (lane_) {
    case lane::read: return !descriptor_->reader_;
    case lane::write:
    case lane::send_queue: return !descriptor_->writer_;
    case lane::any:
    case lane::queue: break;
    }
    return true;
}

// Attaches the operation to its record, which then stays allocated until the operation is destroyed.
void operation::attach() noexcept {
    attached_ = true;
    cancels_before_ = descriptor_->cancels_;
    descriptor_->may_need_cancel_ = true;
    ++descriptor_->operations_;
}

void operation::more(const coil::detail::answer&) noexcept {
    COIL_CHECK(false);  // several completions, but the operation is not multishot
}

bool operation::next_step() noexcept {
    if (answer_.result != -EINTR || cancel_requested_)
        return false;
    submit_to_ring();  // a signal to this thread must not end the operation
    return true;
}

void operation::pause(retry_timer& timer, time_point::duration length) noexcept {
    event_loop& context = descriptor_->context();
    context.submissions().pause(*this);
    context.arm(timer, context.now() + length);
}

std::coroutine_handle<> retry_timer::run() noexcept {
    if (retried_->state_ == operation::state::paused) {
        retried_->unlink();
        retried_->submit_to_ring();
    }
    return nullptr;
}

void operation::submit() noexcept {
    const bool reads = lane_ == lane::read || lane_ == lane::queue;
    if (reads && descriptor_->source_ && descriptor_->source_->serve(*this))
        return;
    submit_to_ring();
}

void operation::submit_to_ring() noexcept {
    if (lane_ == lane::queue)
        descriptor_->reader_ = this;
    descriptor_->context().submissions().submit(*this);
}

void operation::restart() noexcept {
    reset();
    if (claim_lane())
        submit();
}

// Claims the operation's lane. Returns false if the operation has to wait for the lane, or has finished with
// an error. If the record has a source, an operation in `lane::queue` never waits here, because the source
// does the queueing.
bool operation::claim_lane() noexcept {
    if (!descriptor_->is_open()) {
        finish(-EBADF);
        return false;
    }
    if (lane_ == lane::read || lane_ == lane::write) {
        operation*& place = lane_ == lane::read ? descriptor_->reader_ : descriptor_->writer_;
        if (place) {
            finish(refused_second);
            return false;
        }
        place = this;
    } else if (lane_ == lane::queue) {
        return descriptor_->source_ || !wait_in_line(descriptor_->reader_);
    } else if (lane_ == lane::send_queue) {
        return !wait_in_line(descriptor_->writer_);
    }
    return true;
}

// Queues the operation behind `ahead` and returns true. If `ahead` is null, stores the operation in `ahead`
// and returns false. A send does not queue behind a connect, although a connect also occupies the writer's
// position.
bool operation::wait_in_line(operation*& ahead) noexcept {
    if (!ahead) {
        ahead = this;
        return false;
    }
    if (ahead->lane_ != lane_)
        return false;
    state_ = state::waiting;
    descriptor_->waiting_.push_back(*this);
    return true;
}

void operation::stop() noexcept {
    if (descriptor_)
        descriptor_->context().submissions().cancel(*this);
}

void operation::wait_in(coil::detail::descriptor& record) noexcept {
    state_ = state::waiting;
    record.waiting_.push_back(*this);
}

operation* descriptor::first_waiting() noexcept { return waiting_.empty() ? nullptr : &waiting_.front(); }

operation* descriptor::take_waiting() noexcept { return waiting_.empty() ? nullptr : &waiting_.pop_front(); }

void operation::finish(std::int32_t result) noexcept {
    answer_ = {result, 0};
    complete();
}

// Ends the operation and schedules its task. Called after the last completion has been collected, or after
// finish() has set a result without a completion.
void operation::complete() noexcept {
    state_ = state::done;
    leave_lane();
    env().scheduler().schedule(*this);
}

// ---- transitions ------------------------------------------------------------------------------------------

void operation::on_submitted(io_uring_sqe& sqe) noexcept {
    prepare(sqe);
    ring::check_submitted(sqe, this);
    sqe.user_data = reinterpret_cast<std::uintptr_t>(this);
    state_ = state::submitted;
    // Until the completion, answer_.flags has no other use, so it stores the opcode. The destructor calls
    // retire(), which names the operation by its opcode because the virtual name() can no longer be called.
    answer_.flags = sqe.opcode;
    descriptor_->in_kernel_.push_back(*this);
    ++descriptor_->in_flight_;
}

bool operation::on_cancel() noexcept {
    if (cancel_requested_)
        return false;
    cancel_requested_ = true;
    cancels_repeated_ = 0;
    return true;
}

void operation::on_completion(const coil::detail::answer& given) noexcept {
    --descriptor_->in_flight_;
    unlink();
    answer_ = given;
    const bool may_continue = given.result < 0 || takes_steps_;
    if (may_continue && next_step()) [[unlikely]]
        return;
    complete();
}

void operation::on_aborted() noexcept {
    --descriptor_->in_flight_;
    finish(-ECANCELED);
}

void operation::on_abandoned() noexcept {
    answer_ = {-ECANCELED, 0};
    state_ = state::done;
    --descriptor_->in_flight_;
}

// ---- lanes ------------------------------------------------------------------------------------------------

// Leaves the lane. If the lane is a FIFO, the next operation is submitted immediately.
void operation::leave_lane() noexcept {
    if (!descriptor_)
        return;
    if (descriptor_->writer_ == this) {
        descriptor_->writer_ = nullptr;
        if (lane_ == lane::send_queue) [[unlikely]]
            descriptor_->submit_next(descriptor_->writer_, lane_);
    }
    if (descriptor_->reader_ != this)
        return;
    descriptor_->reader_ = nullptr;
    if (descriptor_->waiting_.empty())
        return;
    if (descriptor_->source_)
        descriptor_->source_->reader_left();
    else
        descriptor_->submit_next(descriptor_->reader_, lane_);
}

// Submits the first operation that is waiting in lane `which` and stores it in `ahead`.
void descriptor::submit_next(operation*& ahead, lane which) noexcept {
    for (operation* each = first_waiting(); each; each = waiting_.next(*each)) {
        if (each->lane_ != which)
            continue;
        each->unlink();
        ahead = each;
        context_->submissions().submit(*each);
        return;
    }
}

void operation::retire() noexcept {
    if (is_submitted() || is_stuck())
        descriptor_->context().submissions().retire(*this);
}

void operation::reset() noexcept {
    COIL_ASSERT(state_ == state::idle || state_ == state::done);
    unlink();
    answer_ = {};
    state_ = state::idle;
    cancel_requested_ = interrupted_ = false;
}

std::error_code operation::failure() const noexcept {
    if (answer_.result >= 0)
        return {};
    switch (answer_.result) {
    case -ECANCELED: return error::operation_aborted;
    case -EINTR:
        if (cancel_requested_)
            return error::operation_aborted;
        break;
    case refused_second: return error::operation_in_progress;
    case refused_size: return std::make_error_code(std::errc::message_size);
    case refused_flags: return std::make_error_code(std::errc::operation_not_supported);
    default: break;
    }
    return system_error_code(-answer_.result);
}

std::string operation::describe() const {
    std::string text = name();
    if (attached_ && descriptor_->knows_peer())
        text += " (peer " + descriptor_->peer().to_string() + ")";
    return text;
}

void operation::fail(std::error_code error, bool is_transfer, std::size_t bytes) const {
    throw_failure(error, describe(), is_transfer, bytes);
}

}  // namespace coil::COIL_ABI::detail
