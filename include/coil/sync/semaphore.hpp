// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#pragma once

#include <coil/version.hpp>

#include <coroutine>
#include <cstddef>
#include <string>
#include <type_traits>
#include <utility>

#include <coil/base/outcome.hpp>
#include <coil/sync/queued_operation.hpp>

namespace coil::COIL_ABI {

namespace detail {
struct name_the_permit_or_it_is_released_immediately {};  // this name appears in the compiler's error message
}  // namespace detail

class semaphore;

/// Owns one permit, and gives it back in the destructor or in release() (RAII). A default-constructed object
/// holds no permit.
class [[nodiscard("keep it: its destructor gives the permit back")]] semaphore_permit {
public:
    semaphore_permit() noexcept = default;
    semaphore_permit(semaphore_permit&& other) noexcept
        : semaphore_(std::exchange(other.semaphore_, nullptr)) {}
    semaphore_permit& operator=(semaphore_permit&& other) noexcept {
        if (this != &other) {
            release();
            semaphore_ = std::exchange(other.semaphore_, nullptr);
        }
        return *this;
    }
    ~semaphore_permit() { release(); }

    [[nodiscard]] explicit operator bool() const& noexcept { return semaphore_ != nullptr; }
    template <class = detail::name_the_permit_or_it_is_released_immediately>
    explicit operator bool() const&& = delete;

    /// Gives the permit back early. A no-op if this object holds no permit.
    void release() noexcept;

private:
    friend class semaphore;
    explicit semaphore_permit(semaphore& of) noexcept : semaphore_(&of) {}

    semaphore* semaphore_ = nullptr;
};

/// A counting semaphore that limits how many tasks of one context may do something at the same time. For a
/// limit of one, use a `mutex`. To pass values, use a `channel`.
///
///     semaphore dials(10);
///     auto permit = co_await dials.acquire_permit();
///     co_await dial(endpoint);       // at most ten at a time; the permit is given back even if this throws
///
/// After acquire(), the program must call release(). Any task of the context may call release().
///
/// Waiters are served in FIFO order. A permit goes to the task that has been waiting longest. No other task
/// can acquire that permit first.
///
/// Threads:  one context.
/// Lifetime: must outlive its waiters and permits, so declare it before the io_context that runs the tasks.
///           Otherwise the destructor reports the mistake on stderr, and the waiters fail with
///           operation_aborted (builds with assertions abort instead). Not movable.
/// Cost:     no allocation; waiters live in the waiting coroutine's frame.
class semaphore {
public:
    explicit semaphore(std::size_t count) noexcept : available_(count) {}
    semaphore(const semaphore&) = delete;
    semaphore& operator=(const semaphore&) = delete;
    ~semaphore();

    template <class Result>
    class acquire_operation;
    template <class Result>
    class acquire_description;

    /// Acquires a permit. acquire_permit() returns a semaphore_permit, whose destructor gives the permit
    /// back.
    ///
    /// Completes: inline if a permit is available, otherwise in the loop iteration after a permit has been
    ///            handed over to this task.
    /// Errors:    operation_aborted in a stopped scope; wrong_context. After an error, no permit has been
    ///            taken.
    /// Cancel:    ends the wait, but has no effect after a permit has been handed over. If the task is
    ///            destroyed before it resumes, the permit goes to the next waiter.
    /// Overlap:   any number of tasks may wait.
    acquire_description<void> acquire() noexcept;
    acquire_description<semaphore_permit> acquire_permit() noexcept;

    /// Acquires a permit if one is available. Otherwise returns false, or an empty semaphore_permit.
    [[nodiscard]] bool try_acquire() noexcept;
    semaphore_permit try_acquire_permit() noexcept {
        return try_acquire() ? semaphore_permit(*this) : semaphore_permit();
    }

    /// Gives back `count` permits. The number of permits may then exceed the initial count.
    void release(std::size_t count = 1) noexcept;

    /// The number of available permits.
    [[nodiscard]] std::size_t available() const noexcept { return available_; }

private:
    [[nodiscard]] bool is_in_use() noexcept {
        detail::queued_operation::drop_orphans(waiting_, affinity_);
        return !waiting_.empty();
    }
    [[nodiscard]] bool take() noexcept {
        if (available_ == 0)
            return false;
        --available_;
        return true;
    }

    detail::queued_operation::queue waiting_;  // empty while a permit is available
    detail::affinity affinity_;
    std::size_t available_;
};

// Implementation

inline void semaphore_permit::release() noexcept {
    if (semaphore* held = std::exchange(semaphore_, nullptr))
        held->release();
}

template <class Result>
class [[nodiscard("co_await it")]] semaphore::acquire_operation final : public detail::queued_operation {
public:
    acquire_operation(semaphore& of, detail::environment& task) noexcept
        : queued_operation(task), semaphore_(&of) {}
    acquire_operation(const acquire_operation&) = delete;
    acquire_operation& operator=(const acquire_operation&) = delete;
    ~acquire_operation() override {
        if (is_untaken())
            semaphore_->release();
    }

    bool await_ready() noexcept {
        if (!is_admitted(semaphore_->affinity_, [this] { return semaphore_->is_in_use(); }) ||
            semaphore_->available() == 0 || !may_complete_inline() || !semaphore_->take())
            return false;
        grant();
        return true;
    }
    void await_suspend(std::coroutine_handle<> waiter) {
        if (!enter(waiter, semaphore_->affinity_, [this] { return semaphore_->is_in_use(); }))
            return;
        if (semaphore_->take())
            grant();
        else
            wait_in(semaphore_->waiting_);
    }
    outcome<Result> await_outcome() noexcept {
        if (const auto error = take())
            return error;
        if constexpr (std::is_void_v<Result>)
            return {};
        else
            return Result(*semaphore_);
    }
    Result await_resume() {
        if (const auto error = take())
            detail::throw_failure(error, describe());
        if constexpr (!std::is_void_v<Result>)
            return Result(*semaphore_);
    }
    std::string describe() const override { return "acquire of a semaphore"; }

private:
    semaphore* semaphore_;
};

template <class Result>
class [[nodiscard("co_await it")]] semaphore::acquire_description
    : public detail::co_await_is_missing<Result, acquire_description<Result>> {
public:
    explicit acquire_description(semaphore& of) noexcept : semaphore_(&of) {}
    acquire_operation<Result> operation_in(detail::environment& task) const noexcept {
        return {*semaphore_, task};
    }

private:
    semaphore* semaphore_;
};

inline semaphore::acquire_description<void> semaphore::acquire() noexcept {
    return acquire_description<void>(*this);
}
inline semaphore::acquire_description<semaphore_permit> semaphore::acquire_permit() noexcept {
    return acquire_description<semaphore_permit>(*this);
}

}  // namespace coil::COIL_ABI
