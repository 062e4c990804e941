// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#pragma once

#include <coil/version.hpp>

#include <coroutine>
#include <cstddef>
#include <source_location>
#include <string>
#include <type_traits>
#include <utility>

#include <coil/base/outcome.hpp>
#include <coil/coro/environment.hpp>
#include <coil/coro/foreign.hpp>
#include <coil/coro/frame_allocator.hpp>
#include <coil/coro/result_slot.hpp>

namespace coil::COIL_ABI {

/// A coroutine that returns a T. It starts when it is awaited, on the awaiting task's thread, and passes its
/// result or exception to the awaiter. To start a task without awaiting it, use `co_spawn`.
///
///     coil::task<std::size_t> count(tcp::socket peer) {
///         std::array<std::byte, 4096> buffer;
///         std::size_t total = 0;
///         while (std::size_t n = co_await peer.recv(buffer))
///             total += n;
///         co_return total;
///     }
///
/// Awaits:   coil's awaitables, other tasks, and any other C++ awaitable. Even if an awaitable of another
///           library resumes the task on a different thread, the task continues on its context's thread.
/// Lifetime: parameters are copied or moved into the frame, but references stay references. A task that is
///           destroyed before it is awaited never runs.
/// Cost:     one frame from a recycling allocator, so no heap allocation in steady state.
template <class T = void>
class task;

namespace detail {

struct co_await_the_task {};  // the compiler prints this name in its error

/// The base class of the promises of all tasks and generators.
class promise_base {
public:
    static void* operator new(std::size_t size) { return frame_allocate(size); }
    static void operator delete(void* frame, std::size_t size) noexcept { frame_deallocate(frame, size); }

    std::suspend_always initial_suspend() const noexcept { return {}; }

    struct final_awaiter {
        bool await_ready() const noexcept { return false; }
        template <class Promise>
        void await_suspend(std::coroutine_handle<Promise> done) const noexcept {
            promise_base& promise = done.promise();
            promise.environment_->scheduler().transfer(promise.continuation_);
        }
        void await_resume() const noexcept {}
    };
    final_awaiter final_suspend() const noexcept { return {}; }

    /// Constructs a description's operation in this coroutine's frame.
    template <class D>
        requires description<D>
    auto await_transform(D&& what, std::source_location where = std::source_location::current()) {
        environment_->at(where);
        return std::forward<D>(what).operation_in(*environment_);
    }

    /// Lets the task await an awaitable that does not belong to coil.
    template <class A>
        requires(!description<A>)
    auto await_transform(A&& what, std::source_location where = std::source_location::current()) {
        static_assert(foreign_awaitable<A>,
                      "this can't be awaited: a task must be an rvalue, as in co_await f() or "
                      "co_await std::move(task); anything else must have an awaiter");
        environment_->at(where);
        return foreign_operation<A>(std::forward<A>(what), *environment_);
    }

    void set_environment(environment& task) noexcept { environment_ = &task; }
    void set_continuation(std::coroutine_handle<> awaiter) noexcept { continuation_ = awaiter; }

protected:
    environment* environment_ = nullptr;
    std::coroutine_handle<> continuation_;
};

/// A link in a chain of tasks in which each task awaits the next one. A link owns the frame of an awaited
/// task and lives in the frame of the awaiting task. Before a frame in the middle of the chain is destroyed,
/// the frames of all tasks further inside the chain are destroyed, starting with the innermost one. They are
/// destroyed in a loop, so that a chain of a million tasks needs no more stack than a single task. A task's
/// locals are still destroyed before its caller's locals.
///
///     root <-outer- task <-outer- task <-outer- task <- environment.innermost_task()
class awaited_task {
protected:
    awaited_task(std::coroutine_handle<> frame, environment& task) noexcept
        : frame_(frame), environment_(&task) {}
    awaited_task(const awaited_task&) = delete;
    awaited_task& operator=(const awaited_task&) = delete;
    ~awaited_task() {
        if (is_linked_)
            destroy_inner();
        if (frame_)
            frame_.destroy();
    }

    void link() noexcept {
        outer_ = std::exchange(environment_->innermost_task(), this);
        is_linked_ = true;
    }
    void unlink() noexcept {
        environment_->innermost_task() = outer_;
        is_linked_ = false;
    }

    std::coroutine_handle<> frame_;
    environment* environment_;

private:
    friend void check_not_destroyed(const environment& task, std::coroutine_handle<> thrower) noexcept;

    void destroy_inner() noexcept {
        while (environment_->innermost_task() != this) {
            awaited_task& innermost = *environment_->innermost_task();
            innermost.unlink();
            std::exchange(innermost.frame_, nullptr).destroy();
        }
        unlink();
    }

    awaited_task* outer_ = nullptr;
    bool is_linked_ = false;
};

/// Aborts if an exception has left a task's body because the destructor of a local variable threw while the
/// task was being destroyed. Call this in unhandled_exception(). Without this check, the compiler would treat
/// the exception like one that the body threw, and would never free the frame. To detect this case, the
/// function checks whether `thrower` is the innermost task of its chain: a running task always is, but a task
/// that is being destroyed is not.
void check_not_destroyed(const environment& task, std::coroutine_handle<> thrower) noexcept;

/// Prints a message and aborts. Call this in a handler for an exception that a destructor has thrown while a
/// coroutine was being destroyed.
[[noreturn]] void destructor_threw() noexcept;

/// Calls `take` and returns an outcome with its result, or with the error if `take` throws a
/// `std::system_error`. A reference is stored as a pointer.
template <class T, class Take>
auto outcome_from(Take&& take) {
    using value = std::conditional_t<std::is_reference_v<T>, std::remove_reference_t<T>*, T>;
    try {
        if constexpr (std::is_void_v<T>) {
            take();
            return outcome<void>();
        } else if constexpr (std::is_reference_v<T>) {
            return outcome<value>(__builtin_addressof(take()));
        } else {
            return outcome<value>(take());
        }
    } catch (const transfer_error& failure) {
        return outcome<value>(failure.code(), failure.bytes_transferred(), std::current_exception());
    } catch (const std::system_error& failure) {
        return outcome<value>(failure.code(), 0, std::current_exception());
    }
}

}  // namespace detail

template <class T>
class [[nodiscard("co_await it: a task that is dropped never runs")]] task
    : public detail::co_await_is_missing<T, task<T>> {
public:
    class promise_type : public detail::promise_base, public detail::result_slot<T> {
    public:
        task get_return_object() noexcept {
            return task(std::coroutine_handle<promise_type>::from_promise(*this));
        }
        void unhandled_exception() noexcept {
            detail::check_not_destroyed(*this->environment_,
                                        std::coroutine_handle<promise_type>::from_promise(*this));
            detail::result_slot<T>::unhandled_exception();
        }
    };

    using value_type = T;

    task(task&& other) noexcept : frame_(std::exchange(other.frame_, nullptr)) {}
    task& operator=(task&& other) noexcept {
        task(std::move(other)).swap(*this);
        return *this;
    }
    ~task() {
        if (frame_)
            frame_.destroy();
    }

    void swap(task& other) noexcept { std::swap(frame_, other.frame_); }

    /// Returns true if the task owns a coroutine. A task that has been moved from or awaited does not own
    /// one. The conversion does not compile for a temporary, because `if (is_allowed(user))` without a
    /// co_await would always be true.
    [[nodiscard]] explicit operator bool() const& noexcept { return frame_ != nullptr; }
    template <class = detail::co_await_the_task>
    explicit operator bool() const&& = delete;

    class operation;

    /// Makes the operation that runs the task. Only for rvalues, because a task can be awaited only once.
    operation operation_in(detail::environment& env) &&;

private:
    explicit task(std::coroutine_handle<promise_type> frame) noexcept : frame_(frame) {}

    std::coroutine_handle<promise_type> frame_;
};

/// The operation of awaiting a task. It owns the frame of the awaited task until the await has ended.
template <class T>
class [[nodiscard("co_await it")]] task<T>::operation : private detail::awaited_task {
public:
    operation(task child, detail::environment& env) noexcept
        : awaited_task(std::exchange(child.frame_, nullptr), env) {
        COIL_PRECONDITION(frame_, "task: awaited twice, or moved from; a task is awaited once");
    }

    bool await_ready() const noexcept { return false; }

    void await_suspend(std::coroutine_handle<> parent) noexcept {
        link();
        promise().set_environment(*environment_);
        promise().set_continuation(parent);
        environment_->scheduler().transfer(frame_);
    }

    T await_resume() {
        unlink();
        return promise().take();
    }

    /// Returns the result of the awaited task. A `std::system_error` becomes the outcome's error; any other
    /// exception propagates. Destroys the awaited task's frame, including its parameters, because this
    /// operation may live longer than the awaited task, as in a `when_all`.
    auto await_outcome() {
        unlink();
        const task ended(typed(std::exchange(frame_, nullptr)));
        return detail::outcome_from<T>([&ended]() -> T { return ended.frame_.promise().take(); });
    }

    [[nodiscard]] std::string describe() const { return "task"; }

private:
    static std::coroutine_handle<promise_type> typed(std::coroutine_handle<> frame) noexcept {
        return std::coroutine_handle<promise_type>::from_address(frame.address());
    }
    [[nodiscard]] promise_type& promise() const noexcept { return typed(frame_).promise(); }
};

template <class T>
auto task<T>::operation_in(detail::environment& env) && -> operation {
    return operation(std::move(*this), env);
}

static_assert(sizeof(task<>::promise_type) <= 64 && sizeof(task<std::size_t>::promise_type) <= 64);

}  // namespace coil::COIL_ABI
