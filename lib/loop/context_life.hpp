// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#pragma once

#include <coil/version.hpp>

#include <atomic>

namespace coil::COIL_ABI {

class io_context;

namespace detail {

/// A small block that outlives its io_context while references to it exist. It answers two questions:
///
///     a handle, on the context's thread:  has the context ended?
///     any other thread:                   may I access the context now, and does it exist until I leave?
///
/// Memory:  visitors_ = 2 * (threads inside) + (1 once the context has ended)
/// Fork:    in a child visitors_ starts at 0, because the threads that were inside are the parent's
/// Threads: enter(), leave(), add_reference() and release() are thread-safe; context() is for the context's
///          thread, or for use inside a visit; end() is for the thread that destroys the context.
class context_life {
public:
    explicit context_life(io_context& context);
    context_life(const context_life&) = delete;
    context_life& operator=(const context_life&) = delete;

    /// Null once the context has ended.
    [[nodiscard]] io_context* context() const noexcept { return context_.load(std::memory_order_relaxed); }

    /// Returns false if the context has ended. If true, ~io_context does not return before leave().
    /// A caller that enters before it publishes (a post, a stop, the release of a guard) may access the
    /// context afterwards, even if the loop has already returned from run().
    [[nodiscard]] bool enter() noexcept {
        // Acquire: no access of the visit moves before it. The publishing step that follows releases this
        // count to the loop.
        if (!(visitors_.fetch_add(visitor, std::memory_order_acquire) & ended)) [[likely]]
            return true;
        leave();
        return false;
    }
    // Release: pairs with the acquire in end(). This is the visitor's last access.
    void leave() noexcept { visitors_.fetch_sub(visitor, std::memory_order_release); }

    /// Refuses further visitors, and waits for those that are inside. The last step of ~io_context that needs
    /// the context.
    void end() noexcept;

    void add_reference() noexcept { references_.fetch_add(1, std::memory_order_relaxed); }
    void release() noexcept {
        // Release: accesses of this thread happen before the deletion. Acquire: for the thread that deletes.
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
    std::atomic<io_context*> context_;
    context_life* next_ = nullptr;  // in the list of all
};

}  // namespace detail

}  // namespace coil::COIL_ABI
