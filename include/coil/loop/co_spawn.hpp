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

namespace detail {
struct co_await_its_join {};  // the compiler prints this name in its error
}  // namespace detail

/// To say that nobody waits for the task: `co_spawn(context, serve(), coil::detached)`. What goes wrong in it goes to
/// the context's on_task_error.
struct detached_t {};
inline constexpr detached_t detached{};

/// The context to spawn on, and the line that spawns.
struct spawn_place {
    spawn_place(io_context& on, std::source_location where = std::source_location::current()) noexcept
        : context(&on), spawned_at(where) {}

    io_context* context;
    std::source_location spawned_at;
};

class join_operation_base;

/// A task at the root of a line of execution: what the context keeps of a spawned task, inside the task's own frame.
class root_task : public node {
public:
    std::coroutine_handle<> run() noexcept override { return frame_; }  // its first turn

    [[nodiscard]] environment& env() noexcept { return environment_; }
    [[nodiscard]] bool is_finished() const noexcept { return finished_; }
    [[nodiscard]] virtual const std::exception_ptr& exception() const noexcept = 0;

    /// After its end, from the loop: gives the result to who waits, or reports and destroys itself.
    void settle() noexcept;
    void destroy() noexcept { frame_.destroy(); }
    /// The context ends, and this frame stays: handles and joins of it stand for no task from now on.
    void part() noexcept;

protected:
    root_task(const spawn_place& place, std::coroutine_handle<> frame) noexcept;
    ~root_task();

    void finish() noexcept;

private:
    friend class io_context;
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

/// A wait for a spawned task.
class join_operation_base : public awaited {
public:
    bool await_ready() const noexcept { return false; }
    void await_suspend(std::coroutine_handle<> waiter);
    void stop() noexcept override;
    std::string describe() const override { return "join"; }

protected:
    join_operation_base(root_task* task, environment& waiting) noexcept : awaited(waiting), task_(task) {}
    ~join_operation_base();

    /// The finished task; null where the wait was given up.
    [[nodiscard]] root_task* finished() noexcept;
    [[nodiscard]] std::error_code error() const noexcept { return error_; }

private:
    friend class root_task;

    root_task* task_;
    std::error_code error_ = error::operation_aborted;
};

/// What all join handles have in common.
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

    /// Whether it stands for a task.
    [[nodiscard]] explicit operator bool() const& noexcept { return task_ != nullptr; }
    template <class = detail::co_await_its_join>
    explicit operator bool() const&& = delete;
    /// Whether the task has ended.
    [[nodiscard]] bool done() const noexcept { return !task_ || task_->is_finished(); }

    /// Asks the task to stop: what it awaits ends with operation_aborted. Owner's thread only.
    void request_stop() noexcept {
        if (task_)
            task_->env().request_stop();
    }

    /// Lets the task go on alone.
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

namespace detail {

/// The coroutine around a spawned task: it holds the function and its arguments, awaits the task, keeps the result.
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

/// Throws error::wrong_thread where the context is another thread's. False: it is being destroyed, spawn nothing.
[[nodiscard]] bool may_spawn(const spawn_place& place);

/// Says in the compiler's first line what to write instead. True: it can be spawned.
template <class F, class... Args>
consteval bool check_spawn() {
    constexpr call_mistake mistake = mistake_in_call<F, Args...>();
    static_assert(mistake != call_mistake::wants_reference,
                  "co_spawn copies the arguments into the task: to pass a reference, write std::ref(x)");
    static_assert(
        mistake != call_mistake::no_task,
        "co_spawn takes a task, or a function with its arguments that gives a task: write -> coil::task<> "
        "behind the parameters of a lambda");
    static_assert(mistake != call_mistake::other_arguments,
                  "co_spawn takes a task, or a function with its arguments that gives a task: "
                  "this one can't be called with these arguments");
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

}  // namespace detail

template <class T>
class join_operation;
template <class T>
struct join_description;

/// A spawned task that somebody may wait for. Dropping it detaches the task; see `join`.
template <class T>
class [[nodiscard("keep it, or pass coil::detached: dropping it detaches the task")]] join_handle
    : public join_handle_base {
public:
    explicit join_handle(typename detail::root<T>::promise_type* task) noexcept : join_handle_base(task) {}

    /// Waits for the task, and gives its result or throws its exception. Once; from a task of the same context.
    /// A cancel ends the wait, not the task.
    /// Errors: wrong_context from a task of another context; error::joins_itself, which equals
    ///         std::errc::resource_deadlock_would_occur, if the task would wait for its own end, also inside a timeout,
    ///         stop_when or shield. A branch of a race or a child of a group that joins its parent's task is not detected.
    join_description<T> join() noexcept;
};

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
struct [[nodiscard("co_await it")]] join_description {
    root_task* task;

    join_operation<T> operation_in(environment& waiting) const noexcept { return {task, waiting}; }
};

template <class T>
join_description<T> join_handle<T>::join() noexcept {
    return {task()};
}

/// Starts a task, or a function that gives one, on a context. It queues: the task starts on the loop's next turn, in
/// order, never inside this call.
///
///     coil::co_spawn(context, echo(std::move(peer)), coil::detached);        // nobody waits
///     auto worker = coil::co_spawn(context, work, std::move(queue), 17);     // function and arguments live in the frame
///     int result = co_await worker.join();
///
/// Errors:   of a detached task go to the context's on_task_error, of a joined one to who joins. Called on another thread
///           than the context's it throws error::wrong_thread: post() a function that spawns.
/// Lifetime: the function and its arguments are copied or moved into the frame, and live as long as the task.
/// Cost:     one recycled frame beside the task's own.
template <class T>
void co_spawn(spawn_place place, task<T> child, detached_t) {
    if (detail::may_spawn(place))
        detail::run_root<T>(place, std::move(child));
}

template <class T>
join_handle<T> co_spawn(spawn_place place, task<T> child) {
    return join_handle<T>(detail::may_spawn(place) ? detail::run_root<T>(place, std::move(child)).promise
                                                   : nullptr);
}

template <class F, class... Args>
auto co_spawn(spawn_place place, F&& function, Args&&... args) {
    if constexpr (detail::check_spawn<F, Args...>()) {
        using value =
            typename detail::task_value<std::invoke_result_t<std::decay_t<F>&, std::decay_t<Args>...>>::type;
        return join_handle<value>(
            detail::spawn_function(place, std::forward<F>(function), std::forward<Args>(args)...));
    }
}

/// A trailing `detached` is always the token.
template <class F, class... Args>
    requires(sizeof...(Args) > 0 &&
             std::same_as<std::remove_cvref_t<std::tuple_element_t<sizeof...(Args) - 1, std::tuple<Args...>>>,
                          detached_t>)
void co_spawn(spawn_place place, F&& function, Args&&... args) {
    [&]<std::size_t... I>(std::index_sequence<I...>, auto&& held) {
        if constexpr (detail::check_spawn<F, std::tuple_element_t<I, std::tuple<Args&&...>>...>())
            detail::spawn_function(
                place, std::forward<F>(function),
                std::forward<std::tuple_element_t<I, std::tuple<Args&&...>>>(std::get<I>(held))...);
    }(std::make_index_sequence<sizeof...(Args) - 1>(), std::forward_as_tuple(std::forward<Args>(args)...));
}

}  // namespace coil::COIL_ABI
