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

class group_child;
class group_operation;
class group_wait;
struct group_options;
struct group_wait_description;

/// Tasks that come up while others run, and that have all ended when the one who started them goes on. It exists inside
/// `with_group` only, so that none of its tasks outlives that.
/// For a number of tasks that is known see `when_all`; for one that nobody waits for, `co_spawn`.
///
///     co_await coil::with_group([&](coil::task_group& group) -> coil::task<> {
///         for (;;)
///             group.start(serve, co_await acceptor.accept());
///     });
///
/// Threads:  its context's.
class task_group {
public:
    task_group(const task_group&) = delete;
    task_group& operator=(const task_group&) = delete;

    /// Starts a task, or a function that gives one: that is kept, with its arguments, as long as its task runs. It queues:
    /// the task starts on the next turn, in order, or where as many run as may, when one of them has ended. In a group that
    /// was cancelled it starts stopped.
    /// Errors: on another thread it throws error::wrong_thread, and starts nothing.
    /// Cost: one recycled frame beside the task's own.
    void start(task<> child);
    template <class F, class... Args>
    void start(F&& function, Args&&... args);

    /// Asks everything in the group to stop: the children, those that are started later too, and the body. What ends because
    /// of it is no error: `with_group` returns when all have ended.
    void cancel() noexcept;
    [[nodiscard]] bool is_cancelled() const noexcept { return cancelled_; }

    /// How many children there are, with those that wait for their turn.
    [[nodiscard]] std::size_t size() const noexcept { return size_; }

    /// Waits until there are no children. For the body, or for a task that is no child of the group.
    /// Errors: operation_aborted in a stopped scope; wrong_context. error::joins_own_group, which equals
    ///         std::errc::resource_deadlock_would_occur, for a child of the group, which would wait for itself, also inside a
    ///         timeout, stop_when or shield. A branch of a race in the child is not detected.
    [[nodiscard("co_await it")]] group_wait_description join() noexcept;
    /// Waits until fewer children are there than may run at once: then one more starts at once.
    /// Errors: operation_aborted in a stopped scope.
    [[nodiscard("co_await it")]] group_wait_description vacancy() noexcept;

private:
    friend class group_child;
    friend class group_operation;
    friend class group_wait;

    task_group(group_operation& owner, const group_options& chosen) noexcept;
    ~task_group();

    void add(group_child& child) noexcept;
    void begin(group_child& child) noexcept;
    void failed(const std::exception_ptr& exception) noexcept;
    void failed(const group_child& child, const std::exception_ptr& exception) noexcept;
    [[nodiscard]] std::coroutine_handle<> end(group_child& child) noexcept;
    void remove(group_child& child) noexcept;
    void wake_waits() noexcept;
    void destroy_children() noexcept;
    [[nodiscard]] scheduler& loop() const noexcept;
    [[nodiscard]] bool has_child(const environment& task) const noexcept;
    void check_owner() const;

    group_operation* owner_;
    std::size_t running_max_;
    bool reports_errors_;
    std::size_t running_ = 0;
    std::size_t size_ = 0;
    group_child* newest_ = nullptr;
    intrusive_list<node> queue_;      // children that wait for their turn
    intrusive_list<node> joins_;      // waits until there is no child
    intrusive_list<node> vacancies_;  // waits until one more may run
    std::exception_ptr failure_;
    bool cancelled_ = false;
    bool closing_ = false;  // being destroyed: nothing more is started
};

struct group_options {
    /// Children that run at once; more wait for their turn.
    std::size_t running_max = static_cast<std::size_t>(-1);
    /// A child that ends with an exception, of any type, ends alone: the exception goes to
    /// `io_context::on_task_error`, and the group goes on. Without a handler it is a line on stderr. For
    /// servers: neither a reset connection nor a parser that throws ends the other clients. To stop the group
    /// for some exceptions, catch them in the child and call cancel().
    bool report_errors = false;
};

// Implementation

/// A task in a group: what the group keeps of it, in the frame around it.
class group_child : public node {
public:
    std::coroutine_handle<> run() noexcept override;

protected:
    group_child(task_group& group, std::coroutine_handle<> frame) noexcept;
    ~group_child() { group_->remove(*this); }

    [[nodiscard]] environment& env() noexcept { return environment_; }
    void finish(const std::exception_ptr& exception) noexcept;

private:
    friend class task_group;

    task_group* group_;
    std::coroutine_handle<> frame_;
    environment environment_;
    group_child* older_ = nullptr;
    group_child* newer_ = nullptr;
    bool finished_ = false;
};

/// A wait for the number of children to fall.
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
    friend class task_group;

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

/// The body and the children of a group, as one operation.
class group_operation : public parallel_operation {
public:
    void await_suspend(std::coroutine_handle<> waiter);
    void stop() noexcept override;

protected:
    group_operation(const group_options& chosen, environment& task)
        : parallel_operation(task), group_(*this, checked(chosen)) {}
    ~group_operation() = default;

    [[nodiscard]] task_group& group() noexcept { return group_; }
    void ended(std::size_t index) noexcept final;
    /// Throws what failed first; or that the body was stopped, where that is a failure.
    void rethrow_failure(bool needs_value) const;
    /// Takes the children along, newest first, and then starts none any more.
    void destroy_children() noexcept { group_.destroy_children(); }

private:
    friend class task_group;

    static group_options checked(const group_options& chosen);

    task_group group_;
};

namespace detail {

/// The coroutine around a child: it holds the function and its arguments.
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

/// Says in the compiler's first line what to write instead. True: it can be started.
template <class F, class... Args>
consteval bool check_start() {
    constexpr call_mistake mistake = mistake_in_call<F, Args...>();
    static_assert(
        is_safe_closure<F>(),
        "g++ before 13 destroys such a closure twice: name the lambda and pass it by that name, or let it "
        "capture nothing and pass its state as further arguments of start");
    static_assert(
        !is_task<std::decay_t<F>>,
        "start takes a task<>, moved: start(std::move(task)); nobody takes the value of a task in a group, "
        "for that use when_all");
    static_assert(mistake != call_mistake::wants_reference,
                  "start copies the arguments into the task: to pass a reference, write std::ref(x)");
    static_assert(
        is_task<std::decay_t<F>> || mistake != call_mistake::no_task,
        "start takes a task, or a function with its arguments that gives a task: write -> coil::task<> "
        "behind the parameters of a lambda");
    static_assert(is_task<std::decay_t<F>> || mistake != call_mistake::other_arguments,
                  "start takes a task, or a function with its arguments that gives a task: this one can't be "
                  "called with these arguments");
    if constexpr (mistake == call_mistake::none) {
        using value =
            typename task_value<std::invoke_result_t<std::decay_t<F>&, std::decay_t<Args>...>>::type;
        static_assert(
            std::is_void_v<value>,
            "nobody takes the value of a task in a group: let the function give a task<>, or use when_all");
        return std::is_void_v<value>;
    }
    return false;
}

/// Checks the body of a group, and says what to write if it does not fit.
template <class F>
consteval bool check_body() {
    static_assert(
        is_safe_closure<F>(),
        "g++ before 13 destroys such a closure twice: name the lambda and pass it by that name, or let it "
        "capture by reference");
    static_assert(std::invocable<F&, task_group&>,
                  "with_group takes a function of the group that gives a task: "
                  "[&](coil::task_group& group) -> coil::task<> { ... }");
    static_assert(
        !std::invocable<F&, task_group&> || gives_task<F&, task_group&>,
        "the body of with_group gives a task: write -> coil::task<> behind its parameters, and a co_await or "
        "co_return into it");
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

/// The operation of `with_group`.
template <class F, class T>
class [[nodiscard("co_await it")]] with_group_operation final : public group_operation {
public:
    with_group_operation(const group_options& chosen, F&& function, environment& task)
        : group_operation(chosen, task),
          function_(std::move(function)),
          body_(detail::branch_seed<coil::task<T>>{*this, 0, function_(group())}) {}
    with_group_operation(const with_group_operation&) = delete;
    with_group_operation& operator=(const with_group_operation&) = delete;
    ~with_group_operation() { destroy_children(); }

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
class [[nodiscard("co_await it")]] with_group_description {
public:
    with_group_description(const group_options& chosen, F&& function)
        : options_(chosen), function_(std::move(function)) {}

    with_group_operation<F, T> operation_in(environment& task) && {
        return {options_, std::move(function_), task};
    }

private:
    group_options options_;
    F function_;
};

/// Runs `body(group)`, a task that may start others in the group, and waits for all of them.
///
///     co_await coil::with_group([&](coil::task_group& group) -> coil::task<> {
///         group.start(heartbeat, std::ref(peer));
///         group.start(reader, std::ref(peer));
///         co_await commands(peer);
///         group.cancel();                              // else it would wait until these two end by themselves
///     });
///
///     co_await coil::with_group({.report_errors = true}, [&](coil::task_group& clients) -> coil::task<> {
///         for (;;)
///             clients.start(serve, co_await acceptor.accept());
///     });
///
/// Completes: when the body and every child have ended, with the body's value.
/// Errors:    the first error of the body or of a child: it stops all the others, they are waited for, and then it comes
///            out; an exception that is no `std::system_error` goes before one that is. What others fail with, once all are
///            being stopped, is a consequence and dropped. (With `report_errors` a child's exception is
///            reported instead, whenever it comes.)
///            error::operation_aborted if the task itself is stopped and the body ended because of it, or if the group was
///            cancelled before the body had made its value.
/// Cancel:    a stop of the task reaches the body and all children.
/// Lifetime:  the closure is kept until all have ended; children may refer to the body's locals only as long as the body runs
///            (let it `co_await group.join()` then), to what the caller holds always.
/// Cost:      two recycled frames a child.
template <class F>
auto with_group(const group_options& chosen, F body) {
    if constexpr (detail::check_body<F>()) {
        using value = typename detail::task_value<std::invoke_result_t<F&, task_group&>>::type;
        return with_group_description<F, value>(chosen, std::move(body));
    }
}

template <class F>
auto with_group(F body) {
    return with_group(group_options(), std::move(body));
}

inline group_wait_description task_group::join() noexcept { return {this, 0}; }
inline group_wait_description task_group::vacancy() noexcept { return {this, running_max_ - 1}; }

}  // namespace coil::COIL_ABI
