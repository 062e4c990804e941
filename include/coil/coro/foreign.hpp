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

#include <coil/coro/environment.hpp>
#include <coil/coro/frame_allocator.hpp>
#include <coil/coro/result_slot.hpp>

/// Lets a task await an awaitable that does not belong to coil. A small bridge coroutine awaits the awaitable
/// on behalf of the task. The bridge may be resumed on any thread and on any stack, because it does not
/// resume the task. Instead, it posts the task to the task's own scheduler.

namespace coil::COIL_ABI::detail {

/// Returns the awaiter that `co_await what` would use.
template <class A>
decltype(auto) awaiter_of(A&& what) {
    if constexpr (requires { std::forward<A>(what).operator co_await(); })
        return std::forward<A>(what).operator co_await();
    else if constexpr (requires { operator co_await(std::forward<A>(what)); })
        return operator co_await(std::forward<A>(what));
    else
        return static_cast<std::remove_reference_t<A>&>(what);
}

template <class A>
concept foreign_awaitable = requires(A&& what) {
    { awaiter_of(std::forward<A>(what)).await_ready() } -> std::convertible_to<bool>;
    awaiter_of(std::forward<A>(what)).await_resume();
};

/// The bridge coroutine, which awaits the foreign awaitable. When the bridge ends, it posts `over`, the
/// operation on which the task waits, to the task's scheduler.
class foreign_bridge {
public:
    class promise_type {
    public:
        template <class A, class Slot>
        promise_type(A&&, Slot&, awaited& over) noexcept : over_(&over) {}

        static void* operator new(std::size_t size) { return frame_allocate(size); }
        static void operator delete(void* frame, std::size_t size) noexcept { frame_deallocate(frame, size); }

        foreign_bridge get_return_object() noexcept {
            return foreign_bridge(std::coroutine_handle<promise_type>::from_promise(*this));
        }
        std::suspend_always initial_suspend() const noexcept { return {}; }

        struct final_awaiter {
            awaited* over;
            bool await_ready() const noexcept { return false; }
            // After the post, the task may run on another thread at any time and destroy this frame.
            void await_suspend(std::coroutine_handle<>) const noexcept {
                over->env().scheduler().post(*over);
            }
            void await_resume() const noexcept {}
        };
        final_awaiter final_suspend() const noexcept { return {over_}; }

        void return_void() const noexcept {}
        void unhandled_exception() const noexcept { std::terminate(); }  // the body catches all exceptions

    private:
        awaited* over_;
    };

    foreign_bridge(foreign_bridge&& other) noexcept : frame_(std::exchange(other.frame_, nullptr)) {}
    ~foreign_bridge() {
        if (frame_)
            frame_.destroy();
    }

    void start() const { frame_.resume(); }

private:
    explicit foreign_bridge(std::coroutine_handle<promise_type> frame) noexcept : frame_(frame) {}

    std::coroutine_handle<promise_type> frame_;
};

template <class A, class Slot>
foreign_bridge cross(A&& what, Slot& slot, awaited&) {
    try {
        auto&& awaiter = awaiter_of(static_cast<A&&>(what));
        if constexpr (std::is_void_v<decltype(awaiter.await_resume())>) {
            co_await awaiter;
            slot.return_void();
        } else {
            slot.return_value(co_await awaiter);
        }
    } catch (...) {
        slot.unhandled_exception();
    }
}

/// The operation on which a task waits for a foreign awaitable. A stop has no effect on this operation,
/// because coil has no way to cancel a foreign awaitable. Do not destroy the task while another thread is
/// about to complete the awaitable.
template <class A>
class [[nodiscard("co_await it")]] foreign_operation final : public awaited {
    // If the awaiter returns an rvalue reference, store the value. The reference might point into the
    // awaiter, which is destroyed before the task resumes.
    using given = decltype(awaiter_of(std::declval<A>()).await_resume());
    using result =
        std::conditional_t<std::is_rvalue_reference_v<given>, std::remove_reference_t<given>, given>;

public:
    foreign_operation(A&& what, environment& task)
        : awaited(task), bridge_(cross<A>(std::forward<A>(what), slot_, *this)) {}

    bool await_ready() const noexcept { return false; }
    void await_suspend(std::coroutine_handle<> waiter) {
        suspend(waiter);
        bridge_.start();
    }
    result await_resume() { return slot_.take(); }

    void stop() noexcept override {}
    std::string describe() const override { return "an awaitable that is not coil's"; }

private:
    result_slot<result> slot_;
    foreign_bridge bridge_;
};

}  // namespace coil::COIL_ABI::detail
