// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#pragma once

#include <coil/version.hpp>

#include <coroutine>
#include <exception>
#include <new>
#include <utility>

#include <coil/coro/frame_allocator.hpp>
#include <coil/coro/scheduler.hpp>
#include <coil/loop/event_loop.hpp>

namespace coil::COIL_ABI::detail {

/// A posted function in a recycled memory block.
template <class F>
class posted_function final : public node {
public:
    template <class G>
    static posted_function* make(event_loop& loop, G&& function) {
        void* block = frame_allocate(sizeof(posted_function));
        try {
            return new (block) posted_function(loop, std::forward<G>(function));
        } catch (...) {
            frame_deallocate(block, sizeof(posted_function));
            throw;
        }
    }

    std::coroutine_handle<> run() noexcept override {
        event_loop& loop = *loop_;
        try {
            function_();
        } catch (...) {
            loop.tasks().rethrow_in_run(std::current_exception());
        }
        abandon();
        return nullptr;
    }

    // Destroys the function and frees its memory. If the function's destructor throws, the exception is
    // reported like an exception thrown by the function.
    void abandon() noexcept override {
        event_loop& loop = *loop_;
        try {
            function_.~F();
        } catch (...) {
            loop.tasks().rethrow_in_run(std::current_exception());
        }
        this->~posted_function();
        frame_deallocate(this, sizeof(posted_function));
    }

private:
    template <class G>
    posted_function(event_loop& loop, G&& function) : loop_(&loop), function_(std::forward<G>(function)) {}
    ~posted_function() noexcept override {}

    event_loop* loop_;
    union {
        F function_;  // abandon() destroys it, because its destructor may throw
    };
};

}  // namespace coil::COIL_ABI::detail
