// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#pragma once

#include <coil/version.hpp>

#include <concepts>
#include <coroutine>
#include <cstddef>
#include <exception>
#include <string>
#include <type_traits>
#include <utility>

#include <coil/base/intrusive_list.hpp>
#include <coil/coro/call.hpp>
#include <coil/coro/environment.hpp>
#include <coil/coro/safe_closure.hpp>
#include <coil/coro/task.hpp>
#include <coil/sync/parallel.hpp>

namespace coil::COIL_ABI {

namespace detail {

class group_child;
class group_operation;
class group_wait;

struct group_wait_description;

}  // namespace detail

/// A dynamic set of child tasks. A group exists only inside `with_group`, which waits for all children, so no
/// child outlives the call of `with_group`. If the number of tasks is known in advance, use `when_all`. For
/// independent tasks, use `co_spawn`.
///
///     co_await coil::with_group([&](coil::task_group& group) -> coil::task<> {
///         for (;;)
///             group.start(serve, co_await acceptor.accept());
///     });
///
/// Threads:  the context's thread only.
class task_group {
public:
    struct options {
        /// The maximum number of children that run concurrently. Further children are queued.
        std::size_t running_max = static_cast<std::size_t>(-1);
        /// If true, a child that ends with an exception of any type does not stop the group. The exception is
        /// reported to `io_context::on_task_error`, or on stderr if there is no handler. Use this option for
        /// servers, so that a reset connection or an exception in a parser does not disconnect the other
        /// clients. To stop the group for certain exceptions, catch them in the child and call cancel().
        bool report_errors = false;
    };

    task_group(const task_group&) = delete;
    task_group& operator=(const task_group&) = delete;

    /// Starts a task, or a function that returns a task. The function and its arguments are stored until the
    /// task ends. Tasks begin in FIFO order in the next loop iteration. If `running_max` children are already
    /// running, the task begins after one of them has ended. In a cancelled group, the task begins in a
    /// stopped scope.
    /// Errors: if called on another thread, throws error::wrong_thread and starts nothing.
    /// Cost:   one recycled frame in addition to the task's own frame.
    void start(task<> child);
    template <class F, class... Args>
    void start(F&& function, Args&&... args);

    /// Stops the body and all children, including children that are started later. Errors caused by the stop
    /// are dropped. `with_group` returns when the body and all children have ended.
    void cancel() noexcept;
    [[nodiscard]] bool is_cancelled() const noexcept { return cancelled_; }

    /// The number of children, including queued children.
    [[nodiscard]] std::size_t size() const noexcept { return size_; }

    /// Waits until the group has no children. Call join() in the body, or in a task outside the group.
    /// Errors: operation_aborted in a stopped scope; wrong_context; error::joins_own_group, which equals
    ///         std::errc::resource_deadlock_would_occur, if called in a child of the group, because the child
    ///         would wait for itself. The mistake is detected even inside a timeout, stop_when or shield, but
    ///         not in a branch of a race.
    [[nodiscard("co_await it")]] detail::group_wait_description join() noexcept;
    /// Waits until the group has fewer than `running_max` children, so that another child can start without
    /// queueing.
    /// Errors: operation_aborted in a stopped scope; wrong_context.
    [[nodiscard("co_await it")]] detail::group_wait_description wait_for_vacancy() noexcept;

private:
    friend class detail::group_child;
    friend class detail::group_operation;
    friend class detail::group_wait;

    task_group(detail::group_operation& owner, const options& chosen) noexcept;
    ~task_group();

    void add(detail::group_child& child) noexcept;
    void begin(detail::group_child& child) noexcept;
    void failed(const std::exception_ptr& exception) noexcept;
    void failed(const detail::group_child& child, const std::exception_ptr& exception) noexcept;
    [[nodiscard]] std::coroutine_handle<> end(detail::group_child& child) noexcept;
    void remove(detail::group_child& child) noexcept;
    void wake_waits() noexcept;
    void destroy_children() noexcept;
    [[nodiscard]] detail::scheduler& loop() const noexcept;
    [[nodiscard]] bool has_child(const detail::environment& task) const noexcept;
    void check_owner() const;

    detail::group_operation* owner_;
    std::size_t running_max_;
    bool reports_errors_;
    std::size_t running_ = 0;
    std::size_t size_ = 0;
    detail::group_child* newest_ = nullptr;
    detail::intrusive_list<detail::node> queue_;      // children that wait to start
    detail::intrusive_list<detail::node> joins_;      // pending join() calls
    detail::intrusive_list<detail::node> vacancies_;  // pending wait_for_vacancy() calls
    std::exception_ptr failure_;
    bool cancelled_ = false;
    bool closing_ = false;  // the group is being destroyed, so start() is a no-op
};

// Implementation

namespace detail {

/// The group's record of one child. The child runs in a coroutine of type child_frame, and the promise of
/// that coroutine derives from this class.
class group_child : public node {
public:
    std::coroutine_handle<> run() noexcept override;

protected:
    group_child(task_group& group, std::coroutine_handle<> frame) noexcept;
    ~group_child() override { group_->remove(*this); }

    [[nodiscard]] environment& env() noexcept { return environment_; }
    void finish(const std::exception_ptr& exception) noexcept;

private:
    friend class coil::task_group;

    task_group* group_;
    std::coroutine_handle<> frame_;
    environment environment_;
    group_child* older_ = nullptr;
    group_child* newer_ = nullptr;
    bool finished_ = false;
};

/// Waits until the group has at most `size_max` children.
class group_wait final : public awaited {
public:
    group_wait(task_group& group, std::size_t size_max, environment& task) noexcept
        : awaited(task), group_(&group), size_max_(size_max) {}

    bool await_ready() const noexcept { return false; }
    void await_suspend(std::coroutine_handle<> waiter);
    outcome<void> await_outcome() const noexcept { return error_; }
    void await_resume() const {
        if (error_)
            throw_failure(error_, describe());
    }

    void stop() noexcept override;
    std::string describe() const override { return "task_group"; }

private:
    friend class coil::task_group;

    void make_ready() noexcept;

    task_group* group_;
    std::size_t size_max_;
    std::error_code error_;
    bool is_over_ = false;
};

struct [[nodiscard("co_await it")]] group_wait_description {
    task_group* group;
    std::size_t size_max;

    group_wait operation_in(environment& task) const noexcept { return {*group, size_max, task}; }
};

/// The operation that runs the body and the children of a group.
class group_operation : public parallel_operation {
public:
    void await_suspend(std::coroutine_handle<> waiter);
    void stop() noexcept override;

protected:
    group_operation(const task_group::options& chosen, environment& task)
        : parallel_operation(task), group_(*this, checked(chosen)) {}
    ~group_operation() override = default;

    [[nodiscard]] task_group& group() noexcept { return group_; }
    void ended(std::size_t index) noexcept final;
    /// Throws the group's failure, if there is one. Otherwise, if the body was stopped, throws
    /// operation_aborted in two cases: the awaiting task was stopped, or the body had to return a value.
    void rethrow_failure(bool needs_value) const;
    /// Destroys the children, newest first. From then on, start() is a no-op.
    void destroy_children() noexcept { group_.destroy_children(); }

private:
    friend class coil::task_group;

    static task_group::options checked(const task_group::options& chosen);

    task_group group_;
};

/// The coroutine that runs a child. It holds the child's function and arguments.
class child_frame {
public:
    class promise_type : public promise_base, public group_child {
    public:
        template <class... Held>
        promise_type(task_group& group, Held&...) noexcept
            : group_child(group, std::coroutine_handle<promise_type>::from_promise(*this)) {
            set_environment(env());
        }

        child_frame get_return_object() const noexcept { return {}; }

        struct final_awaiter {
            bool await_ready() const noexcept { return false; }
            void await_suspend(std::coroutine_handle<promise_type> done) const noexcept {
                done.promise().finish(done.promise().exception_);
            }
            void await_resume() const noexcept {}
        };
        final_awaiter final_suspend() const noexcept { return {}; }

        void return_void() const noexcept {}
        void unhandled_exception() noexcept { exception_ = std::current_exception(); }

    private:
        std::exception_ptr exception_;
    };
};

child_frame run_child(task_group& group, task<> child);

template <class F, class... Args>
child_frame run_child_of(task_group&, F function, Args... args) {
    co_await call(function, std::move(args)...);
}

/// Returns true if the task can be started. Otherwise the compilation fails with a message that says what to
/// write instead.
template <class F, class... Args>
consteval bool check_start() {
    constexpr call_mistake mistake = mistake_in_call<F, Args...>();
    static_assert(
        is_safe_closure<F>(),
        "g++ before 13 destroys such a closure twice: name the lambda and pass it by that name, or let it "
        "capture nothing and pass its state as further arguments of start");
    static_assert(
        !is_task<std::decay_t<F>>,
        "start takes a task<>, moved: start(std::move(task)); a group discards the values of its tasks, so "
        "use when_all for tasks with a value");
    static_assert(mistake != call_mistake::wants_reference,
                  "start copies the arguments into the task: to pass a reference, write std::ref(x)");
    static_assert(
        is_task<std::decay_t<F>> || mistake != call_mistake::no_task,
        "start takes a task, or a function that returns a task, with its arguments: write -> coil::task<> "
        "behind the parameters of a lambda");
    static_assert(is_task<std::decay_t<F>> || mistake != call_mistake::other_arguments,
                  "start takes a task, or a function that returns a task, with its arguments: this one "
                  "can't be called with these arguments");
    if constexpr (mistake == call_mistake::none) {
        using value =
            typename task_value<std::invoke_result_t<std::decay_t<F>&, std::decay_t<Args>...>>::type;
        static_assert(
            std::is_void_v<value>,
            "a group discards the values of its tasks: let the function return a task<>, or use when_all");
        return std::is_void_v<value>;
    }
    return false;
}

/// Returns true if `F` can be the body of a group. Otherwise the compilation fails with a message that says
/// what to write instead.
template <class F>
consteval bool check_body() {
    static_assert(
        is_safe_closure<F>(),
        "g++ before 13 destroys such a closure twice: name the lambda and pass it by that name, or let it "
        "capture by reference");
    static_assert(std::invocable<F&, task_group&>,
                  "with_group takes a function of the group that returns a task: "
                  "[&](coil::task_group& group) -> coil::task<> { ... }");
    static_assert(
        !std::invocable<F&, task_group&> || gives_task<F&, task_group&>,
        "the body of with_group returns a task: write -> coil::task<> behind its parameters, and a co_await "
        "or co_return into it");
    return gives_task<F&, task_group&>;
}

}  // namespace detail

template <class F, class... Args>
void task_group::start(F&& function, Args&&... args) {
    if constexpr (detail::check_start<F, Args...>()) {
        check_owner();
        if (!closing_)
            detail::run_child_of<std::decay_t<F>, std::decay_t<Args>...>(*this, std::forward<F>(function),
                                                                         std::forward<Args>(args)...);
    }
}

namespace detail {

/// The operation that implements `with_group`.
template <class F, class T>
class [[nodiscard("co_await it")]] with_group_operation final : public group_operation {
public:
    with_group_operation(const task_group::options& chosen, F&& function, environment& task)
        : group_operation(chosen, task),
          function_(std::move(function)),
          body_(detail::branch_seed<coil::task<T>>{*this, 0, function_(group())}) {}
    with_group_operation(const with_group_operation&) = delete;
    with_group_operation& operator=(const with_group_operation&) = delete;
    ~with_group_operation() override { destroy_children(); }

    T await_resume() {
        rethrow_failure(!std::is_void_v<T>);
        if constexpr (std::is_reference_v<T>)
            return **body_.result();
        else if constexpr (!std::is_void_v<T>)
            return *std::move(body_.result());
    }
    auto await_outcome() {
        return detail::outcome_from<T>([this]() -> T { return await_resume(); });
    }
    std::string describe() const override { return "with_group"; }

private:
    std::size_t count() const noexcept override { return 1; }
    branch_base& at(std::size_t) const noexcept override { return body_; }

    F function_;
    mutable branch<coil::task<T>> body_;
};

template <class F, class T>
class [[nodiscard("co_await it")]] with_group_description
    : public co_await_is_missing<T, with_group_description<F, T>> {
public:
    with_group_description(const task_group::options& chosen, F&& function)
        : options_(chosen), function_(std::move(function)) {}

    with_group_operation<F, T> operation_in(environment& task) && {
        return {options_, std::move(function_), task};
    }

private:
    task_group::options options_;
    F function_;
};

}  // namespace detail

/// Runs the task that `body(group)` returns. This task may start other tasks in the group. with_group waits
/// for all of these tasks.
///
///     co_await coil::with_group([&](coil::task_group& group) -> coil::task<> {
///         group.start(heartbeat, std::ref(peer));
///         group.start(reader, std::ref(peer));
///         co_await commands(peer);
///         group.cancel();                         // otherwise with_group waits until both have ended
///     });
///
///     co_await coil::with_group({.report_errors = true}, [&](coil::task_group& clients) -> coil::task<> {
///         for (;;)
///             clients.start(serve, co_await acceptor.accept());
///     });
///
/// Completes: when the body and every child have ended, with the body's value.
/// Errors:    the first error from the body or a child stops the body and all children, and is thrown after
///            they have ended. Later errors are considered consequences of the stop and are dropped, except
///            that an exception other than `std::system_error` takes precedence over a std::system_error.
///            With `report_errors`, exceptions from children are reported and do not stop the group. Throws
///            error::operation_aborted if the body ended because the awaiting task was stopped, or if the
///            group was cancelled before the body returned its value.
/// Cancel:    stops the body and all children.
/// Lifetime:  the closure lives until the body and all children have ended. Children may refer to the
///            caller's local variables at any time, but to the body's local variables only while the body
///            runs. To keep the body running, end the body with `co_await group.join()`.
/// Cost:      two recycled frames per child.
template <class F>
auto with_group(const task_group::options& chosen, F body) {
    if constexpr (detail::check_body<F>()) {
        using value = typename detail::task_value<std::invoke_result_t<F&, task_group&>>::type;
        return detail::with_group_description<F, value>(chosen, std::move(body));
    }
}

template <class F>
auto with_group(F body) {
    return with_group(task_group::options(), std::move(body));
}

inline detail::group_wait_description task_group::join() noexcept { return {this, 0}; }
inline detail::group_wait_description task_group::wait_for_vacancy() noexcept {
    return {this, running_max_ - 1};
}

}  // namespace coil::COIL_ABI
