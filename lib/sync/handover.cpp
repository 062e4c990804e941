// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#include <coil/sync/handover.hpp>

#include <array>
#include <cstddef>
#include <cstdint>

#include <coil/base/assert.hpp>

namespace coil::COIL_ABI::detail {
namespace {

// The address that wait() sleeps on. It is outside the handover, because the handover may be destroyed as
// soon as the completing thread has set `over`. Several handovers share one address, so wake-ups may be
// spurious.
struct alignas(64) departures {
    std::atomic<unsigned> count{0};

    static departures& of(const void* place) noexcept {
        static constinit std::array<departures, 16> all;
        return all[reinterpret_cast<std::uintptr_t>(place) / 64 % all.size()];
    }
};

}  // namespace

void handover::release() noexcept {
    // The release orders this thread's accesses before the destruction. The acquire lets the destroying
    // thread see the accesses of the other threads.
    if (state_.fetch_sub(reference, std::memory_order_acq_rel) < 2 * reference)
        discard();
}

// ---- waiting side -----------------------------------------------------------------------------------------

// Changes the phase from `from` to `to`. Returns false if the phase was not `from`. The release pairs with
// the acquire in complete(), which reads scheduler_. The acquire pairs with the release in complete(), so
// that a waiter that finds the handover complete sees the stored values.
bool handover::change(phase from, phase to) noexcept {
    unsigned seen = state_.load(std::memory_order_acquire);
    do {
        if (phase_of(seen) != from)
            return false;
    } while (!state_.compare_exchange_weak(seen, seen - from + to, std::memory_order_release,
                                           std::memory_order_acquire));
    return true;
}

bool handover::expect(awaited& waiter) noexcept {
    COIL_ASSERT(!waiter_);
    waiter_ = &waiter;
    scheduler_ = &waiter.env().scheduler();
    loop_ = affinity(*scheduler_);
    return change(idle, waiting);
}

bool handover::withdraw() noexcept {
    if (!change(waiting, idle))
        return false;
    waiter_ = nullptr;
    return true;
}

void handover::leave() noexcept {
    if (!waiter_ || withdraw())
        return;
    wait();
    waiter_ = nullptr;
}

void handover::wait() noexcept {
    // complete() first sets the phase to `over`, then increments the count, and then wakes the sleepers. If
    // this thread reads the incremented count, the acquire makes the phase `over` visible. If this thread
    // reads the old count, count.wait() returns as soon as the count has changed.
    departures& here = departures::of(this);
    for (;;) {
        const unsigned seen = here.count.load(std::memory_order_acquire);
        if (phase_of(state_.load(std::memory_order_acquire)) == over)
            return;
        here.count.wait(seen, std::memory_order_acquire);
    }
}

// ---- completing side --------------------------------------------------------------------------------------

void handover::complete() noexcept {
    unsigned seen = state_.load(std::memory_order_relaxed);
    unsigned next;
    // The release pairs with the waiting thread's acquires, so that the waiting thread sees the stored
    // values. The acquire pairs with the release in change(), so that this thread reads the scheduler_ of the
    // latest waiter.
    do {
        COIL_ASSERT(phase_of(seen) <= waiting);  // complete() is called only once
        next = phase_of(seen) == waiting ? seen - waiting + posting : seen - idle + over - reference;
    } while (!state_.compare_exchange_weak(seen, next, std::memory_order_acq_rel, std::memory_order_relaxed));

    if (phase_of(next) == posting) {
        departures& here = departures::of(this);
        const bool is_seen = !is_orphaned();
        if (is_seen)
            scheduler_->post(*this);
        // A posted handover may be freed as soon as its phase is `over`.
        state_.fetch_add(over - posting, std::memory_order_release);
        here.count.fetch_add(1);  // before notify_all() checks for sleepers
        here.count.notify_all();
        if (!is_seen)
            release();
    } else if (next < reference) {
        discard();
    }
}

// ---- the loop ---------------------------------------------------------------------------------------------

std::coroutine_handle<> handover::run() noexcept {
    // If expect() has returned false to the current waiter, that waiter is already in the ready list. Do not
    // resume it a second time.
    awaited* const next = waiter_ && waiter_->is_suspended() && !waiter_->is_linked() ? waiter_ : nullptr;
    release();
    return next ? next->run() : nullptr;
}

void handover::abandon() noexcept { release(); }

}  // namespace coil::COIL_ABI::detail
