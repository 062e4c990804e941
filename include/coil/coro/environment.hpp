// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#pragma once

#include <coil/version.hpp>

#include <concepts>
#include <coroutine>
#include <exception>
#include <source_location>
#include <string>
#include <type_traits>
#include <utility>

#include <coil/base/assert.hpp>
#include <coil/base/prefetch.hpp>
#include <coil/coro/scheduler.hpp>
#include <coil/coro/stop_token.hpp>

namespace coil::COIL_ABI {

class awaited;

namespace detail {

class awaited_task;

}  // namespace detail

/// What the tasks of one line of execution share: the scheduler that resumes them, the stop that was asked of them, and
/// what they are suspended on. A spawned task owns one; the tasks that it awaits point to it; a `timeout` or a branch of
/// a race has one of its own inside its parent's. So a stop costs an operation one store, and no registration.
///
/// Threads: its scheduler's owner only.
class environment {
public:
    explicit environment(coil::scheduler& scheduler, bool counts_work = false) noexcept
        : scheduler_(&scheduler), counts_work_(counts_work) {}
    /// A scope inside `outer`, of the same line of execution. (The lines of coroutines that are not tasks
    /// share one.)
    explicit environment(environment& outer) noexcept
        : scheduler_(outer.scheduler_),
          innermost_task_(outer.counts_work_ ? &own_tasks_ : outer.innermost_task_),
          counts_work_(false) {}
    environment(const environment&) = delete;
    environment& operator=(const environment&) = delete;

    [[nodiscard]] coil::scheduler& scheduler() const noexcept { return *scheduler_; }

    /// Whether a stop was asked for. It stays so.
    [[nodiscard]] bool stop_requested() const noexcept { return stop_.stop_requested(); }
    /// To look at it, or have a function called, from any thread.
    [[nodiscard]] inplace_stop_token stop_token() noexcept {
        is_watched_ = true;
        return stop_.get_token();
    }

    /// Asks what runs here to stop: what it awaits now, and whatever it awaits from now on, ends with operation_aborted.
    void request_stop() noexcept;

    /// Whether a task that ended with this exception has only done what it was asked to: it was stopped, and ended with
    /// operation_aborted.
    [[nodiscard]] bool ended_stopped(const std::exception_ptr& exception) const noexcept;

    /// What is awaited now, for those who ask what the tasks of a context are doing. Null while running.
    [[nodiscard]] const awaited* awaiting() const noexcept { return awaiting_; }
    /// Where the latest `co_await` of these tasks stands.
    [[nodiscard]] const std::source_location& where() const noexcept { return where_; }
    void at(const std::source_location& where) noexcept { where_ = where; }

    /// The innermost of the tasks that await each other here.
    [[nodiscard]] detail::awaited_task*& innermost_task() const noexcept { return *innermost_task_; }

    /// Identifies the line of execution: equal in a spawned task and in its scopes (timeout, stop_when, shield). A branch of a
    /// race and a child of a group are lines of their own. To compare, never to dereference.
    [[nodiscard]] const void* line() const noexcept { return static_cast<const void*>(innermost_task_); }

private:
    friend class awaited;

    coil::scheduler* scheduler_;
    awaited* awaiting_ = nullptr;
    detail::awaited_task* own_tasks_ = nullptr;
    detail::awaited_task** innermost_task_ =
        &own_tasks_;  // scopes share the chain of the line that they belong to
    std::source_location where_;
    inplace_stop_source stop_;
    unsigned aborts_ = 0;      // awaits refused since the stop
    bool is_watched_ = false;  // somebody has a token
    const bool counts_work_;   // for coroutines that are not tasks: each wait is work of its own
};

/// What a coroutine is suspended on: the base of everything that coil lets one await and that takes time.
/// A description makes it inside the awaiting coroutine, with its environment; it never moves.
///
///     waiting  --run-->  resumed            its turn came
///     waiting  --stop--> waiting or ready   its environment was asked to stop
///     waiting  --destroyed                  the frame around it is destroyed: it takes itself out of everything
class awaited : public node {
public:
    explicit awaited(environment& task) noexcept : environment_(&task) {}

    [[nodiscard]] environment& env() const noexcept { return *environment_; }
    [[nodiscard]] bool is_suspended() const noexcept { return waiter_ != nullptr; }

    /// Its environment was asked to stop while this is what it awaits.
    virtual void stop() noexcept = 0;

    /// What it is and of whom, for error texts: "recv from 127.0.0.1:7777".
    [[nodiscard]] virtual std::string describe() const = 0;

    std::coroutine_handle<> run() noexcept override { return wake(); }

    /// Its turn will come soon: has the memory fetched that this will need, the environment and much of a coroutine's frame.
    [[gnu::always_inline]] void prefetch_waiter() const noexcept {
        prefetch(environment_, sizeof *environment_);
        prefetch(waiter_.address(), 512);
    }

protected:
    ~awaited() {
        if (is_suspended())
            wake();
    }

    /// Remembers who waits. First in every await_suspend.
    void suspend(std::coroutine_handle<> waiter) noexcept {
        waiter_ = waiter;
        environment_->awaiting_ = this;
        if (environment_->counts_work_)
            environment_->scheduler().work_started();
    }

    /// Forgets who waits, and returns him. Last in every run().
    std::coroutine_handle<> wake() noexcept {
        if (environment_->awaiting_ == this)
            environment_->awaiting_ = nullptr;
        if (environment_->counts_work_)
            environment_->scheduler().work_finished();
        return std::exchange(waiter_, nullptr);
    }

    /// Whether this await is refused because its environment was stopped. A task that catches the refusal and tries again
    /// without end would keep a core busy: after a thousand refusals a line on stderr names it, once. A library that was built
    /// with assertions then aborts.
    [[nodiscard]] bool is_refused() noexcept { return environment_->stop_requested() && refuse(); }

private:
    bool refuse() noexcept;

    environment* environment_;
    std::coroutine_handle<> waiter_;
};

/// What `co_await` takes in a task, without a frame of its own: it makes the operation, inside the awaiting coroutine,
/// when it is given the environment. All of coil's awaitables are these. They are small values; adapters pass them on,
/// and use the operation's `await_outcome`; which isn't asked for here, because a task may yield what no `outcome` can hold.
template <class D>
concept description = requires(D&& what, environment& task) { std::forward<D>(what).operation_in(task); };

/// A description that can say whose loop it concerns, and so be awaited by coroutines that are not tasks.
template <class D>
concept context_bound = requires(const D& what) {
    { what.foreign_environment() } -> std::same_as<environment&>;
};

/// The operation that a description makes.
template <description D>
using operation_of = decltype(std::declval<D>().operation_in(std::declval<environment&>()));

/// What becomes of an awaited description: an `outcome<T>`, and its T.
template <description D>
using outcome_of = decltype(std::declval<operation_of<D>&>().await_outcome());
template <description D>
using result_of = typename outcome_of<D>::value_type;

/// For coroutines that are not tasks: each such wait keeps the context running, and none can be stopped by a scope.
template <class D>
    requires(description<D> && context_bound<std::remove_cvref_t<D>>)
auto operator co_await(D&& what) {
    return std::forward<D>(what).operation_in(what.foreign_environment());
}

}  // namespace coil::COIL_ABI
