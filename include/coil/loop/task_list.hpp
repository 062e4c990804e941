// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#pragma once

#include <coil/version.hpp>

#include <exception>

#include <coil/base/intrusive_list.hpp>
#include <coil/base/owned.hpp>
#include <coil/base/time.hpp>
#include <coil/coro/scheduler.hpp>

namespace coil::COIL_ABI {

namespace detail {

class event_loop;
class root_task;

}  // namespace detail

struct task_failure;

namespace detail {

/// A function that `io_context::on_task_error` has installed.
class error_handler {
public:
    virtual ~error_handler() = default;
    virtual void operator()(const task_failure& failure) = 0;

    owned<error_handler> replaced;  // the previous handler, if it is still running
};

/// The tasks that co_spawn has started on a context, and the errors that no joining task receives.
class task_list {
public:
    explicit task_list(event_loop& context) noexcept : context_(context) {}
    task_list(const task_list&) = delete;
    task_list& operator=(const task_list&) = delete;

    // ---- tasks --------------------------------------------------------------------------------------------

    void started(root_task& task) noexcept;
    void finished(root_task& task) noexcept;
    void gone(root_task& task) noexcept;
    /// For each finished task, schedules the joining task, keeps the result for the join handle, or destroys
    /// the finished task. Stops as soon as there is an exception that run() must throw.
    void reap() {
        if (!finished_.empty())
            reap_finished();
    }
    [[nodiscard]] bool has_tasks() const noexcept { return newest_ != nullptr; }
    /// Destroys all tasks, the newest first.
    void destroy_all() noexcept;
    /// Unlinks every task from its join handle and from its joining task. Called when the context ends but
    /// the tasks' frames must stay allocated.
    void disconnect_all() noexcept;

    // ---- errors -------------------------------------------------------------------------------------------

    void install(owned<error_handler> handler) noexcept;
    void report(const task_failure& failure) noexcept;
    /// Makes run() throw the exception.
    void rethrow_in_run(std::exception_ptr exception) noexcept;
    [[nodiscard]] bool has_exception() const noexcept { return thrown_ != nullptr; }
    void throw_exception() {
        if (thrown_) [[unlikely]]
            std::rethrow_exception(std::exchange(thrown_, nullptr));
    }
    /// Reports the errors of finished tasks that were not joined, and the exception that the next run() would
    /// have thrown.
    void report_untaken() noexcept;

private:
    void reap_finished();
    void report_by_default(const task_failure& failure) noexcept;
    void report_lost(const std::exception_ptr& exception) noexcept;
    void report_suppressed() noexcept;

    event_loop& context_;
    intrusive_list<node> finished_;  // tasks for the next reap()
    root_task* newest_ = nullptr;
    std::exception_ptr thrown_;
    owned<error_handler> on_error_;
    unsigned handler_depth_ = 0;  // calls of on_error_ that have not returned
    time_point reports_since_;
    unsigned reports_ = 0;
    unsigned reports_suppressed_ = 0;
};

}  // namespace detail
}  // namespace coil::COIL_ABI
