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
struct name_the_lock_or_it_unlocks_at_once {};  // the compiler prints this name in its error
}  // namespace detail

class mutex;

/// A mutex that is held, until this is destroyed or unlocked. Empty: none is.
class [[nodiscard("keep it: it unlocks when it is dropped")]] mutex_lock {
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
    template <class = detail::name_the_lock_or_it_unlocks_at_once>
    explicit operator bool() const&& = delete;

    /// Lets go early. Of an empty one it does nothing.
    void unlock() noexcept;

private:
    friend class mutex;
    explicit mutex_lock(mutex& held) noexcept : mutex_(&held) {}

    void take(mutex_lock& other) noexcept;

    mutex* mutex_ = nullptr;
};

/// Keeps tasks of one context out of each other's way where what one does takes several awaits. Between two awaits no
/// other task of the context runs, so what needs only that needs no mutex; between threads, use std::mutex.
///
///     auto lock = co_await mutex.lock();
///     co_await coil::write(peer, header);
///     co_await coil::write(peer, body);          // nobody's bytes come between
///
/// First come, first served: unlocked, it is handed to the one who has waited longest, and nobody overtakes him.
///
/// Threads:  one context.
/// Lifetime: outlives its waiters and locks (checked): declare it ahead of the context on which they run. It doesn't move.
/// Cost:     no allocation; waiters live in the waiting coroutine's frame.
class mutex {
public:
    mutex() noexcept = default;
    mutex(const mutex&) = delete;
    mutex& operator=(const mutex&) = delete;
    ~mutex();

    class lock_operation;
    class lock_description;

    /// Yields a mutex_lock.
    ///
    /// Completes: at once if the mutex is free, else on the next turn after it was handed over.
    /// Errors:    operation_aborted in a stopped scope; wrong_context. error::already_locked, which equals
    ///            std::errc::resource_deadlock_would_occur, if the task itself holds the mutex in a lock that was not moved (the
    ///            holder of a moved lock is not known). A timeout, stop_when or shield around either lock() does not hide that;
    ///            a branch of a race or a child of a group that waits for a lock of its parent is not detected.
    /// Cancel:    ends the wait; one that comes after the mutex was handed over comes too late. Handed to a task that is
    ///            destroyed before its turn, it goes to the next.
    /// Overlap:   any number may wait.
    lock_description lock() noexcept;

    /// An empty lock if the mutex is taken.
    mutex_lock try_lock() noexcept;

    [[nodiscard]] bool is_locked() const noexcept { return locked_; }

private:
    friend class mutex_lock;

    [[nodiscard]] bool acquire() noexcept { return !std::exchange(locked_, true); }
    [[nodiscard]] bool is_in_use() noexcept {
        queued_operation::forget_orphans(waiting_, affinity_);
        return locked_;
    }
    void release() noexcept;
    void hand_on() noexcept;

    queued_operation::line waiting_;  // nobody, unless it is locked
    affinity affinity_;
    const void* holder_ = nullptr;  // environment::line() of an await whose lock has not been moved
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

class [[nodiscard("co_await it")]] mutex::lock_operation final : public queued_operation {
public:
    lock_operation(mutex& of, environment& task) noexcept : queued_operation(task), mutex_(&of) {}
    lock_operation(const lock_operation&) = delete;
    lock_operation& operator=(const lock_operation&) = delete;
    ~lock_operation() {
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
            throw_failure(error, describe());
        return mutex_lock(*mutex_);
    }
    std::string describe() const override { return "lock of a mutex"; }

private:
    // From here on the awaiting task holds the mutex, if it was granted.
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

class [[nodiscard("co_await it")]] mutex::lock_description {
public:
    explicit lock_description(mutex& of) noexcept : mutex_(&of) {}
    lock_operation operation_in(environment& task) const noexcept { return {*mutex_, task}; }

private:
    mutex* mutex_;
};

inline mutex::lock_description mutex::lock() noexcept { return lock_description(*this); }

}  // namespace coil::COIL_ABI
