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
struct name_the_permit_or_it_is_given_back_at_once {};  // the compiler prints this name in its error
}  // namespace detail

class semaphore;

/// A permit of a semaphore, which goes back when this is destroyed, or released. Empty: none.
class [[nodiscard("keep it: it is given back when it is dropped")]] semaphore_permit {
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
    template <class = detail::name_the_permit_or_it_is_given_back_at_once>
    explicit operator bool() const&& = delete;

    /// Gives it back early. A no-op if empty.
    void release() noexcept;

private:
    friend class semaphore;
    explicit semaphore_permit(semaphore& of) noexcept : semaphore_(&of) {}

    semaphore* semaphore_ = nullptr;
};

/// A number of permits that tasks of one context take and give back: it bounds how many do something at a
/// time. For one at a time, use a `mutex`; to pass values, a `channel`.
///
///     semaphore dials(10);
///     auto permit = co_await dials.acquire_permit();
///     co_await dial(endpoint);       // at most ten at a time; the permit goes back also if this throws
///
/// acquire() and release() leave the giving back to the program: for permits that one task takes and another
/// gives back.
///
/// First come, first served: a permit goes to the task that has waited longest, and no other task overtakes
/// it.
///
/// Threads:  one context.
/// Lifetime: outlives its waiters and permits: declare it ahead of the context on which they run. If it does
///           not, a line on stderr says so and they end with operation_aborted (builds with assertions stop
///           there). It doesn't move.
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

    /// Takes a permit; acquire_permit() yields it as a semaphore_permit, which gives it back.
    ///
    /// Completes: at once if there is one, else on the next turn after one was handed over.
    /// Errors:    operation_aborted in a stopped scope, wrong_context: then none was taken. A cancel only ends the wait; one that comes
    ///            after the permit comes too late. Handed to a task that is destroyed before its turn, it goes to the next.
    /// Overlap:   any number may wait.
    acquire_description<void> acquire() noexcept;
    acquire_description<semaphore_permit> acquire_permit() noexcept;

    /// Takes a permit if there is one; else try_acquire_permit() yields an empty one.
    [[nodiscard]] bool try_acquire() noexcept;
    semaphore_permit try_acquire_permit() noexcept {
        return try_acquire() ? semaphore_permit(*this) : semaphore_permit();
    }

    /// Gives back, or adds, `count` permits.
    void release(std::size_t count = 1) noexcept;

    /// How many there are to take.
    [[nodiscard]] std::size_t available() const noexcept { return available_; }

private:
    [[nodiscard]] bool is_in_use() noexcept {
        queued_operation::forget_orphans(waiting_, affinity_);
        return !waiting_.empty();
    }
    [[nodiscard]] bool take() noexcept {
        if (available_ == 0)
            return false;
        --available_;
        return true;
    }

    queued_operation::line waiting_;  // nobody, unless there is none available
    affinity affinity_;
    std::size_t available_;
};

// Implementation

inline void semaphore_permit::release() noexcept {
    if (semaphore* held = std::exchange(semaphore_, nullptr))
        held->release();
}

template <class Result>
class [[nodiscard("co_await it")]] semaphore::acquire_operation final : public queued_operation {
public:
    acquire_operation(semaphore& of, environment& task) noexcept : queued_operation(task), semaphore_(&of) {}
    acquire_operation(const acquire_operation&) = delete;
    acquire_operation& operator=(const acquire_operation&) = delete;
    ~acquire_operation() {
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
            throw_failure(error, describe());
        if constexpr (!std::is_void_v<Result>)
            return Result(*semaphore_);
    }
    std::string describe() const override { return "acquire of a semaphore"; }

private:
    semaphore* semaphore_;
};

template <class Result>
class [[nodiscard("co_await it")]] semaphore::acquire_description {
public:
    explicit acquire_description(semaphore& of) noexcept : semaphore_(&of) {}
    acquire_operation<Result> operation_in(environment& task) const noexcept { return {*semaphore_, task}; }

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
