// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#include <coil/loop/io_context.hpp>

#include <algorithm>
#include <cerrno>
#include <poll.h>
#include <type_traits>

#include <coil/base/prefetch.hpp>
#include <coil/loop/buffer_pool.hpp>
#include <coil/loop/co_spawn.hpp>
#include <coil/loop/operation.hpp>

#include "loop/attendance.hpp"
#include "loop/context_life.hpp"
#include "loop/datagram_layout.hpp"
#include "loop/tags.hpp"
#include "loop/ticks.hpp"
#include "ring/ring.hpp"
#include "ring/user_memory.hpp"

// The loop, in the order in which it happens. How a context comes to its thread, and how it ends, is in ownership.cpp.

namespace coil::COIL_ABI {
namespace {

// The flag that says whether there is work is in memory that we share with the kernel: to look at it costs no system call.
void spin_once() noexcept {
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#endif
}

// More operations than this have more memory than is nearby, and it pays to ask for it before it is needed; fewer, and it
// costs. A portion is what is asked for at once.
constexpr std::size_t operations_in_cache = 256;
constexpr unsigned portion_max = 32;

// Of the pool for bulk. A few are enough: those who wait for one wait for little, and all of them fit into a core's cache.
constexpr std::size_t bulk_entry = 128 * 1024;
constexpr std::size_t bulk_share = 4;
constexpr std::size_t reserve_entry = 4096;
constexpr std::size_t reserve_share = 16;

}  // namespace

std::size_t io_context::run() { return run_turns(time_point::max(), static_cast<std::size_t>(-1), true); }

std::size_t io_context::run_one() { return run_turns(time_point::max(), 1, true); }

std::size_t io_context::run_until(time_point deadline) {
    return run_turns(deadline, static_cast<std::size_t>(-1), true);
}

std::size_t io_context::poll() { return run_turns(time_point::max(), static_cast<std::size_t>(-1), false); }

std::size_t io_context::poll_one() { return run_turns(time_point::max(), 1, false); }

// The store lets run() return, and the owner may then destroy the context: the visit keeps it until wake() has returned.
void io_context::stop() noexcept {
    detail::context_life& life = *self_.life();
    if (!life.enter())
        return;
    stopped_.store(true, std::memory_order_release);
    kernel().wake();
    life.leave();
}

std::size_t io_context::run_turns(time_point deadline, std::size_t limit, bool may_wait) {
    // A context that is being destroyed must not get a new ring.
    if (stopped() || closing_)
        return 0;
    attendance here(*this);
    std::size_t ran = 0;
    while (!stopped() && ran < limit) {
        const std::size_t ran_now = turn(deadline, limit - ran, may_wait);
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

// One turn of the loop.
std::size_t io_context::turn(time_point deadline, std::size_t limit, bool may_wait) {
    // 1. Resume what is ready.
    const std::size_t ran = resume_ready(limit);

    // 2. Submit everything that they asked for, and wait for an answer if there is nothing else to do: one system call.
    if (is_pool_exhausted_) [[unlikely]]
        serve_starved();
    submit_deferred();
    const bool is_idle =
        may_wait && ran < limit && ready_.empty() && inbox_.empty() && !stopped() && has_work();
    // What found no slot must not wait for somebody else's answer: this enter makes room, and the next turn goes on.
    const bool has_room = deferred_.empty() && cancels_.empty();
    if (is_idle && has_room && !options_.spin)
        enter(1, timers_.empty() ? deadline : std::min(deadline, timers_.next()));
    else if (ring_->unsubmitted() > 0 || ring_->has_deferred_work())
        enter(0, is_idle ? deadline : time_point::min());
    else if (is_idle)
        spin_once();

    // 3. Collect the answers. Whose they are becomes ready.
    collected_ = collect();

    // 4. What other threads have posted, and what time has brought.
    if (!inbox_.empty())
        inbox_.drain(ready_);
    if (!timers_.empty())
        timers_.expire(now(), ready_);
    return ran;
}

// Resumes what was ready when it began: what becomes ready meanwhile waits for the next turn, so that a task which never
// waits can't starve completions.
std::size_t io_context::resume_ready(std::size_t limit) {
    const std::uint64_t begin = ticks();
    std::size_t ran = 0;
    sent_directly_ = 0;
    batch_.splice_back(ready_);
    while (!batch_.empty() && ran < limit && !stopped()) {
        resume(batch_.pop_front());
        ++ran;
        if (!finished_.empty())
            reap_finished();
        if (thrown_) [[unlikely]]
            break;
    }
    ready_.splice_front(batch_);
    if (ran > 0)
        busy_max_ = std::max(busy_max_, ticks() - begin);
    counts_.resumptions += ran;
    counts_.ready_max = std::max<unsigned long long>(counts_.ready_max, ran);
    if (thrown_) [[unlikely]]
        std::rethrow_exception(std::exchange(thrown_, nullptr));
    return ran;
}

void io_context::reap_finished() {
    while (!finished_.empty() && !thrown_)
        static_cast<root_task&>(finished_.pop_front()).settle();
}

void io_context::enter(unsigned wait, time_point deadline) {
    switch (const int failure = ring_->enter(wait, deadline); -failure) {
    case 0:
    case EINTR:
    case ETIME: return;
    case EAGAIN:
    case EBUSY:
    case ENOMEM:
        // The kernel is short of memory, or wants its completions collected first. What is queued stays queued. A pause,
        // so that a loop with nothing else to do doesn't spin.
        if (const auto pause_end = std::min(deadline, now() + std::chrono::milliseconds(1));
            pause_end > now())
            ring_->pause(pause_end);
        return;
    default: throw_failure(system_error_code(-failure), "io_uring_enter");
    }
}

// In the order of the completions: of two operations that ended, the first is ready first.
unsigned io_context::collect() noexcept {
    unsigned collected = 0;
    for (bool is_all = false; !is_all;) {
        if (in_kernel_ >= operations_in_cache)
            fetch_portion();
        const unsigned handed =
            ring_->collect([this](const io_uring_cqe& cqe) { dispatch(cqe); }, portion_max);
        collected += handed;
        is_all = handed < portion_max;
    }
    if (!wake_armed_ && ring_->is_enabled())
        arm_wake();
    return collected;
}

void io_context::dispatch(const io_uring_cqe& cqe) noexcept {
    if (cqe.user_data < tags_end) {
        if (cqe.user_data == wake_tag && !(cqe.flags & IORING_CQE_F_MORE))
            wake_armed_ = false;
        return;
    }
    operation& asked = *reinterpret_cast<operation*>(cqe.user_data);
    if (cqe.flags & (IORING_CQE_F_MORE | IORING_CQE_F_BUFFER))
        asked.more({cqe.res, cqe.flags});
    if (cqe.flags & IORING_CQE_F_MORE)
        return;
    ring::check_completed(&asked);
    COIL_CHECK(in_kernel_ > 0);  // more answers than questions
    --in_kernel_;
    --asked.descriptor_->in_flight_;
    asked.unlink();
    asked.answer_ = {cqe.res, cqe.flags};
    const bool may_go_on = cqe.res < 0 || asked.takes_steps_;
    if (may_go_on && asked.next_step()) [[unlikely]]
        return;
    asked.complete();
}

// Of a thousand connections none is in a cache when its answer comes. To find an operation, its record, what fills
// that, who waits there, his environment and his coroutine one behind the other is a wait for memory each: here they are asked for in parallel, kind by
// kind, for all answers of a portion. With 1024 connections this is 4 % of the CPU time.
void io_context::fetch_portion() noexcept {
    const auto each = [this](auto&& fetch) {
        ring_->peek(
            [&](const io_uring_cqe& cqe) {
                if (cqe.user_data >= tags_end)
                    fetch(*reinterpret_cast<operation*>(cqe.user_data));
            },
            portion_max);
    };
    each([](operation& asked) { prefetch(&asked, sizeof asked); });
    each([](operation& asked) { prefetch(asked.descriptor_, sizeof(descriptor)); });
    each([](operation& asked) {
        prefetch(asked.descriptor_->source(), 160);
        if (operation* waiting = asked.descriptor_->first_waiting())
            prefetch(waiting, sizeof *waiting);
    });
    each([](operation& asked) {
        operation* waiting = asked.descriptor_->first_waiting();
        (waiting ? waiting : &asked)->prefetch_waiter();
    });
}

// The guards before the inbox: a thread that posts and then releases its guard has released the post to the acquire here.
bool io_context::has_work() const noexcept {
    return work_ > 0 || !ready_.empty() || guards_.load(std::memory_order_acquire) > 0 || !inbox_.empty();
}

// ---- questions to the kernel ---------------------------------------------------------------------------------------

io_uring_sqe* io_context::slot() noexcept {
    io_uring_sqe* sqe = ring_->get_sqe();
    if (sqe || !ring_->is_enabled())
        return sqe;
    ring_->enter(0);  // full: submit, then go on
    return ring_->get_sqe();
}

void io_context::submit(operation& asked) noexcept {
    if (deferred_.empty() && try_submit(asked))
        return;
    asked.state_ = operation::state::deferred;
    deferred_.push_back(asked);
}

bool io_context::try_submit(operation& asked) noexcept {
    io_uring_sqe* sqe = settling_ ? nullptr : slot();
    if (!sqe)
        return false;
    asked.prepare(*sqe);
    ring::check_submitted(*sqe, &asked);
    sqe->user_data = reinterpret_cast<std::uintptr_t>(&asked);
    asked.state_ = operation::state::submitted;
    asked.descriptor_->in_kernel_.push_back(asked);
    ++asked.descriptor_->in_flight_;
    ++in_kernel_;
    return true;
}

// What found no slot when it was asked: cancels first, so that they are never lost for want of one.
void io_context::submit_deferred() noexcept {
    submit_cancels();
    while (!deferred_.empty() && try_submit(deferred_.front()))
        ;
}

void io_context::submit_cancels() noexcept {
    while (!cancels_.empty() && ask_to_cancel(cancels_.front())) {
        operation& asked = cancels_.front();
        asked.descriptor_->in_kernel_.push_back(asked);
    }
}

void io_context::cancel(operation& asked) noexcept {
    switch (asked.state_) {
    case operation::state::waiting:
    case operation::state::deferred:
    case operation::state::paused:
        asked.unlink();
        asked.finish(-ECANCELED);
        break;
    case operation::state::submitted:
        if (withdraw(asked) || asked.cancel_asked_)
            break;
        asked.cancel_asked_ = true;
        if (!ask_to_cancel(asked))
            cancels_.push_back(asked);
        break;
    case operation::state::idle:
    case operation::state::done:
    case operation::state::taken: break;
    }
}

// Before the first run() the ring is disabled, and the kernel has seen nothing. An enter would make this thread the owner, though
// another one is to run the context: so the operation is taken out of the queue.
bool io_context::withdraw(operation& asked) noexcept {
    if (ring_->is_enabled() || !ring_->withdraw(reinterpret_cast<std::uintptr_t>(&asked), ignored_tag))
        return false;
    asked.unlink();
    --asked.descriptor_->in_flight_;
    --in_kernel_;
    asked.finish(-ECANCELED);
    return true;
}

// Those of a record's operations that are not in the kernel now, but in a list of the context instead of the record's.
void io_context::cancel_deferred(descriptor& record) noexcept {
    for (intrusive_list<operation>* list: {&deferred_, &paused_}) {
        for (operation* each = list->empty() ? nullptr : &list->front(); each;) {
            operation* next = list->next(*each);
            if (each->descriptor_ == &record)
                cancel(*each);
            each = next;
        }
    }
}

void io_context::pause(operation& asked) noexcept {
    asked.state_ = operation::state::paused;
    paused_.push_back(asked);
}

// The cancel goes through the same queue as its target, so it comes after it, and before whatever is at this address next.
bool io_context::ask_to_cancel(operation& asked) noexcept {
    io_uring_sqe* sqe = slot();
    if (!sqe)
        return false;
    ++counts_.cancels;
    io_uring_prep_cancel64(sqe, reinterpret_cast<std::uintptr_t>(&asked), 0);
    sqe->flags |= IOSQE_CQE_SKIP_SUCCESS;
    sqe->user_data = ignored_tag;
    return true;
}

void io_context::retire(operation& asked) noexcept {
    cancel(asked);
    while (asked.state_ == operation::state::submitted)
        enter_to_retire();
}

void io_context::retire(descriptor& record) noexcept {
    while (record.in_flight_ > 0)
        enter_to_retire();
}

// One enter submits all that is queued, the cancels among it, and brings the answers: 2 to 5 us. Other operations'
// answers met on the way are kept.
void io_context::enter_to_retire() noexcept {
    if (!ring_->is_enabled())
        adopt();
    require_thread("socket: closed or destroyed, with an operation pending,");
    submit_deferred();
    const int failure = ring_->enter(1);
    COIL_CHECK(failure == 0 || failure == -EINTR || failure == -EAGAIN || failure == -EBUSY ||
               failure == -ENOMEM);
    collect();
}

// ---- from other threads --------------------------------------------------------------------------------------------

// The push lets an awake loop run the item, return from run() and end the context: see stop(). `item` may be gone, too.
void io_context::post(node& item) noexcept {
    if (is_owner()) {
        ready_.push_back(item);
        return;
    }
    detail::context_life& life = *self_.life();
    if (!life.enter()) {
        item.abandon();
        return;
    }
    if (inbox_.push(item))
        kernel().wake();
    life.leave();
}

void io_context::guard_released() noexcept {
    if (guards_.fetch_sub(1, std::memory_order_acq_rel) == 1)
        kernel().wake();
}

void io_context::arm_wake() noexcept {
    io_uring_sqe* sqe = slot();
    if (!sqe)
        return;  // collect() tries again
    io_uring_prep_poll_multishot(sqe, kernel().wake_descriptor(), POLLIN);
    sqe->user_data = wake_tag;
    wake_armed_ = true;
}

// ---- buffers that the kernel fills ---------------------------------------------------------------------------------

buffer_pool& io_context::pool() {
    static_assert(std::extent_v<decltype(pools_)> == pool_group::count);
    static_assert(pool_group::reserve == pools_count - 1);
    auto& reserve = pools_[pool_group::reserve];
    if (!reserve)
        reserve = make_owned<buffer_pool>(*this, pool_group::reserve, options_.pool_size / reserve_share,
                                          reserve_entry);
    auto& made = pools_[pool_group::streams];
    if (!is_mine()) [[unlikely]]
        throw_failure(error::wrong_thread, "io_context::pool");
    if (!made)
        made = make_owned<buffer_pool>(*this, options_.pool_size);
    return *made;
}

buffer_pool* io_context::bulk_pool() noexcept {
    auto& made = pools_[pool_group::bulk];
    if (std::exchange(bulk_pool_wanted_, true))
        return made.get();
    try {
        if (!pool().is_incremental())
            made =
                make_owned<buffer_pool>(*this, pool_group::bulk, options_.pool_size / bulk_share, bulk_entry);
    } catch (const std::exception&) {
        return nullptr;  // streams go on with the entries that they have
    }
    return made.get();
}

buffer_pool& io_context::datagram_pool(bool trains) {
    const std::uint16_t group = trains ? pool_group::trains : pool_group::datagrams;
    auto& made = pools_[group];
    if (!is_mine()) [[unlikely]]
        throw_failure(error::wrong_thread, "io_context::datagram_pool");
    if (!made) {
        const std::size_t size_max = std::min(options_.datagram_max, datagram_size_max);
        const std::size_t entry_size =
            trains ? train_layout.entry_size(datagram_size_max) : single_layout.entry_size(size_max);
        made = make_owned<buffer_pool>(*this, group, options_.pool_size, entry_size);
    }
    return *made;
}

void io_context::serve_starved() noexcept {
    is_pool_exhausted_ = false;
    for (const auto& each: pools_)
        if (each && each->serve_starved())
            is_pool_exhausted_ = true;
}

std::size_t io_context::ahead_max() const noexcept {
    const auto& pool = pools_[pool_group::streams];
    return std::min(options_.ahead_max, pool ? pool->size() / 4 : 0);
}

void io_context::register_buffers(const ring::buffer_ring& buffers, std::uint16_t group, bool incremental) {
    if (const int failure = ring_->register_buffers(buffers, group, incremental); failure < 0)
        throw_failure(system_error_code(-failure), "io_uring_register(IORING_REGISTER_PBUF_RING)");
}

// ---- what it knows -------------------------------------------------------------------------------------------------

ring::kernel& io_context::kernel() const noexcept { return ring_->behind(); }

time_point io_context::now() const noexcept { return kernel().now(); }

io_context::counters io_context::metrics() const noexcept {
    counters now = counts_;
    now.enters = ring_->enters();
    now.submissions = ring_->submissions();
    now.completions = ring_->completions();
    now.overflows = ring_->overflows();
    now.busy_max = nanoseconds_of(busy_max_, first_tick_, first_time_);
    now.held = held_;
    for (const auto& each: pools_) {
        if (!each)
            continue;
        now.starved += each->counts().starved;
        now.copied += each->counts().copied;
        now.pinned += each->counts().pinned;
        now.pinned_max += each->counts().pinned_max;
    }
    return now;
}

}  // namespace coil::COIL_ABI
