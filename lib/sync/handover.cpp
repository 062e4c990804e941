// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#include <coil/sync/handover.hpp>

#include <array>
#include <cstddef>
#include <cstdint>

#include <coil/base/assert.hpp>

namespace coil::COIL_ABI::detail {
namespace {

// Where to sleep until somebody who is posting has come out. Not in the handover: the last thing that he does to it is to
// say so, then it may be gone. Several share one, so a sleeper may be woken for another's sake.
struct alignas(64) departures {
    std::atomic<unsigned> count{0};

    static departures& of(const void* place) noexcept {
        static constinit std::array<departures, 16> all;
        return all[reinterpret_cast<std::uintptr_t>(place) / 64 % all.size()];
    }
};

}  // namespace

void handover::release() noexcept {
    // Release: what this thread did here comes before the destruction. Acquire: on the thread that destroys.
    if (state_.fetch_sub(reference, std::memory_order_acq_rel) < 2 * reference)
        discard();
}

// ---- who waits -----------------------------------------------------------------------------------------------------

// False if the phase was not `from`. Release: pairs with the acquire in complete(), which finds the scheduler of who waits.
// Acquire: pairs with the release there; who comes too late finds the values.
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
    // Acquire, both: pairs with the last lines of complete(). Who sees the count that was made there sees the phase; who
    // doesn't is woken, or doesn't fall asleep.
    departures& here = departures::of(this);
    for (;;) {
        const unsigned seen = here.count.load(std::memory_order_acquire);
        if (phase_of(state_.load(std::memory_order_acquire)) == over)
            return;
        here.count.wait(seen, std::memory_order_acquire);
    }
}

// ---- who completes -------------------------------------------------------------------------------------------------

void handover::complete() noexcept {
    unsigned seen = state_.load(std::memory_order_relaxed);
    unsigned next;
    // Release: pairs with the acquires of who waits, who then finds the values. Acquire: pairs with the release in
    // expect(); the scheduler is the latest waiter's.
    do {
        COIL_ASSERT(phase_of(seen) <= waiting);  // it is completed once
        next = phase_of(seen) == waiting ? seen - waiting + posting : seen - idle + over - reference;
    } while (!state_.compare_exchange_weak(seen, next, std::memory_order_acq_rel, std::memory_order_relaxed));

    if (phase_of(next) == posting) {
        departures& here = departures::of(this);
        const bool is_seen = !is_orphaned();
        if (is_seen)
            scheduler_->post(*this);
        // From here on this may be gone, if it was posted.
        state_.fetch_add(over - posting, std::memory_order_release);
        here.count.fetch_add(1);  // before notify_all looks whether anyone sleeps
        here.count.notify_all();
        if (!is_seen)
            release();
    } else if (next < reference) {
        discard();
    }
}

// ---- the loop ------------------------------------------------------------------------------------------------------

std::coroutine_handle<> handover::run() noexcept {
    // One that came later, found it complete, and has a turn of its own, needs none from here.
    awaited* const next = waiter_ && waiter_->is_suspended() && !waiter_->is_linked() ? waiter_ : nullptr;
    release();
    return next ? next->run() : nullptr;
}

void handover::abandon() noexcept { release(); }

}  // namespace coil::COIL_ABI::detail
