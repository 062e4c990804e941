// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#include <coil/loop/co_spawn.hpp>

#include <coil/coro/affinity.hpp>
#include <coil/coro/task_failure.hpp>
#include <coil/loop/io_context.hpp>

#include "base/report.hpp"

namespace coil::COIL_ABI {
bool detail::may_spawn(const detail::spawn_place& place) {
    if (place.context->is_closing())
        return false;
    if (!place.context->is_mine())
        detail::throw_wrong_thread("co_spawn", place.context->owner());
    return true;
}

namespace detail {

root_task::root_task(const spawn_place& place, std::coroutine_handle<> frame) noexcept
    : frame_(frame), environment_(*place.context), spawned_at_(place.spawned_at) {
    context().tasks().started(*this);
}

root_task::~root_task() {
    disconnect();
    context().tasks().gone(*this);
}

void root_task::disconnect() noexcept {
    if (joiner_)
        std::exchange(joiner_, nullptr)->task_ = nullptr;
    if (handle_)
        std::exchange(handle_, nullptr)->task_ = nullptr;
}

void root_task::finish() noexcept {
    finished_ = true;
    context().tasks().finished(*this);
}

void root_task::settle() noexcept {
    if (joiner_) {
        context().schedule(*joiner_);
        return;
    }
    if (handle_)
        return;
    report();
    destroy();
}

void root_task::report() noexcept {
    if (!finished_ || taken_ || !exception())
        return;
    taken_ = true;
    if (environment_.ended_stopped(exception()))
        return;
    context().report(detail::describe_failure(exception(), "a task spawned at", spawned_at_, environment_));
}

void join_operation_base::await_suspend(std::coroutine_handle<> waiter) {
    if (task_ && &env().scheduler() != &task_->context())
        throw_wrong_context(describe(), env(), task_->context().owner());
    suspend(waiter);
    if (!task_ || is_refused()) {
        task_ = nullptr;
        env().scheduler().schedule(*this);
    } else if (task_->joiner_ || task_->taken_) {
        task_ = nullptr;
        error_ = error::operation_in_progress;
        env().scheduler().schedule(*this);
    } else if (env().line() == task_->env().line()) {
        task_ = nullptr;
        error_ = error::joins_itself;
        env().scheduler().schedule(*this);
    } else {
        task_->joiner_ = this;
        if (task_->is_finished())
            env().scheduler().schedule(*this);
    }
}

void join_operation_base::stop() noexcept {
    if (!task_ || task_->is_finished())
        return;
    task_->joiner_ = nullptr;
    task_ = nullptr;
    env().scheduler().schedule(*this);
}

root_task* join_operation_base::finished() noexcept {
    if (task_)
        task_->taken_ = true;
    return task_;
}

join_operation_base::~join_operation_base() {
    if (!task_ || task_->joiner_ != this)
        return;
    task_->joiner_ = nullptr;
    // If the finished task has no handle, no other join can take its result, so its exception is reported as
    // for a detached task.
    if (task_->finished_ && !task_->handle_ && !task_->is_linked())
        task_->settle();
}

void join_handle_base::take(join_handle_base& other) noexcept {
    task_ = std::exchange(other.task_, nullptr);
    if (task_)
        task_->handle_ = this;
}

void join_handle_base::detach() noexcept {
    root_task* task = std::exchange(task_, nullptr);
    if (!task)
        return;
    task->context().require_thread("join_handle: dropped or detached");
    task->handle_ = nullptr;
    if (task->is_finished() && !task->joiner_ && !task->is_linked())
        task->settle();
}

}  // namespace detail

// ---- tasks and their errors -------------------------------------------------------------------------------

namespace detail {

void task_list::started(root_task& task) noexcept {
    context_.work_started();
    task.older_ = newest_;
    if (newest_)
        newest_->newer_ = &task;
    newest_ = &task;
    context_.schedule(task);
}

void task_list::finished(root_task& task) noexcept {
    context_.work_finished();
    finished_.push_back(task);
}

void task_list::gone(root_task& task) noexcept {
    if (!task.finished_)
        context_.work_finished();
    if (task.older_)
        task.older_->newer_ = task.newer_;
    (task.newer_ ? task.newer_->older_ : newest_) = task.older_;
}

void task_list::reap_finished() {
    while (!finished_.empty() && !thrown_)
        static_cast<root_task&>(finished_.pop_front()).settle();
}

void task_list::destroy_all() noexcept {
    while (newest_)
        newest_->destroy();
}

void task_list::disconnect_all() noexcept {
    for (root_task* each = newest_; each; each = each->older_)
        each->disconnect();
}

// Passes a failure to the handler, or to run(), or prints it on stderr. While the context is being destroyed,
// only prints it, because no later run() can throw the exception, and the objects that the handler refers to
// may already have been destroyed.
void task_list::report(const task_failure& failure) noexcept {
    if (context_.is_closing() || (!on_error_ && (failure.code || failure.is_contained || thrown_)))
        report_by_default(failure);
    else if (!on_error_)
        thrown_ = failure.exception;
    else {
        ++handler_depth_;
        try {
            (*on_error_)(failure);
        } catch (...) {
            rethrow_in_run(std::current_exception());
        }
        if (--handler_depth_ == 0)
            on_error_->replaced.reset();
    }
}

// Installs a handler. If the previous handler is running, it is kept until it has returned.
void task_list::install(owned<error_handler> handler) noexcept {
    if (handler_depth_ > 0)
        handler->replaced = std::move(on_error_);
    on_error_ = std::move(handler);
}

void task_list::rethrow_in_run(std::exception_ptr exception) noexcept {
    if (context_.is_closing() || thrown_)
        report_lost(exception);
    else
        thrown_ = std::move(exception);
}

// Reports the errors of finished tasks that were not joined, and the exception that the next run() would have
// thrown.
void task_list::report_untaken() noexcept {
    for (root_task* each = newest_; each; each = each->older_)
        each->report();
    if (thrown_)
        report_lost(std::exchange(thrown_, nullptr));
    report_suppressed();
    reports_suppressed_ = 0;
}

void task_list::report_lost(const std::exception_ptr& exception) noexcept {
    constexpr const char* line = "an exception that no run() has thrown before its io_context ended: %s";
    try {
        std::rethrow_exception(exception);
    } catch (const std::exception& error) {
        report_format(line, error.what());
    } catch (...) {
        report_format(line, "not derived from std::exception");
    }
}

void task_list::report_suppressed() noexcept {
    if (reports_suppressed_ > 0)
        report_format("%u more errors of tasks were not shown", reports_suppressed_);
}

// Prints each error as one line on stderr, but at most ten lines per second, so that a flood of errors does
// not become a flood of output.
void task_list::report_by_default(const task_failure& failure) noexcept {
    constexpr unsigned reports_max = 10;
    const time_point when = context_.now();
    if (when - reports_since_ >= std::chrono::seconds(1)) {
        report_suppressed();
        reports_since_ = when;
        reports_ = reports_suppressed_ = 0;
    }
    if (++reports_ > reports_max)
        ++reports_suppressed_;
    else if (failure.text.empty())
        report_format("a task of %s:%u ended with an error, and there is no memory to describe it",
                      failure.spawned_at.file_name(), static_cast<unsigned>(failure.spawned_at.line()));
    else
        coil::report({failure.text});
}

}  // namespace detail
}  // namespace coil::COIL_ABI
