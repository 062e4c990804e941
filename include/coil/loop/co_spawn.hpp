// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#pragma once

#include <coil/version.hpp>

#include <concepts>
#include <coroutine>
#include <cstddef>
#include <exception>
#include <source_location>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>

#include <coil/base/outcome.hpp>
#include <coil/coro/call.hpp>
#include <coil/coro/environment.hpp>
#include <coil/coro/safe_closure.hpp>
#include <coil/coro/task.hpp>
#include <coil/loop/io_context.hpp>

namespace coil::COIL_ABI {

/// A tag for tasks that are never joined: `co_spawn(context, serve(), coil::detached)`. Exceptions from a
/// detached task are passed to the context's on_task_error handler.
struct detached_t {};
inline constexpr detached_t detached{};

namespace detail {

struct co_await_its_join {};  // the compiler prints this name in its error

/// The context to spawn on and the source location of the spawn.
struct spawn_place {
    spawn_place(io_context& on, std::source_location where = std::source_location::current()) noexcept
        : context(&on), spawned_at(where) {}

    io_context* context;
    std::source_location spawned_at;
};

class join_operation_base;

/// The context's record of a spawned task. The record is stored in the frame of the coroutine that awaits the
/// task (detail::root).
class root_task : public node {
public:
    std::coroutine_handle<> run() noexcept override { return frame_; }  // starts the task

    [[nodiscard]] environment& env() noexcept { return environment_; }
    [[nodiscard]] bool is_finished() const noexcept { return finished_; }
    [[nodiscard]] virtual const std::exception_ptr& exception() const noexcept = 0;

    /// Called after the task has ended. If a task is joining this task, schedules the joining task.
    /// Otherwise, if there is a join handle, keeps the result. If there is neither, reports the task's
    /// exception, if any, and destroys the task.
    void settle() noexcept;
    void destroy() noexcept { frame_.destroy(); }
    /// Clears the pointers to this task in the join handle and in the joining task's operation. Called by the
    /// destructor, and when the context ends but the frame must stay allocated.
    void disconnect() noexcept;

protected:
    root_task(const spawn_place& place, std::coroutine_handle<> frame) noexcept;
    ~root_task() override;

    void finish() noexcept;

private:
    friend class detail::task_list;
    friend class join_handle_base;
    friend class join_operation_base;

    void report() noexcept;

    [[nodiscard]] io_context& context() const noexcept { return io_context::of(environment_); }

    std::coroutine_handle<> frame_;
    environment environment_;
    std::source_location spawned_at_;
    class join_handle_base* handle_ = nullptr;
    join_operation_base* joiner_ = nullptr;
    root_task* older_ = nullptr;
    root_task* newer_ = nullptr;
    bool finished_ = false;
    bool taken_ = false;
};

/// The operation that waits for a spawned task.
class join_operation_base : public awaited {
public:
    bool await_ready() const noexcept { return false; }
    void await_suspend(std::coroutine_handle<> waiter);
    void stop() noexcept override;
    std::string describe() const override { return "join"; }

protected:
    join_operation_base(root_task* task, environment& waiting) noexcept : awaited(waiting), task_(task) {}
    ~join_operation_base() override;

    /// Returns the finished task, or null if the wait was refused or cancelled.
    [[nodiscard]] root_task* finished() noexcept;
    [[nodiscard]] std::error_code error() const noexcept { return error_; }

private:
    friend class root_task;

    root_task* task_;
    std::error_code error_ = error::operation_aborted;
};

/// The base class of all join handles.
class join_handle_base {
public:
    join_handle_base(join_handle_base&& other) noexcept { take(other); }
    join_handle_base& operator=(join_handle_base&& other) noexcept {
        if (this != &other) {
            detach();
            take(other);
        }
        return *this;
    }
    ~join_handle_base() { detach(); }

    /// Returns true if the handle refers to a task.
    [[nodiscard]] explicit operator bool() const& noexcept { return task_ != nullptr; }
    template <class = detail::co_await_its_join>
    explicit operator bool() const&& = delete;
    /// Returns true if the task has ended or the handle refers to no task.
    [[nodiscard]] bool done() const noexcept { return !task_ || task_->is_finished(); }

    /// Requests a stop, so that the task's current and later awaits end with operation_aborted. Call this
    /// only on the context's thread.
    void request_stop() noexcept {
        if (task_)
            task_->env().request_stop();
    }

    /// Detaches the task, which continues to run without a handle.
    void detach() noexcept;

protected:
    explicit join_handle_base(root_task* task) noexcept : task_(task) {
        if (task_)
            task_->handle_ = this;
    }
    [[nodiscard]] root_task* task() const noexcept { return task_; }

private:
    friend class root_task;

    void take(join_handle_base& other) noexcept;

    root_task* task_ = nullptr;
};

/// The coroutine around a spawned task. It holds the function and its arguments, awaits the task, and keeps
/// the result.
template <class T>
class root {
public:
    class promise_type : public promise_base, public root_task, public result_slot<T> {
    public:
        template <class... Held>
        promise_type(const spawn_place& place, Held&...) noexcept
            : root_task(place, std::coroutine_handle<promise_type>::from_promise(*this)) {
            set_environment(env());
        }

        root get_return_object() noexcept { return {this}; }

        struct final_awaiter {
            bool await_ready() const noexcept { return false; }
            void await_suspend(std::coroutine_handle<promise_type> done) const noexcept {
                done.promise().finish();
            }
            void await_resume() const noexcept {}
        };
        final_awaiter final_suspend() const noexcept { return {}; }

        const std::exception_ptr& exception() const noexcept override { return result_slot<T>::exception(); }
    };

    promise_type* promise;
};

template <class T>
root<T> run_root(const spawn_place&, task<T> child) {
    co_return co_await std::move(child);
}

template <class T, class F, class... Args>
root<T> run_root_of(const spawn_place&, F function, Args... args) {
    co_return co_await call(function, std::move(args)...);
}

/// Returns false if the context is being destroyed, because no task may be spawned then. Throws
/// error::wrong_thread if the context belongs to another thread.
[[nodiscard]] bool may_spawn(const spawn_place& place);

/// Reports misuse, and how to fix it, in the first line of the compiler's error message. Returns true if the
/// task can be spawned.
template <class F, class... Args>
consteval bool check_spawn() {
    constexpr call_mistake mistake = mistake_in_call<F, Args...>();
    static_assert(mistake != call_mistake::wants_reference,
                  "co_spawn copies the arguments into the task: to pass a reference, write std::ref(x)");
    static_assert(
        mistake != call_mistake::no_task,
        "co_spawn takes a task, or a function that returns a task, with its arguments: write -> coil::task<> "
        "after the parameters of a lambda");
    static_assert(mistake != call_mistake::other_arguments,
                  "co_spawn takes a task, or a function that returns a task, with its arguments: "
                  "this function can't be called with these arguments");
    return mistake == call_mistake::none;
}

template <class F, class... Args>
auto spawn_function(const spawn_place& place, F&& function, Args&&... args) {
    static_assert(
        is_safe_closure<F>(),
        "g++ before 13 destroys such a closure twice: name the lambda and pass it by that name, or let it "
        "capture nothing and pass its state as further arguments of co_spawn");
    using value = typename task_value<std::invoke_result_t<std::decay_t<F>&, std::decay_t<Args>...>>::type;
    using promise = typename root<value>::promise_type;
    if (!may_spawn(place))
        return static_cast<promise*>(nullptr);
    return run_root_of<value, std::decay_t<F>, std::decay_t<Args>...>(place, std::forward<F>(function),
                                                                      std::forward<Args>(args)...)
        .promise;
}

template <class T>
class join_operation;
template <class T>
struct join_description;

}  // namespace detail

/// A handle to a spawned task. Call `join` to wait for the task. Destroying the handle detaches the task.
template <class T>
class [[nodiscard("keep it, or pass coil::detached: dropping it detaches the task")]] join_handle
    : public detail::join_handle_base {
public:
    explicit join_handle(typename detail::root<T>::promise_type* task) noexcept : join_handle_base(task) {}

    /// Waits for the task to end, and returns its result or throws its exception. Call join() only once, from
    /// a task of the same context. A cancel of the join ends the wait, but the joined task continues.
    /// Errors: error::wrong_context if called from a task of another context; error::operation_in_progress if
    ///         the task has already been joined or is being joined; error::joins_itself, which equals
    ///         std::errc::resource_deadlock_would_occur, if the task would wait for its own end, even inside
    ///         a timeout, stop_when or shield. This mistake is not detected if a branch of a race or a child
    ///         of a group joins the task that awaits the race or the group.
    detail::join_description<T> join() noexcept;
};

namespace detail {

template <class T>
class [[nodiscard("co_await it")]] join_operation final : public join_operation_base {
public:
    join_operation(root_task* task, environment& waiting) noexcept : join_operation_base(task, waiting) {}

    T await_resume() {
        root_task* task = finished();
        if (!task)
            throw_failure(error(), "join");
        return take_from(*task);
    }

    auto await_outcome() {
        root_task* task = finished();
        const auto take = [task]() -> T { return take_from(*task); };
        return task ? detail::outcome_from<T>(take) : decltype(detail::outcome_from<T>(take))(error());
    }

private:
    static T take_from(root_task& task) {
        return static_cast<typename detail::root<T>::promise_type&>(task).take();
    }
};

template <class T>
struct [[nodiscard("co_await it")]] join_description : co_await_is_missing<T, join_description<T>> {
    root_task* task;

    join_operation<T> operation_in(environment& waiting) const noexcept { return {task, waiting}; }
};

}  // namespace detail

template <class T>
detail::join_description<T> join_handle<T>::join() noexcept {
    return {{}, task()};
}

/// Starts a task, or a function that returns a task, on a context. The task is queued and starts in the
/// loop's next iteration, in FIFO order. It never starts inside this call.
///
///     coil::co_spawn(context, echo(std::move(peer)), coil::detached);        // never joined
///     auto worker = coil::co_spawn(context, work, std::move(queue), 17);     // stored in the frame
///     int result = co_await worker.join();
///
/// Errors:   A detached task's exceptions are passed to the context's on_task_error handler, and a joined
///           task's exceptions to the joiner. Throws error::wrong_thread if called on a thread other than the
///           context's. From another thread, post() a function that spawns the task.
/// Lifetime: The function and its arguments are copied or moved into the frame, and live as long as the task.
/// Cost:     One recycled frame in addition to the task's own frame.
template <class T>
void co_spawn(detail::spawn_place place, task<T> child, detached_t) {
    if (detail::may_spawn(place))
        detail::run_root<T>(place, std::move(child));
}

template <class T>
join_handle<T> co_spawn(detail::spawn_place place, task<T> child) {
    return join_handle<T>(detail::may_spawn(place) ? detail::run_root<T>(place, std::move(child)).promise
                                                   : nullptr);
}

template <class F, class... Args>
auto co_spawn(detail::spawn_place place, F&& function, Args&&... args) {
    if constexpr (detail::check_spawn<F, Args...>()) {
        using value =
            typename detail::task_value<std::invoke_result_t<std::decay_t<F>&, std::decay_t<Args>...>>::type;
        return join_handle<value>(
            detail::spawn_function(place, std::forward<F>(function), std::forward<Args>(args)...));
    }
}

/// Starts a function as a detached task. A trailing `detached` argument is always the tag and never an
/// argument of the function.
template <class F, class... Args>
    requires(sizeof...(Args) > 0 &&
             std::same_as<std::remove_cvref_t<std::tuple_element_t<sizeof...(Args) - 1, std::tuple<Args...>>>,
                          detached_t>)
void co_spawn(detail::spawn_place place, F&& function, Args&&... args) {
    [&]<std::size_t... I>(std::index_sequence<I...>, auto&& held) {
        if constexpr (detail::check_spawn<F, std::tuple_element_t<I, std::tuple<Args&&...>>...>())
            detail::spawn_function(
                place, std::forward<F>(function),
                std::forward<std::tuple_element_t<I, std::tuple<Args&&...>>>(std::get<I>(held))...);
    }(std::make_index_sequence<sizeof...(Args) - 1>(), std::forward_as_tuple(std::forward<Args>(args)...));
}

}  // namespace coil::COIL_ABI
