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

class inbox;
struct task_failure;

/// Something that a scheduler runs when its turn comes: a task to resume, or a small step of an operation.
/// It carries its own links, so making it ready never allocates. Destroyed while it is ready, it is not run.
class node : public list_hook {
public:
    /// Takes its turn. Returns the coroutine to resume, or null where there is none.
    virtual std::coroutine_handle<> run() noexcept = 0;

    /// Called instead of run() when the scheduler goes away with this still in its inbox.
    virtual void abandon() noexcept {}

protected:
    node() noexcept = default;
    ~node() = default;

private:
    friend class inbox;
};

/// The thread that a scheduler belongs to. A process recycles these and frees none, so an object that outlives its
/// scheduler can still read the owner that it remembers (see `affinity`).
struct scheduler_owner {
    std::atomic<const void*> thread{
        nullptr};  ///< null: none yet, or none any more; any may use the scheduler
    std::atomic<std::uint64_t> id{
        0};  ///< of the scheduler that uses this now; 0: none does, or exit() has ended it
    std::atomic<int> thread_number{0};            ///< gettid(2) of `thread`, for messages
    std::atomic<const void*> scheduler{nullptr};  ///< for messages only
    scheduler_owner* next = nullptr;              ///< the next free one
};

/// The door from the language to a loop: who resumes tasks, and when. `io_context` is one.
class scheduler {
public:
    /// Runs `item` on the owner's next turn, in order. Owner's thread only.
    virtual void schedule(node& item) noexcept = 0;

    /// Runs `item` on the owner's thread, soon. From any thread; `item` stays put until it has run.
    virtual void post(node& item) noexcept = 0;

    /// Foreign coroutines that wait here keep the loop running, as tasks do.
    virtual void work_started() noexcept = 0;
    virtual void work_finished() noexcept = 0;

    /// Takes the failure of a task that ended alone: nobody waits for it, or those who do go on without it.
    virtual void report(const task_failure& failure) noexcept = 0;

    /// Has `next` resumed as soon as the coroutine that runs now has suspended. Only the loop resumes: a chain of a
    /// million tasks that complete at once leaves the stack where it was, on every compiler and in every build.
    void transfer(std::coroutine_handle<> next) noexcept { next_ = next; }
    /// What the coroutine that runs now would have resumed, if it isn't to be at once. Null where there is nothing.
    [[nodiscard]] std::coroutine_handle<> take_transfer() noexcept { return std::exchange(next_, nullptr); }

    /// Operations that may complete inline, without a suspension, in one resumption. The limit is shared by
    /// all kinds of operations, so a task whose awaits never wait delays the others by this many operations
    /// and no more.
    static constexpr unsigned inline_max = 64;
    /// For await_ready, once the result is there: takes one from that budget. False: the operation completes
    /// through the ready list.
    [[nodiscard]] bool may_complete_inline() noexcept {
        if (inline_left_ == 0) [[unlikely]]
            return false;
        --inline_left_;
        return true;
    }

    /// Whether the calling thread is the owner, or there is none yet.
    [[nodiscard]] bool is_mine() const noexcept;
    /// Ends the program with words if the calling thread is not the owner. `call` says what the caller did:
    /// "socket: cancel()". For functions that cannot throw.
    void require_thread(const char* call) const noexcept;
    [[nodiscard]] const scheduler_owner& owner() const noexcept { return *owner_record_; }
    /// A number that no other scheduler of the process has, or has had.
    [[nodiscard]] std::uint64_t id() const noexcept { return id_; }

protected:
    scheduler();
    scheduler(const scheduler&) = delete;
    scheduler& operator=(const scheduler&) = delete;
    ~scheduler();

    [[nodiscard]] scheduler_owner& owner_record() noexcept { return *owner_record_; }

    /// Gives `item` its turn: the one place where coroutines are resumed.
    void resume(node& item) {
        inline_left_ = inline_max;
        for (auto next = item.run(); next; next = take_transfer())
            next.resume();
    }

private:
    std::coroutine_handle<> next_;
    unsigned inline_left_ = inline_max;
    scheduler_owner* const owner_record_;
    const std::uint64_t id_;
};

}  // namespace coil::COIL_ABI
