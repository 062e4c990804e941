// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#pragma once

#include <coil/version.hpp>

#include <coroutine>
#include <string>
#include <utility>

#include <coil/base/outcome.hpp>
#include <coil/sync/queued_operation.hpp>

namespace coil::COIL_ABI {

namespace detail {
struct name_the_lock_or_it_is_unlocked_immediately {};  // this name appears in the compiler's error message
}  // namespace detail

class mutex;

/// Owns a locked mutex, and unlocks it in the destructor or in unlock() (RAII). A default-constructed lock
/// owns no mutex.
class [[nodiscard("keep it: its destructor unlocks the mutex")]] mutex_lock {
public:
    mutex_lock() noexcept = default;
    mutex_lock(mutex_lock&& other) noexcept { take(other); }
    mutex_lock& operator=(mutex_lock&& other) noexcept {
        if (this != &other) {
            unlock();
            take(other);
        }
        return *this;
    }
    ~mutex_lock() { unlock(); }

    [[nodiscard]] bool owns_lock() const noexcept { return mutex_ != nullptr; }
    [[nodiscard]] explicit operator bool() const& noexcept { return owns_lock(); }
    template <class = detail::name_the_lock_or_it_is_unlocked_immediately>
    explicit operator bool() const&& = delete;

    /// Unlocks the mutex early. A no-op if this lock owns no mutex.
    void unlock() noexcept;

private:
    friend class mutex;
    explicit mutex_lock(mutex& held) noexcept : mutex_(&held) {}

    void take(mutex_lock& other) noexcept;

    mutex* mutex_ = nullptr;
};

/// Mutual exclusion between tasks of one context, for work that spans several awaits. Between two awaits, no
/// other task of the context runs, so work without an await needs no mutex. For mutual exclusion between
/// threads, use std::mutex.
///
///     auto lock = co_await mutex.lock();
///     co_await coil::write(peer, header);
///     co_await coil::write(peer, body);          // no other task writes in between
///
/// Waiters are served in FIFO order. Unlocking hands the mutex to the task that has been waiting longest. No
/// other task can lock the mutex first.
///
/// Threads:  one context.
/// Lifetime: must outlive its waiters and locks (checked), so declare it before the io_context that runs the
///           tasks. Not movable.
/// Cost:     no allocation; waiters live in the waiting coroutine's frame.
class mutex {
public:
    mutex() noexcept = default;
    mutex(const mutex&) = delete;
    mutex& operator=(const mutex&) = delete;
    ~mutex();

    class lock_operation;
    class lock_description;

    /// Locks the mutex and returns a mutex_lock.
    ///
    /// Completes: inline if the mutex is free, otherwise in the loop iteration after the mutex has been
    ///            handed over to this task.
    /// Errors:    operation_aborted in a stopped scope; wrong_context; error::already_locked, which equals
    ///            std::errc::resource_deadlock_would_occur, if the task already holds the mutex. The deadlock
    ///            is detected even if one of the two lock() calls is inside a timeout, stop_when or shield.
    ///            If the mutex_lock has been moved, the deadlock is not detected, because the holder is then
    ///            unknown. If a branch of a race or a child of a group waits for a mutex that its parent has
    ///            locked, the deadlock is not detected either.
    /// Cancel:    ends the wait, but has no effect after the mutex has been handed over. If the task is
    ///            destroyed before it resumes, the mutex goes to the next waiter.
    /// Overlap:   any number of tasks may wait.
    lock_description lock() noexcept;

    /// Locks the mutex without waiting. Returns an empty lock if the mutex is already locked.
    mutex_lock try_lock() noexcept;

    [[nodiscard]] bool is_locked() const noexcept { return locked_; }

private:
    friend class mutex_lock;

    [[nodiscard]] bool acquire() noexcept { return !std::exchange(locked_, true); }
    [[nodiscard]] bool is_in_use() noexcept {
        detail::queued_operation::drop_orphans(waiting_, affinity_);
        return locked_;
    }
    void release() noexcept;
    void hand_on() noexcept;

    detail::queued_operation::queue waiting_;  // empty unless the mutex is locked
    detail::affinity affinity_;
    const void* holder_ = nullptr;  // environment::line() of the holder; null if unknown
    bool locked_ = false;
};

// Implementation

inline void mutex_lock::unlock() noexcept {
    if (mutex* held = std::exchange(mutex_, nullptr))
        held->release();
}

inline void mutex_lock::take(mutex_lock& other) noexcept {
    mutex_ = std::exchange(other.mutex_, nullptr);
    if (mutex_)
        mutex_->holder_ = nullptr;
}

class [[nodiscard("co_await it")]] mutex::lock_operation final : public detail::queued_operation {
public:
    lock_operation(mutex& of, detail::environment& task) noexcept : queued_operation(task), mutex_(&of) {}
    lock_operation(const lock_operation&) = delete;
    lock_operation& operator=(const lock_operation&) = delete;
    ~lock_operation() override {
        if (is_untaken())
            mutex_->hand_on();
    }

    bool await_ready() noexcept {
        if (!is_admitted(mutex_->affinity_, [this] { return mutex_->is_in_use(); }) || mutex_->is_locked() ||
            !may_complete_inline() || !mutex_->acquire())
            return false;
        grant();
        return true;
    }
    void await_suspend(std::coroutine_handle<> waiter);
    outcome<mutex_lock> await_outcome() noexcept {
        if (const auto error = ended())
            return error;
        return mutex_lock(*mutex_);
    }
    mutex_lock await_resume() {
        if (const auto error = ended())
            detail::throw_failure(error, describe());
        return mutex_lock(*mutex_);
    }
    std::string describe() const override { return "lock of a mutex"; }

private:
    // Ends the await and returns its error. If there is no error, the awaiting task now owns the mutex.
    std::error_code ended() noexcept {
        if (would_deadlock_) [[unlikely]]
            return error::already_locked;
        const std::error_code error = take();
        if (!error)
            mutex_->holder_ = env().line();
        return error;
    }

    mutex* mutex_;
    bool would_deadlock_ = false;
};

class [[nodiscard("co_await it")]] mutex::lock_description
    : public detail::co_await_is_missing<detail::await_result<lock_operation>, lock_description> {
public:
    explicit lock_description(mutex& of) noexcept : mutex_(&of) {}
    lock_operation operation_in(detail::environment& task) const noexcept { return {*mutex_, task}; }

private:
    mutex* mutex_;
};

inline mutex::lock_description mutex::lock() noexcept { return lock_description(*this); }

}  // namespace coil::COIL_ABI
