// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#pragma once

#include <coil/version.hpp>

#include <atomic>

namespace coil::COIL_ABI {

namespace detail {

class event_loop;

/// A small reference-counted block that may outlive its io_context. Code that refers to the context finds out
/// here whether the context still exists:
///
///     a handle, on the context's thread:  has the context ended?
///     any other thread:                   may I access the context until I call leave()?
///
/// Memory:  visitors_ = 2 * (number of threads between enter() and leave()) + (1 after the context has ended)
/// Fork:    In a child, the number of threads is reset to 0, because these threads exist only in the parent.
/// Threads: enter(), leave(), add_reference() and release() are thread-safe. Call context() only on the
///          context's thread or during a visit. Only the thread that destroys the context calls end().
class context_life {
public:
    explicit context_life(event_loop& context);
    context_life(const context_life&) = delete;
    context_life& operator=(const context_life&) = delete;

    /// Returns null if the context has ended.
    [[nodiscard]] event_loop* context() const noexcept { return context_.load(std::memory_order_relaxed); }

    /// Begins a visit, unless the context has ended. If enter() returns true, ~io_context does not return
    /// before the matching leave(). A thread must call enter() before it publishes a change: a post, a stop,
    /// or a guard given up. The thread may then access the context until it calls leave(), even if the loop
    /// has already returned from run().
    [[nodiscard]] bool enter() noexcept {
        // Acquire, so that no access during the visit is moved before this line. The caller then publishes
        // its change (a post, a stop, or a guard given up) by an atomic write with release order. A thread
        // that acquires what was published therefore also sees the increased count of visitors.
        if (!(visitors_.fetch_add(visitor, std::memory_order_acquire) & ended)) [[likely]]
            return true;
        leave();
        return false;
    }
    // Ends the visit; the caller must not access the context afterwards. Release order, to pair with the
    // acquire in end().
    void leave() noexcept { visitors_.fetch_sub(visitor, std::memory_order_release); }

    /// Refuses new visitors, and waits until the current visitors have left. Called by ~io_context.
    void end() noexcept;

    void add_reference() noexcept { references_.fetch_add(1, std::memory_order_relaxed); }
    void release() noexcept {
        // Release, so that this thread's accesses happen before the deletion. Acquire, so that the deleting
        // thread sees the accesses of the other threads.
        if (references_.fetch_sub(1, std::memory_order_acq_rel) == 1)
            delete this;
    }

private:
    class list;

    static constexpr unsigned ended = 1;
    static constexpr unsigned visitor = 2;

    ~context_life();

    std::atomic<unsigned> references_{1};
    std::atomic<unsigned> visitors_{0};
    std::atomic<event_loop*> context_;
    context_life* next_ = nullptr;  // the next block in the list of all blocks
};

}  // namespace detail

}  // namespace coil::COIL_ABI
