// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#include <coil/loop/submission.hpp>

#include <algorithm>
#include <utility>

#include <coil/loop/event_loop.hpp>
#include <coil/loop/operation.hpp>

#include "base/report.hpp"
#include "loop/descriptor_table.hpp"
#include "loop/patience.hpp"
#include "loop/tags.hpp"
#include "ring/ring.hpp"
#include "ring/user_memory.hpp"

namespace coil::COIL_ABI::detail {
namespace {

// The number of times that a cancel is repeated without a pause.
constexpr unsigned repeats_max = 3;

const char* name_of(std::uint32_t opcode) noexcept {
    switch (opcode) {
    case IORING_OP_RECV: return "recv";
    case IORING_OP_RECVMSG: return "recvmsg";
    case IORING_OP_SEND: return "send";
    case IORING_OP_SENDMSG: return "sendmsg";
    case IORING_OP_ACCEPT: return "accept";
    case IORING_OP_CONNECT: return "connect";
    case IORING_OP_POLL_ADD: return "poll";
    case IORING_OP_READ:
    case IORING_OP_READV: return "read";
    case IORING_OP_WRITE:
    case IORING_OP_WRITEV: return "write";
    default: return "an operation";
    }
}

}  // namespace

// ---- operations -------------------------------------------------------------------------------------------

void submission::submit(operation& request) noexcept {
    if (deferred_.empty() && try_submit(request)) [[likely]]
        return;
    request.on_deferred();
    deferred_.push_back(request);
}

bool submission::try_submit(operation& request) noexcept {
    io_uring_sqe* sqe = is_settling_ ? nullptr : slot();
    if (!sqe)
        return false;
    request.on_submitted(*sqe);
    ++in_kernel_;
    return true;
}

io_uring_sqe* submission::slot() noexcept {
    ring::ring& ring = *context_.ring_;
    io_uring_sqe* sqe = ring.get_sqe();
    if (sqe || !ring.is_enabled())
        return sqe;
    ring.enter(0);  // the ring is full, so submit its SQEs and try again
    return ring.get_sqe();
}

void submission::pause(operation& request) noexcept {
    request.on_paused();
    paused_.push_back(request);
}

void submission::completed() noexcept {
    COIL_CHECK(in_kernel_ > 0);  // otherwise, there were more completions than submissions
    --in_kernel_;
}

void submission::flush() noexcept {
    submit_cancels();
    while (!deferred_.empty() && try_submit(deferred_.front()))
        ;
}

void submission::collect_now() noexcept {
    ring::ring& ring = *context_.ring_;
    if (ring.unsubmitted() > 0 || ring.has_deferred_work())
        ring.enter(0);
    context_.collect();
}

// ---- cancels ----------------------------------------------------------------------------------------------

void submission::cancel(operation& request) noexcept {
    if (request.is_submitted()) {
        if (request.on_cancel())
            (submit_cancel(request) ? cancelling_ : cancels_).push_back(request);
    } else if (request.is_queued()) {
        request.unlink();
        request.finish(-ECANCELED);
    }
}

void submission::cancel_deferred(const descriptor& record) noexcept {
    for (operations* list: {&deferred_, &paused_})
        list->for_each([&](operation& each) {
            if (each.is_of(record))
                cancel(each);
        });
}

// Fills in the SQE of a cancel. The cancel and its target go through the same queue, so the kernel gets the
// cancel after its target, and before any later operation that is created at the same memory address. Returns
// false if no SQE is free.
bool submission::submit_cancel(operation& request) noexcept {
    io_uring_sqe* sqe = slot();
    if (!sqe)
        return false;
    ++context_.counts_.cancels;
    io_uring_prep_cancel64(sqe, reinterpret_cast<std::uintptr_t>(&request), 0);
    sqe->flags |= IOSQE_CQE_SKIP_SUCCESS;
    sqe->user_data = cancel_tag;
    return true;
}

void submission::submit_cancels() noexcept {
    while (!cancels_.empty() && submit_cancel(cancels_.front()))
        cancelling_.push_back(cancels_.front());
}

// The completion of a cancel does not name the target, because the target may have been destroyed and another
// operation may have been created at the same memory address. This function therefore repeats the cancels of
// all operations in `cancelling_`, which have not ended yet and therefore still exist.
void submission::repeat_missed_cancels() noexcept {
    const bool is_missed = std::exchange(cancel_missed_, false);
    if (cancelling_.empty()) {
        cancel_retry_at_ = time_point::max();
        cancel_pause_ = retry_pause_min;
        return;
    }
    const time_point when = context_.now();
    if (when >= cancel_retry_at_) {
        cancels_.splice_back(cancelling_);
        cancel_pause_ = std::min(2 * cancel_pause_, retry_pause_max);
        cancel_retry_at_ = when + cancel_pause_;
    } else if (is_missed) {
        cancelling_.for_each([&](operation& each) {
            if (each.may_repeat_cancel(repeats_max))
                cancels_.push_back(each);
        });
        cancel_retry_at_ = std::min(cancel_retry_at_, when + cancel_pause_);
    }
    submit_cancels();
}

// ---- teardown of operations and records -------------------------------------------------------------------

// Waits without a time limit, because the kernel may write to the operation's memory until the operation has
// completed.
void submission::retire(operation& request) noexcept {
    if (request.is_stuck()) {
        abandon_stuck(request);
        return;
    }
    cancel(request);
    if (context_.ring_->is_lost())
        abort_in_kernel();
    const auto is_over = [&request] { return !request.is_submitted(); };
    for (auto limit = patience; !is_over() && !enter_until(is_over, context_.now() + limit);
         limit = 2 * limit)
        report_format(
            "%s on descriptor %d is being destroyed, and the kernel has not ended it %lld s after its "
            "cancel; the loop waits for it, because its memory can't be freed before",
            name_of(request.opcode()), request.descriptor_number(), static_cast<long long>(limit.count()));
}

// Ends a stuck operation, which belongs to an earlier ring. No cancel can reach a stuck operation, and a
// stuck operation never completes, so this function does not wait for the operation.
void submission::abandon_stuck(operation& request) noexcept {
    report_format(
        "%s on descriptor %d is being destroyed, and the kernel has not released it since its thread "
        "ended; it may still write into the buffers",
        name_of(request.opcode()), request.descriptor_number());
    request.unlink();
    request.on_abandoned();
}

std::size_t submission::count_stuck(const descriptor& record) noexcept {
    std::size_t count = 0;
    stuck_.for_each([&](const operation& each) { count += each.is_of(record); });
    return count;
}

// Waits at most 2 s. The tasks that own the record's operations keep the memory of the operations allocated,
// so an operation that the kernel cannot end may be left in flight. Stuck operations were already reported
// when their thread ended, and this function does not wait for them.
void submission::retire(descriptor& record) noexcept {
    if (context_.ring_->is_lost())
        abort_in_kernel();
    const std::size_t stuck = count_stuck(record);
    const auto is_over = [&] { return record.in_flight() == stuck; };
    if (is_over() || enter_until(is_over, context_.now() + patience))
        return;
    for_each_listed(record, [&record](const operation& request) {
        report_format(
            "descriptor %d is being closed, and the kernel has not ended %s %lld s after its cancel; "
            "it is left in flight",
            record.number(), request.name(), static_cast<long long>(patience.count()));
    });
}

// Enters the kernel and collects completions, including those of other operations, until `is_over` returns
// true. Returns false if the deadline passes first.
template <class IsOver>
bool submission::enter_until(const IsOver& is_over, time_point deadline) noexcept {
    context_.require_thread("socket: closed or destroyed, with an operation pending,");
    do {
        flush();
        enter_for_cancels(deadline);
    } while (!is_over() && context_.now() < deadline);
    return is_over();
}

// Submits everything that is queued, including the cancels, with one call of io_uring_enter, and collects
// completions. The call takes 2 to 5 us. It returns early when the cancels must be repeated.
void submission::enter_for_cancels(time_point deadline) noexcept {
    if (cancel_retry_at_ == time_point::max())
        cancel_retry_at_ = context_.now() + cancel_pause_;
    const time_point end = std::min(deadline, cancel_retry_at_);
    if (context_.enter_or_pause(1, end) < 0)
        context_.kernel().wait_for_wake(end);
    context_.collect();
}

template <class F>
void submission::for_each_listed(const descriptor& record, const F& each) noexcept {
    for (operations* list: {&deferred_, &paused_, &cancels_, &cancelling_})
        list->for_each([&](operation& one) {
            if (one.is_of(record))
                each(one);
        });
}

void submission::interrupt(const descriptor& record) noexcept {
    for_each_listed(record, [](operation& request) { request.interrupt(); });
}

// ---- teardown of the context ------------------------------------------------------------------------------

void submission::settle(time_point deadline) noexcept {
    is_settling_ = true;
    context_.descriptors().for_each([this](descriptor& record) {
        record.in_kernel().for_each([this](operation& each) { cancel(each); });
    });
    while (in_kernel_ > 0 && context_.now() < deadline) {
        submit_cancels();
        enter_for_cancels(deadline);
    }
}

void submission::abort_in_kernel() noexcept {
    const auto abort = [this](operations& list) {
        while (!list.empty()) {
            --in_kernel_;
            list.pop_front().on_aborted();
        }
    };
    context_.descriptors().for_each([&](descriptor& record) { abort(record.in_kernel()); });
    abort(cancels_);
    abort(cancelling_);
}

// Moves the operations in the kernel to the list of stuck operations. Stuck operations never complete, and
// their frames stay allocated, because the kernel may still write to their buffers. The ring to which these
// operations belong is closed, so the next owner of the context neither waits for them nor cancels them.
void submission::leave_stuck() noexcept {
    is_stuck_ = true;
    const auto leave = [this](operations& list) {
        while (!list.empty()) {
            operation& request = list.pop_front();
            request.on_stuck();
            stuck_.push_back(request);
            --in_kernel_;
        }
    };
    context_.descriptors().for_each([&](descriptor& record) { leave(record.in_kernel()); });
    leave(cancels_);
    leave(cancelling_);
}

void submission::report_in_flight() noexcept {
    report_format("%zu operations did not end within %lld s of their context; their memory is not freed",
                  in_kernel_, static_cast<long long>(patience.count()));
    const auto report = [](const operation& each) {
        report_format("  %s on descriptor %d", each.name(), each.descriptor_number());
    };
    context_.descriptors().for_each([&](descriptor& record) { record.in_kernel().for_each(report); });
    cancels_.for_each(report);
    cancelling_.for_each(report);
}

}  // namespace coil::COIL_ABI::detail
