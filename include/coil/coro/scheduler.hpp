// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#pragma once

#include <coil/version.hpp>

#include <atomic>
#include <coroutine>
#include <cstdint>
#include <utility>

#include <coil/base/intrusive_list.hpp>

namespace coil::COIL_ABI {

namespace detail {

class inbox;

}  // namespace detail

struct task_failure;

namespace detail {

/// An item in a scheduler's ready list: a task to resume, or a small step of an operation. A node contains
/// its own links, so adding it to the list never allocates. A node that is destroyed while in the list does
/// not run.
class node : public list_hook {
public:
    /// Runs the item. Returns the coroutine to resume, or null.
    virtual std::coroutine_handle<> run() noexcept = 0;

    /// Called instead of run() if the scheduler is destroyed while this item is still queued.
    virtual void abandon() noexcept {}

protected:
    node() noexcept = default;
    virtual ~node() = default;

private:
    friend class inbox;
};

/// Records which thread owns a scheduler. These records are recycled and never freed, so that an object that
/// outlives its scheduler can still read the scheduler's record (see `affinity`).
struct scheduler_owner {
    // Null while no thread owns the scheduler. Any thread may then use the scheduler.
    std::atomic<const void*> thread{nullptr};
    // The id of the scheduler that uses this record. 0 if no scheduler uses the record, or if exit() was
    // called in a task of the scheduler.
    std::atomic<std::uint64_t> id{0};
    std::atomic<int> thread_number{0};            ///< gettid(2) of `thread`, for messages
    std::atomic<const void*> scheduler{nullptr};  ///< for messages only
    scheduler_owner* next = nullptr;              ///< links the free records
};

/// The interface through which coroutines use the event loop that resumes them. Implemented by `io_context`.
class scheduler {
public:
    /// Runs `item` in the loop's next iteration, in FIFO order. Call this only on the owner's thread.
    virtual void schedule(node& item) noexcept = 0;

    /// Runs `item` on the owner's thread as soon as possible. Thread-safe. `item` must not be moved or
    /// destroyed before it has run.
    virtual void post(node& item) noexcept = 0;

    /// Called when a task starts or ends, and when a coroutine that is not a task begins or ends a wait. The
    /// loop keeps running while there are such tasks or waits.
    virtual void work_started() noexcept = 0;
    virtual void work_finished() noexcept = 0;

    /// Reports the failure of a task that no task waits for, or of a child whose group continues without it.
    virtual void report(const task_failure& failure) noexcept = 0;

    /// Resumes `next` after the running coroutine has suspended. Because only the loop resumes coroutines, a
    /// chain of a million tasks that complete inline does not grow the stack, regardless of the compiler and
    /// the build type.
    void transfer(std::coroutine_handle<> next) noexcept { next_ = next; }
    /// Clears and returns the coroutine that was passed to transfer(), or null if there is none.
    [[nodiscard]] std::coroutine_handle<> take_transfer() noexcept { return std::exchange(next_, nullptr); }

    /// The maximum number of operations that may complete inline, without suspending, in one resumption. All
    /// kinds of operations share this limit. Even a task whose operations are always ready must therefore let
    /// other tasks run after this many operations.
    static constexpr unsigned inline_max = 64;
    /// Returns true if an operation may complete inline, and then uses up one unit of the inline_max budget.
    /// Call this in await_ready() if the result is available. If the function returns false, complete the
    /// operation through the ready list.
    [[nodiscard]] bool may_complete_inline() noexcept {
        if (inline_left_ == 0) [[unlikely]]
            return false;
        --inline_left_;
        return true;
    }

    /// Returns true if the calling thread owns this scheduler, or if no thread owns it.
    [[nodiscard]] bool is_mine() const noexcept;
    /// Prints a message and aborts unless is_mine(). `call` says what the caller did, such as
    /// "socket: cancel()". Use this in functions that cannot throw.
    void require_thread(const char* call) const noexcept;
    [[nodiscard]] const scheduler_owner& owner() const noexcept { return *owner_record_; }
    /// Returns an id that no other scheduler in this process has or has had.
    [[nodiscard]] std::uint64_t id() const noexcept { return id_; }

protected:
    scheduler();
    scheduler(const scheduler&) = delete;
    scheduler& operator=(const scheduler&) = delete;
    ~scheduler();

    [[nodiscard]] scheduler_owner& owner_record() noexcept { return *owner_record_; }

    /// Runs `item`, then resumes the coroutine that run() returned and every coroutine passed to transfer().
    /// No other function resumes tasks.
    void resume(node& item) {
        inline_left_ = inline_max;
        auto next = item.run();
        if (!next)  // the item may have started a task instead
            next = take_transfer();
        for (; next; next = take_transfer())
            next.resume();
    }

private:
    std::coroutine_handle<> next_;
    unsigned inline_left_ = inline_max;
    scheduler_owner* const owner_record_;
    const std::uint64_t id_;
};

}  // namespace detail

}  // namespace coil::COIL_ABI
