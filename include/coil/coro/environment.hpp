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

namespace detail {

class awaited;

class awaited_task;

/// The state that a task shares with the tasks that it awaits: the scheduler that resumes them, the stop
/// request, and the operation on which they are suspended. Every spawned task, every child of a group and
/// every branch of a race has its own environment. A `timeout`, `stop_when` or `shield` also has its own
/// environment, which is nested in the environment of the awaiting task. An environment points to its current
/// operation, so making an operation stoppable costs one store and needs no registration.
///
/// Threads: only the thread that owns the scheduler.
class environment {
public:
    explicit environment(coil::detail::scheduler& scheduler, bool counts_work = false) noexcept
        : scheduler_(&scheduler), counts_work_(counts_work) {}
    /// Makes a scope nested in `outer`. The scope usually belongs to the line of execution of `outer`; see
    /// line(). However, the coroutines that are not tasks share one environment per context although they run
    /// independently. A scope nested in that environment therefore begins a new line of execution.
    explicit environment(environment& outer) noexcept
        : scheduler_(outer.scheduler_),
          innermost_task_(outer.counts_work_ ? &own_tasks_ : outer.innermost_task_),
          counts_work_(false) {}
    environment(const environment&) = delete;
    environment& operator=(const environment&) = delete;

    [[nodiscard]] coil::detail::scheduler& scheduler() const noexcept { return *scheduler_; }

    /// Returns true if a stop has been requested. A stop request is never withdrawn.
    [[nodiscard]] bool stop_requested() const noexcept { return stop_.stop_requested(); }
    /// Returns a token that any thread may poll or register callbacks with.
    [[nodiscard]] inplace_stop_token stop_token() noexcept {
        is_watched_ = true;
        return stop_.get_token();
    }

    /// Requests a stop. The current await and all later ones end with operation_aborted.
    void request_stop() noexcept;

    /// Returns true if a stop was requested and `exception` is a std::system_error with operation_aborted. In
    /// that case, the exception is only a consequence of the stop.
    [[nodiscard]] bool ended_stopped(const std::exception_ptr& exception) const noexcept;

    /// Returns the operation that is currently awaited, for diagnostics. Null while a task is running.
    [[nodiscard]] const awaited* awaiting() const noexcept { return awaiting_; }
    /// Returns the source location of the most recent `co_await` in this environment's tasks.
    [[nodiscard]] const std::source_location& where() const noexcept { return where_; }
    void at(const std::source_location& where) noexcept { where_ = where; }

    /// Returns the innermost task of this line of execution, that is, of a chain of tasks in which each task
    /// except the innermost one awaits the next.
    [[nodiscard]] detail::awaited_task*& innermost_task() const noexcept { return *innermost_task_; }

    /// Identifies the line of execution, that is, a chain of tasks in which each task awaits the next one. A
    /// spawned task, the tasks that it awaits and its scopes (timeout, stop_when, shield) are in one line.
    /// Every branch of a race and every child of a group has its own line. Never dereference the pointer.
    [[nodiscard]] const void* line() const noexcept { return static_cast<const void*>(innermost_task_); }

private:
    friend class awaited;

    coil::detail::scheduler* scheduler_;
    awaited* awaiting_ = nullptr;
    detail::awaited_task* own_tasks_ = nullptr;
    // Scopes in one line of execution share one chain of tasks.
    detail::awaited_task** innermost_task_ = &own_tasks_;
    std::source_location where_;
    inplace_stop_source stop_;
    unsigned aborts_ = 0;      // number of awaits refused since the stop
    bool is_watched_ = false;  // a stop token has been handed out
    const bool counts_work_;   // true for coroutines that are not tasks; each of their waits counts as work
};

/// The base class of operations that suspend a coroutine themselves. (Tasks, and adapters such as as_tuple,
/// forward to another operation instead.) A description constructs the operation in the awaiting coroutine's
/// frame, with that coroutine's environment. The operation is never moved.
///
///     waiting  --run-->      resumed            the scheduler has run the operation
///     waiting  --stop-->     waiting or ready   a stop of the operation's environment is requested
///     waiting  --destroy-->  gone               the frame is destroyed; the operation leaves all lists
class awaited : public node {
public:
    explicit awaited(environment& task) noexcept : environment_(&task) {}

    [[nodiscard]] environment& env() const noexcept { return *environment_; }
    [[nodiscard]] bool is_suspended() const noexcept { return waiter_ != nullptr; }

    /// Called if a stop is requested while a task of the environment awaits this operation.
    virtual void stop() noexcept = 0;

    /// Describes the operation and its object for error messages, as in "recv from 127.0.0.1:7777".
    [[nodiscard]] virtual std::string describe() const = 0;

    std::coroutine_handle<> run() noexcept override { return wake(); }

    /// Prefetches the memory that resuming the waiter will access: the environment, and the start of the
    /// waiting coroutine's frame.
    [[gnu::always_inline]] void prefetch_waiter() const noexcept {
        prefetch(environment_, sizeof *environment_);
        prefetch(waiter_.address(), 512);
    }

protected:
    ~awaited() override {
        if (is_suspended())
            wake();
    }

    /// Stores the waiting coroutine. Call this in await_suspend(), before the operation can complete.
    void suspend(std::coroutine_handle<> waiter) noexcept {
        waiter_ = waiter;
        environment_->awaiting_ = this;
        if (environment_->counts_work_)
            environment_->scheduler().work_started();
    }

    /// Clears and returns the waiting coroutine. Call this in every run() that resumes the waiter.
    std::coroutine_handle<> wake() noexcept {
        if (environment_->awaiting_ == this)
            environment_->awaiting_ = nullptr;
        if (environment_->counts_work_)
            environment_->scheduler().work_finished();
        return std::exchange(waiter_, nullptr);
    }

    /// Returns true if this await is refused because its environment has been stopped. A task that keeps
    /// catching the refusal and awaiting again would keep a core busy. Therefore, after 1,000 refusals, a
    /// line on stderr says where the task awaits, and a library built with assertions aborts.
    [[nodiscard]] bool is_refused() noexcept { return environment_->stop_requested() && refuse(); }

private:
    bool refuse() noexcept;

    environment* environment_;
    std::coroutine_handle<> waiter_;
};

/// A description is what coil's functions return for `co_await`: a small value that describes an operation
/// which has not begun. Only a `completed` describes an operation that has already ended. A description's
/// operation_in() constructs the operation in the frame of the awaiting coroutine and gives it the
/// environment of that coroutine. Adapters take descriptions by value and call the operation's
/// `await_outcome`. The concept does not require await_outcome, because a task may return a type that an
/// `outcome` cannot hold.
template <class D>
concept description = requires(D&& what, environment& task) { std::forward<D>(what).operation_in(task); };

/// A description that knows its io_context, so that coroutines that are not tasks can await it.
template <class D>
concept context_bound = requires(const D& what) {
    { what.foreign_environment() } -> std::same_as<environment&>;
};

/// The type of a description's operation.
template <description D>
using operation_of = decltype(std::declval<D>().operation_in(std::declval<environment&>()));

/// The result of awaiting a description: `outcome_of` is an `outcome<T>`, and `result_of` is T.
template <description D>
using outcome_of = decltype(std::declval<operation_of<D>&>().await_outcome());
template <description D>
using result_of = typename outcome_of<D>::value_type;

/// The type of a `co_await` expression, given the type of its operation. Unlike result_of, it does not
/// require await_outcome.
template <class Operation>
using await_result = decltype(std::declval<Operation&>().await_resume());

/// The base class of descriptions and tasks. If a co_await is missing, as in
/// `std::size_t n = socket.recv(buffer);`, the compiler prints the name of this class. The functions are
/// deleted, so concepts do not see them. `Description` is the derived class, so each description has a
/// different base class. As a result, nested descriptions need no padding.
template <class Result, class Description>
// Aggregates derive from this class. NOLINTNEXTLINE(bugprone-crtp-constructor-accessibility)
class co_await_is_missing {
public:
    operator Result() const = delete;  // co_await is missing
    explicit operator bool() const     // co_await is missing
        requires(!std::same_as<Result, bool>)
    = delete;
    // This operator is a template, because the operator bool of `task` would hide an ordinary operator bool.
    template <std::same_as<bool> Bool>
        requires std::same_as<Result, bool>
    operator Bool() const = delete;    // co_await is missing
    void operator*() const = delete;   // co_await is missing
    void operator->() const = delete;  // co_await is missing
};
template <class Description>
class co_await_is_missing<void, Description> {};

/// The base class of std::tuple_size for descriptions whose results are often unpacked.
template <class Description>
struct bound_without_co_await {
    static_assert(sizeof(Description) == 0, "co_await is missing: write auto [a, b] = co_await x");
    static constexpr int value = 0;
};

}  // namespace detail

/// Lets a coroutine that is not a task await a description. While the coroutine waits, the context keeps
/// running. No stop request can end the wait.
template <class D>
    requires(detail::description<D> && detail::context_bound<std::remove_cvref_t<D>>)
auto operator co_await(D&& what) {
    return std::forward<D>(what).operation_in(what.foreign_environment());
}

}  // namespace coil::COIL_ABI
