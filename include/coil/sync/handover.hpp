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

/// Delivers one completion from any thread to a waiter on an event loop. `one_shot`, `offload` and the
/// resolver use this class. A derived class stores the value, if there is one.
///
///     phase      idle ----expect---> waiting ----complete---> posting ----> over
///                     <--withdraw---
///                idle ------------------------complete--------------------> over
///
/// A handover is a reference-counted heap block. The waiter and the completer each hold a reference, so
/// either may end first. The completing thread posts the handover to the scheduler, never an object in a
/// coroutine frame. In phase `posting`, the completing thread is calling the waiter's scheduler, so leave()
/// blocks until that phase has ended. A scheduler may therefore end as soon as all its waiters have called
/// leave().
///
/// Threads:  complete() and release() may be called on any thread. Call all other functions only on the
///           waiter's thread.
class handover : public node {
public:
    void release() noexcept;

    // ---- waiting side -------------------------------------------------------------------------------------

    /// Registers `waiter`, so that complete() will resume it. Returns false if the handover is already
    /// complete. In that case, the caller must resume the waiter.
    [[nodiscard]] bool expect(awaited& waiter) noexcept;
    /// Unregisters the waiter. Returns false if the handover is already complete. In that case, the waiter
    /// will be resumed.
    bool withdraw() noexcept;
    /// Unregisters the waiter, whether or not the handover is complete. Every wait must end with a call of
    /// leave(). Blocks while the completing thread is calling the scheduler.
    void leave() noexcept;
    /// Returns true if the waiter's scheduler has ended without destroying the waiting frame. The waiter then
    /// never resumes.
    [[nodiscard]] bool is_orphaned() const noexcept { return loop_.has_ended(); }
    /// Blocks the thread until the handover is complete and the completing thread no longer uses the
    /// scheduler.
    void wait() noexcept;

    [[nodiscard]] awaited* waiter() const noexcept { return waiter_; }
    // The acquire pairs with the release in complete(), so that the caller sees the stored values.
    [[nodiscard]] bool is_complete() const noexcept {
        return phase_of(state_.load(std::memory_order_acquire)) >= posting;
    }

    // ---- completing side ----------------------------------------------------------------------------------

    /// Completes the handover and takes over the completer's reference. Call this once, after storing the
    /// values. If the handover is posted, the reference is dropped in run(), so that the waiting thread drops
    /// the last reference and recycles the block. Otherwise, complete() drops the reference.
    void complete() noexcept;

    // ---- the loop -----------------------------------------------------------------------------------------

    std::coroutine_handle<> run() noexcept override;
    void abandon() noexcept override;

protected:
    /// Starts with two references, one for the creator and one for the completer.
    handover() noexcept = default;
    ~handover() override = default;

    /// Destroys this object. Called on the thread that drops the last reference.
    virtual void discard() noexcept = 0;

private:
    enum phase : unsigned { idle, waiting, posting, over };
    static constexpr unsigned reference = 4;  // the phase is stored in the bits below the refcount

    static constexpr phase phase_of(unsigned state) noexcept { return static_cast<phase>(state % reference); }
    bool change(phase from, phase to) noexcept;

    std::atomic<unsigned> state_{2 * reference + idle};
    scheduler* scheduler_ = nullptr;  // valid while waiting or posting
    affinity loop_;                   // shows whether scheduler_ still exists
    awaited* waiter_ = nullptr;       // accessed only by the waiting thread
};

}  // namespace coil::COIL_ABI::detail
