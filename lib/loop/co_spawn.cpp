// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#include <coil/loop/co_spawn.hpp>

#include <coil/coro/affinity.hpp>
#include <coil/coro/task_failure.hpp>

namespace coil::COIL_ABI {
bool detail::may_spawn(const spawn_place& place) {
    if (place.context->is_closing())
        return false;
    if (!place.context->is_mine())
        throw_wrong_thread("co_spawn", place.context->owner());
    return true;
}

root_task::root_task(const spawn_place& place, std::coroutine_handle<> frame) noexcept
    : frame_(frame), environment_(*place.context), spawned_at_(place.spawned_at) {
    context().task_started(*this);
}

root_task::~root_task() {
    disconnect();
    context().task_gone(*this);
}

void root_task::disconnect() noexcept {
    if (joiner_)
        std::exchange(joiner_, nullptr)->task_ = nullptr;
    if (handle_)
        std::exchange(handle_, nullptr)->task_ = nullptr;
}

void root_task::finish() noexcept {
    finished_ = true;
    context().task_finished(*this);
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
    // No join will take the finished task's result: it is reported like that of a detached task.
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

}  // namespace coil::COIL_ABI
