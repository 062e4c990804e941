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

/// A coroutine that yields a T, later: the unit in which programs for coil are written.
/// It starts when it is awaited, on the awaiting task's thread, and its result or exception goes to the awaiter. To start
/// one that nobody awaits, see `co_spawn`.
///
///     coil::task<std::size_t> count(tcp::socket peer) {
///         std::array<std::byte, 4096> buffer;
///         std::size_t total = 0;
///         while (std::size_t n = co_await peer.recv(buffer))
///             total += n;
///         co_return total;
///     }
///
/// Awaits:   anything of coil; another task; anything else that C++ can await, resumed on whatever thread: the task itself
///           always goes on on its context's.
/// Lifetime: parameters are copied or moved into the frame, but references stay references. A task that is dropped
///           before it was awaited never runs.
/// Cost:     a frame from a recycling allocator: none from the heap in steady state.
template <class T = void>
class task;

namespace detail {

struct co_await_the_task {};  // the compiler prints this name in its error

/// What the promises of all tasks have in common.
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

    /// Makes the operation of a description, here, in this coroutine's frame.
    template <class D>
        requires description<D>
    auto await_transform(D&& what, std::source_location where = std::source_location::current()) {
        environment_->at(where);
        return std::forward<D>(what).operation_in(*environment_);
    }

    /// Anything else that can be awaited.
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

/// An awaited task, in the frame of the one that awaits it: a link in the chain of tasks that await each
/// other. Destroying a frame in the middle first destroys those inside, innermost first, one after the other:
/// a chain of a million tasks needs no more stack than one, and locals still go before their caller's.
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

/// For the exception of a task. A destructor of one of its locals that throws while the task is destroyed ends here too, because
/// the compiler counts it to the body: the frame would never be freed. A task that runs is the innermost one.
void check_not_destroyed(const environment& task, std::coroutine_handle<> thrower) noexcept;

/// Aborts: a destructor has thrown while its coroutine was destroyed.
[[noreturn]] void destructor_threw() noexcept;

/// What `take` gives, or the `std::system_error` that it throws, as an outcome. A reference is held as a pointer.
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
class [[nodiscard("co_await it: a task that is dropped never runs")]] task {
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

    /// Whether there is a coroutine in it: false once it was moved from or awaited. Only of a name: a temporary does not
    /// compile, because `if (is_allowed(user))` without a co_await would always be true.
    [[nodiscard]] explicit operator bool() const& noexcept { return frame_ != nullptr; }
    template <class = detail::co_await_the_task>
    explicit operator bool() const&& = delete;

    class operation;

    /// Starts the task inside the awaiting coroutine. Only of an rvalue: a task is awaited once.
    operation operation_in(environment& env) &&;

private:
    explicit task(std::coroutine_handle<promise_type> frame) noexcept : frame_(frame) {}

    std::coroutine_handle<promise_type> frame_;
};

/// An awaited task: it owns the child's frame until the await is over.
template <class T>
class [[nodiscard("co_await it")]] task<T>::operation : private detail::awaited_task {
public:
    operation(task child, environment& env) noexcept
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

    /// A `std::system_error` becomes the outcome's error; any other exception passes.
    auto await_outcome() {
        return detail::outcome_from<T>([this]() -> T { return await_resume(); });
    }

    [[nodiscard]] std::string describe() const { return "task"; }

private:
    [[nodiscard]] promise_type& promise() const noexcept {
        return std::coroutine_handle<promise_type>::from_address(frame_.address()).promise();
    }
};

template <class T>
auto task<T>::operation_in(environment& env) && -> operation {
    return operation(std::move(*this), env);
}

static_assert(sizeof(task<>::promise_type) <= 64 && sizeof(task<std::size_t>::promise_type) <= 64);

}  // namespace coil::COIL_ABI
