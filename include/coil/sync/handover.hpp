// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#pragma once

#include <coil/version.hpp>

#include <atomic>
#include <coroutine>

#include <coil/coro/affinity.hpp>
#include <coil/coro/environment.hpp>
#include <coil/coro/scheduler.hpp>

namespace coil::COIL_ABI::detail {

/// One completion that comes from another thread to whoever waits for it on a loop: the meeting point of the two under
/// `one_shot` and `offload`. Values are their affair.
///
///     phase      idle ----expect---> waiting ----complete---> posting ----> over
///                     <--withdraw---
///                idle ------------------------complete--------------------> over
///
/// It is a block of its own, which both sides hold a reference to: so either may be gone before the other, and what another
/// thread posts is this, never something in a frame. Whoever is `posting` is inside the waiter's scheduler: nobody leaves
/// until that is over. So the scheduler may end as soon as all who waited on it have left.
///
/// Threads:  complete() and the references: any. The rest: the thread of who waits.
class handover : public node {
public:
    void release() noexcept;

    // ---- who waits -------------------------------------------------------------------------------------------------

    /// From now on `waiter` is given its turn when it is complete. False if it is already: its turn is up to the caller.
    [[nodiscard]] bool expect(awaited& waiter) noexcept;
    /// Nobody waits any more. False if it comes too late: it is complete, and the waiter's turn comes.
    bool withdraw() noexcept;
    /// Nobody waits any more, whether or not it is complete. Last in every wait.
    void leave() noexcept;
    /// Whether the loop of the one who waits has ended, and left the waiting frame as it is: it is never resumed.
    [[nodiscard]] bool is_orphaned() const noexcept { return loop_.has_ended(); }
    /// Returns when it is complete, and nobody uses the scheduler any more. Holds the thread.
    void wait() noexcept;

    [[nodiscard]] awaited* waiter() const noexcept { return waiter_; }
    // Acquire: pairs with complete(); the values are there.
    [[nodiscard]] bool is_complete() const noexcept {
        return phase_of(state_.load(std::memory_order_acquire)) >= posting;
    }

    // ---- who completes ---------------------------------------------------------------------------------------------

    /// Once, when the values are in their place. It takes a reference away, which a post keeps until its turn: so with
    /// somebody waiting it is the waiting thread that has the last one, and recycles the block.
    void complete() noexcept;

    // ---- the loop --------------------------------------------------------------------------------------------------

    std::coroutine_handle<> run() noexcept override;
    void abandon() noexcept override;

protected:
    /// With two references: of who made it, and of who completes it.
    handover() noexcept = default;
    ~handover() = default;

    /// The last reference is gone: destroys this, on whatever thread.
    virtual void discard() noexcept = 0;

private:
    enum phase : unsigned { idle, waiting, posting, over };
    static constexpr unsigned reference = 4;  // the phase stands below the references

    static constexpr phase phase_of(unsigned state) noexcept { return static_cast<phase>(state % reference); }
    bool change(phase from, phase to) noexcept;

    std::atomic<unsigned> state_{2 * reference + idle};
    scheduler* scheduler_ = nullptr;  // while waiting or posting
    affinity loop_;                   // whether that is still there
    awaited* waiter_ = nullptr;       // the waiting thread's own
};

}  // namespace coil::COIL_ABI::detail
