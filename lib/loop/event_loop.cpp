// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#include <coil/loop/event_loop.hpp>

#include <algorithm>
#include <cerrno>
#include <poll.h>

#include <coil/base/prefetch.hpp>
#include <coil/loop/buffer_pool.hpp>
#include <coil/loop/co_spawn.hpp>
#include <coil/loop/operation.hpp>

#include "loop/context_life.hpp"
#include "loop/patience.hpp"
#include "loop/run_scope.hpp"
#include "loop/tags.hpp"
#include "loop/ticks.hpp"
#include "ring/ring.hpp"
#include "ring/user_memory.hpp"

// This file contains the loop, in order of execution. The code that binds a loop to its thread and ends the
// loop is in ownership.cpp.

namespace coil::COIL_ABI::detail {
namespace {

// Pauses the processor briefly between two checks for work. Spinning needs no system call, because the flag
// that says whether there is work is in memory shared with the kernel.
void spin_once() noexcept {
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#endif
}

// If more operations than this are in flight, their memory no longer fits into the CPU cache, so prefetching
// is worthwhile. With fewer operations, prefetching only costs time. A portion is a group of completions
// whose memory is prefetched together.
constexpr std::size_t operations_in_cache = 256;
constexpr unsigned portion_max = 32;

// If io_uring_enter returns EINTR more than this number of times in succession, each further EINTR counts as
// a refusal. The pause after a refusal doubles each time, up to 32 ms.
constexpr unsigned interrupts_max = 16;
constexpr unsigned pause_doublings_max = 5;

}  // namespace

std::size_t event_loop::run_iterations(time_point deadline, std::size_t limit, bool may_wait,
                                       const char* call) {
    // A context that is being destroyed must not get a new ring.
    if (stopped() || closing_)
        return 0;
    run_scope here(*this, call);
    std::size_t ran = 0;
    while (!stopped() && ran < limit) {
        const std::size_t ran_now = iterate(deadline, limit - ran, may_wait, call);
        ran += ran_now;
        const bool is_late = deadline != time_point::max() && now() >= deadline;
        const bool is_drained = !may_wait && ran_now == 0 && ready_.empty();
        if (!has_work())
            stopped_.store(true, std::memory_order_release);
        else if (is_late || is_drained)
            break;
    }
    return ran;
}

// One iteration of the loop.
std::size_t event_loop::iterate(time_point deadline, std::size_t limit, bool may_wait, const char* call) {
    // 1. Resume the tasks that are ready.
    const std::size_t ran = resume_ready(limit);
    if (!ring_->is_enabled()) [[unlikely]]  // a task has called fork(), and this is the child
        throw_failure(error::wrong_process, call);

    // 2. In one system call, submit everything that is queued and, if nothing is ready, wait for a
    // completion.
    pools_.serve_waiting();
    submissions_.flush();
    if (!wake_armed_) [[unlikely]]
        arm_wake();
    const bool is_idle =
        may_wait && ran < limit && ready_.empty() && inbox_.empty() && !stopped() && has_work();
    // An operation that found no free SQE must not wait until another operation completes. The enter() below
    // frees SQEs without waiting, and the next iteration submits the operation.
    const bool can_be_woken = wake_armed_ || wake_retry_at_ != time_point::max();
    const bool has_room = !submissions_.is_waiting_for_slot() && can_be_woken;
    if (is_idle && has_room && !options_.spin)
        enter(1, std::min({timers_.empty() ? deadline : std::min(deadline, timers_.next()),
                           submissions_.next_repeat(), wake_retry_at_}));
    else if (ring_->unsubmitted() > 0 || ring_->has_deferred_work())
        enter(0, is_idle ? deadline : time_point::min());
    else if (is_idle)
        spin_once();

    // 3. Collect the completions. Tasks that wait for them become ready.
    collected_ = collect();

    // 4. Drain posts from other threads, and expire timers.
    if (!inbox_.empty())
        inbox_.drain(ready_);
    if (!timers_.empty())
        timers_.expire(now(), ready_);
    return ran;
}

// Resumes the items that are ready when the iteration begins. Items that become ready later wait for the next
// iteration, so a task that never waits cannot starve completions.
std::size_t event_loop::resume_ready(std::size_t limit) {
    const std::uint64_t begin = ticks();
    std::size_t ran = 0;
    sent_directly_ = 0;
    batch_.splice_back(ready_);
    while (!batch_.empty() && ran < limit && !stopped()) {
        resume(batch_.pop_front());
        ++ran;
        tasks_.reap();
        if (tasks_.has_exception()) [[unlikely]]
            break;
    }
    ready_.splice_front(batch_);
    if (ran > 0)
        busy_max_ = std::max(busy_max_, ticks() - begin);
    counts_.resumptions += ran;
    counts_.ready_max = std::max<unsigned long long>(counts_.ready_max, ran);
    tasks_.throw_exception();
    return ran;
}

void event_loop::enter(unsigned wait, time_point deadline) {
    if (const int failure = enter_or_pause(wait, deadline); failure < 0)
        throw_failure(system_error_code(-failure), kernel().wait_call());
}

// Enters the kernel once. If the kernel refuses the call with an error that may be temporary, pauses, so that
// an idle loop does not spin, and returns 0. Returns any other error as a negative errno.
int event_loop::enter_or_pause(unsigned wait, time_point deadline) noexcept {
    const int failure = ring_->enter(wait, deadline);
    switch (-failure) {
    case 0:
    case ETIME: refusals_ = 0; return 0;
    case EINTR:  // a signal; many in a row count as a refusal
        if (++refusals_ <= interrupts_max)
            return 0;
        break;
    case EAGAIN:
    case EBUSY:
    case ENOMEM:
        // The kernel is short of memory, or it refuses new SQEs until completions have been collected. Queued
        // SQEs stay queued.
        ++refusals_;
        break;
    default: return failure;
    }
    pause_loop(deadline);
    return 0;
}

// Waits for completions, for a wake-up by another thread, or for a time limit that grows with each refusal
// (back-off). If the kernel refuses the wait in the ring, waits only for a wake-up or the time limit.
void event_loop::pause_loop(time_point deadline) noexcept {
    if (ring_->has_completions())
        return;
    const time_point start = now();
    const auto length = std::chrono::milliseconds(1) * (1 << std::min(refusals_ - 1, pause_doublings_max));
    const time_point end = std::min(deadline, start + length);
    if (end > start && ring_->pause(end) < 0)
        kernel().wait_for_wake(end);
}

// Dispatches the completions in order, so that operations become ready in the order in which they ended.
// Returns the number of completions.
unsigned event_loop::collect() noexcept {
    unsigned collected = 0;
    for (bool is_all = false; !is_all;) {
        if (submissions_.in_kernel() >= operations_in_cache)
            fetch_portion();
        const unsigned handed =
            ring_->collect([this](const io_uring_cqe& cqe) { dispatch(cqe); }, portion_max);
        collected += handed;
        is_all = handed < portion_max;
    }
    if (!wake_armed_ && ring_->is_enabled())
        arm_wake();
    submissions_.repeat_cancels();
    return collected;
}

void event_loop::dispatch(const io_uring_cqe& cqe) noexcept {
    if (cqe.user_data < tags_end) {
        if (cqe.user_data == cancel_tag)
            submissions_.cancel_missed();
        else if (cqe.user_data == wake_tag && !(cqe.flags & IORING_CQE_F_MORE))
            wake_poll_ended(cqe.res);
        return;
    }
    operation& request = *reinterpret_cast<operation*>(cqe.user_data);
    if (cqe.flags & (IORING_CQE_F_MORE | IORING_CQE_F_BUFFER))
        request.more({cqe.res, cqe.flags});
    if (cqe.flags & IORING_CQE_F_MORE)
        return;
    ring::check_completed(&request);
    submissions_.completed();
    request.on_completion({cqe.res, cqe.flags});
}

// Completing an operation means following pointers: from the operation to its record, then to the record's
// source and first waiting operation, then to the task's environment and frame. With many connections, each
// step is a cache miss. This function therefore prefetches one level at a time: first the operations of all
// completions in the portion, then all their records, and so on. With 1024 connections, this saves about 4 %
// of the CPU time.
void event_loop::fetch_portion() noexcept {
    const auto each = [this](auto&& fetch) {
        ring_->peek(
            [&](const io_uring_cqe& cqe) {
                if (cqe.user_data >= tags_end)
                    fetch(*reinterpret_cast<operation*>(cqe.user_data));
            },
            portion_max);
    };
    each([](operation& request) { prefetch(&request, sizeof request); });
    each([](operation& request) { prefetch(request.descriptor_, sizeof(descriptor)); });
    each([](operation& request) {
        prefetch(request.descriptor_->source(), 160);
        if (operation* waiting = request.descriptor_->first_waiting())
            prefetch(waiting, sizeof *waiting);
    });
    each([](operation& request) {
        operation* waiting = request.descriptor_->first_waiting();
        (waiting ? waiting : &request)->prefetch_waiter();
    });
}

// Reads the guards before the inbox. A thread may post a node and then release the last guard. If the acquire
// load of the guards sees the release, the later check of the inbox sees the node.
bool event_loop::has_work() const noexcept {
    return work_ > 0 || !ready_.empty() || guards_.load(std::memory_order_acquire) > 0 || !inbox_.empty();
}

// ---- from other threads -----------------------------------------------------------------------------------

// After inbox_.push(), the owner may run the item, return from run(), and destroy the context. The calls of
// life.enter() and life.leave() keep the context alive until wake() has returned. `item` may be destroyed
// earlier.
void event_loop::post(node& item) noexcept {
    if (is_owner()) {
        ready_.push_back(item);
        return;
    }
    context_life& life = *self_.life();
    if (!life.enter()) {
        item.abandon();
        return;
    }
    if (inbox_.push(item))
        kernel().wake();
    life.leave();
}

void event_loop::guard_released() noexcept {
    if (guards_.fetch_sub(1, std::memory_order_acq_rel) == 1)
        kernel().wake();
}

void event_loop::arm_wake() noexcept {
    if (wake_retry_at_ != time_point::max() && now() < wake_retry_at_)
        return;
    io_uring_sqe* sqe = submissions_.slot();
    if (!sqe)
        return;  // the next iteration tries again before it waits
    wake_retry_at_ = time_point::max();
    io_uring_prep_poll_multishot(sqe, kernel().wake_descriptor(), POLLIN);
    sqe->user_data = wake_tag;
    wake_armed_ = true;
}

// Called when the wake-up poll has ended. A refused poll is submitted again after a pause. Other threads
// cannot wake the loop until then, so the loop sleeps no longer than this pause and then checks its inbox.
void event_loop::wake_poll_ended(int result) noexcept {
    wake_armed_ = false;
    if (result >= 0) {
        wake_pause_ = retry_pause_min;
        return;
    }
    wake_retry_at_ = now() + wake_pause_;
    wake_pause_ = std::min(2 * wake_pause_, retry_pause_max);
}

void event_loop::report(const task_failure& failure) noexcept { tasks_.report(failure); }

ring::ring& event_loop::opened_ring() {
    if (!ring_->is_open())
        open_ring();
    return *ring_;
}

ring::kernel& event_loop::kernel() const noexcept { return ring_->behind(); }

time_point event_loop::now() const noexcept { return kernel().now(); }

}  // namespace coil::COIL_ABI::detail
