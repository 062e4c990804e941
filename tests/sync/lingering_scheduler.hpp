// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#pragma once

#include <coroutine>
#include <exception>
#include <thread>

#include <coil/coro/environment.hpp>
#include <coil/coro/scheduler.hpp>
#include <coil/coro/task.hpp>
#include <coil/loop/inbox.hpp>

namespace coil::test {

/// A scheduler whose post() keeps running after the loop can see the node, as that of an io_context does
/// while it wakes its loop. The sanitizers report if the scheduler is destroyed while a thread is inside
/// post().
class lingering_scheduler final : public detail::scheduler {
public:
    lingering_scheduler() noexcept = default;

    void schedule(detail::node& item) noexcept override { ready_.push_back(item); }
    void post(detail::node& item) noexcept override {
        const bool was_empty = inbox_.push(item);
        for (int i = 0; i < 20; ++i)
            std::this_thread::yield();
        if (was_empty)
            ++wakes_;
    }
    void work_started() noexcept override {}
    void work_finished() noexcept override {}
    void report(const task_failure&) noexcept override {}

    /// Runs a task until it ends or `given_up()` returns true, and destroys it.
    template <class Condition>
    void run(task<> what, Condition given_up) {
        const root started = drive(*this, std::move(what));
        schedule(started.frame.promise());
        for (;; inbox_.drain(ready_)) {
            while (!ready_.empty())
                resume(ready_.pop_front());
            if (started.frame.done() || given_up())
                return;
        }
    }
    void run(task<> what) {
        run(std::move(what), [] { return false; });
    }
    /// Runs the nodes that are left over.
    void run() {
        for (inbox_.drain(ready_); !ready_.empty();)
            resume(ready_.pop_front());
    }

private:
    struct root {
        class promise_type : public detail::promise_base, public detail::node {
        public:
            template <class Child>
            promise_type(detail::scheduler& on, Child&) noexcept : own_(on) {
                set_environment(own_);
            }

            root get_return_object() noexcept { return root(handle()); }
            std::suspend_always final_suspend() const noexcept { return {}; }
            void return_void() const noexcept {}
            void unhandled_exception() const noexcept { std::terminate(); }
            std::coroutine_handle<> run() noexcept override { return handle(); }

        private:
            std::coroutine_handle<promise_type> handle() noexcept {
                return std::coroutine_handle<promise_type>::from_promise(*this);
            }
            detail::environment own_;
        };

        explicit root(std::coroutine_handle<promise_type> made) noexcept : frame(made) {}
        root(const root&) = delete;
        root& operator=(const root&) = delete;
        ~root() { frame.destroy(); }

        std::coroutine_handle<promise_type> frame;
    };

    static root drive(detail::scheduler&, task<> what) { co_await std::move(what); }

    detail::intrusive_list<detail::node> ready_;
    detail::inbox inbox_;
    int wakes_ = 0;  // not atomic on purpose, for the sanitizers
};

}  // namespace coil::test
