// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#include <coil/coro/waker.hpp>

#include <coil/coro/frame_allocator.hpp>

namespace coil::COIL_ABI::detail {

class waker::promise_type {
public:
    promise_type(void* owner, callback on_wake) noexcept : owner_(owner), on_wake_(on_wake) {}

    static void* operator new(std::size_t size) { return frame_allocate(size); }
    static void operator delete(void* frame, std::size_t size) noexcept { frame_deallocate(frame, size); }

    waker get_return_object() noexcept {
        return waker(std::coroutine_handle<promise_type>::from_promise(*this));
    }
    std::suspend_always initial_suspend() const noexcept { return {}; }

    struct final_awaiter {
        void* owner;
        callback on_wake;
        bool await_ready() const noexcept { return false; }
        void await_suspend(std::coroutine_handle<>) const noexcept { on_wake(owner); }
        void await_resume() const noexcept {}
    };
    final_awaiter final_suspend() const noexcept { return {owner_, on_wake_}; }

    void return_void() const noexcept {}
    void unhandled_exception() const noexcept {}  // never called, because the body is empty

private:
    void* owner_;
    callback on_wake_;
};

namespace {

waker wake(void*, waker::callback) { co_return; }

}  // namespace

waker waker::make(void* owner, callback on_wake) { return wake(owner, on_wake); }

}  // namespace coil::COIL_ABI::detail
