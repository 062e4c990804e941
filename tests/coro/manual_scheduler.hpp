// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#pragma once

#include <condition_variable>
#include <coroutine>
#include <mutex>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <coil/base/outcome.hpp>
#include <coil/coro/environment.hpp>
#include <coil/coro/result_slot.hpp>
#include <coil/coro/scheduler.hpp>
#include <coil/coro/task.hpp>
#include <coil/coro/task_failure.hpp>

namespace coil::test {

/// A task started on a manual_scheduler: the root of a chain of awaits. The destructor destroys the task.
template <class T>
class started {
public:
    class promise_type : public detail::promise_base, public detail::result_slot<T>, public detail::node {
    public:
        template <class Child>
        promise_type(detail::scheduler& on, Child&) noexcept : own_(on) {
            set_environment(own_);
        }

        started get_return_object() noexcept { return started(handle()); }
        std::suspend_always final_suspend() const noexcept { return {}; }

        std::coroutine_handle<> run() noexcept override { return handle(); }  // its first resumption

    private:
        friend class started;

        std::coroutine_handle<promise_type> handle() noexcept {
            return std::coroutine_handle<promise_type>::from_promise(*this);
        }

        detail::environment own_;
    };

    started(started&& other) noexcept : frame_(std::exchange(other.frame_, nullptr)) {}
    ~started() { destroy(); }

    void destroy() noexcept {
        if (frame_)
            std::exchange(frame_, nullptr).destroy();
    }

    [[nodiscard]] bool done() const noexcept { return frame_.done(); }
    [[nodiscard]] detail::environment& env() const noexcept { return frame_.promise().own_; }
    /// Returns the result of the task, or rethrows its exception.
    T result() const {
        if (!done())
            throw std::logic_error("the task has not ended; it waits for: " +
                                   (env().awaiting() ? env().awaiting()->describe() : "its resumption"));
        return frame_.promise().take();
    }

private:
    friend class manual_scheduler;
    explicit started(std::coroutine_handle<promise_type> frame) noexcept : frame_(frame) {}

    std::coroutine_handle<promise_type> frame_;
};

/// A scheduler without a kernel and without a clock. The test decides when ready tasks run.
class manual_scheduler final : public detail::scheduler {
public:
    manual_scheduler() noexcept = default;

    void schedule(detail::node& item) noexcept override { ready_.push_back(item); }
    void post(detail::node& item) noexcept override {
        const std::lock_guard lock(mutex_);
        posted_.push_back(&item);
        arrived_.notify_one();
    }
    void work_started() noexcept override { ++work_; }
    void work_finished() noexcept override { --work_; }
    void report(const task_failure& failure) noexcept override { reported_.push_back(failure); }
    [[nodiscard]] int work() const noexcept { return work_; }
    /// The failures reported so far.
    [[nodiscard]] const std::vector<task_failure>& reported() const noexcept { return reported_; }

    template <class T>
    started<T> start(task<T> what) {
        auto root = drive<T>(*this, std::move(what));
        schedule(root.frame_.promise());
        return root;
    }

    /// Runs until nothing is ready. Returns the number of resumptions.
    std::size_t run() {
        std::size_t resumptions = 0;
        for (take_posted(); !ready_.empty(); take_posted()) {
            resume(ready_.pop_front());
            ++resumptions;
        }
        return resumptions;
    }
    /// Moves posted nodes to the ready list.
    void take_posted() {
        const std::lock_guard lock(mutex_);
        for (detail::node* each: std::exchange(posted_, {}))
            ready_.push_back(*each);
    }
    /// Resumes one ready node, if there is one.
    void run_one() {
        if (!ready_.empty())
            resume(ready_.pop_front());
    }

    /// Runs a task to completion.
    template <class T>
    T run(task<T> what) {
        auto root = start(std::move(what));
        run();
        return root.result();
    }

    /// Runs a task to completion. Blocks for posts from other threads.
    template <class T>
    T run_with_threads(task<T> what) {
        auto root = start(std::move(what));
        for (run(); !root.done(); run()) {
            std::unique_lock lock(mutex_);
            arrived_.wait(lock, [&] { return !posted_.empty(); });
        }
        return root.result();
    }

private:
    template <class T>
    static started<T> drive(detail::scheduler&, task<T> what) {
        co_return co_await std::move(what);
    }

    detail::intrusive_list<detail::node> ready_;
    std::mutex mutex_;
    std::condition_variable arrived_;
    std::vector<detail::node*> posted_;
    std::vector<task_failure> reported_;
    int work_ = 0;
};

/// An awaitable that the test completes: open() and fail() each complete one wait, in FIFO order.
class gate {
public:
    class operation final : public detail::awaited {
    public:
        operation(gate& at, detail::environment& task) noexcept : awaited(task), gate_(&at) {}

        bool await_ready() const noexcept { return false; }
        void await_suspend(std::coroutine_handle<> waiter) noexcept {
            suspend(waiter);
            if (is_refused())
                stop();
            else
                gate_->waiting_.push_back(*this);
        }
        outcome<int> await_outcome() const noexcept {
            return error_ ? outcome<int>(error_) : outcome<int>(value_);
        }
        int await_resume() const { return await_outcome().value(); }

        void stop() noexcept override { finish(0, make_error_code(error::operation_aborted)); }
        std::string describe() const override { return "a gate"; }

    private:
        friend class gate;

        void finish(int value, std::error_code error) noexcept {
            if (std::exchange(finished_, true))
                return;  // a completed wait ignores a later stop
            unlink();
            value_ = value;
            error_ = error;
            env().scheduler().schedule(*this);
        }

        gate* gate_;
        int value_ = 0;
        std::error_code error_;
        bool finished_ = false;
    };

    class description {
    public:
        explicit description(gate& at) noexcept : gate_(&at) {}
        operation operation_in(detail::environment& task) const noexcept { return operation(*gate_, task); }

    private:
        gate* gate_;
    };

    [[nodiscard]] description wait() noexcept { return description(*this); }
    [[nodiscard]] bool has_waiter() const noexcept { return !waiting_.empty(); }

    void open(int value = 0) { first().finish(value, {}); }
    void fail(std::error_code error) { first().finish(0, error); }

private:
    operation& first() {
        if (waiting_.empty())
            throw std::logic_error("no task waits at this gate");
        return static_cast<operation&>(waiting_.front());
    }

    detail::intrusive_list<detail::node> waiting_;
};

/// `co_await this_environment` returns the environment of the task.
class this_environment_description {
public:
    class operation {
    public:
        explicit operation(detail::environment& task) noexcept : task_(&task) {}
        bool await_ready() const noexcept { return true; }
        void await_suspend(std::coroutine_handle<>) const noexcept {}
        outcome<detail::environment*> await_outcome() const noexcept { return task_; }
        detail::environment& await_resume() const noexcept { return *task_; }

    private:
        detail::environment* task_;
    };
    operation operation_in(detail::environment& task) const noexcept { return operation(task); }
};
inline constexpr this_environment_description this_environment{};

}  // namespace coil::test
