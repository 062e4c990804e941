// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#include <coil/loop/co_spawn.hpp>

#include <string>

namespace coil {
namespace {

std::string place_of(const std::source_location& where) {
    std::string_view file = where.file_name();
    file.remove_prefix(file.rfind('/') + 1);
    return std::string(file) + ":" + std::to_string(where.line());
}

}  // namespace

bool detail::may_spawn(const spawn_place& place) {
    if (place.context->is_closing())
        return false;
    if (!place.context->is_mine())
        throw_failure(error::wrong_thread, "co_spawn");
    return true;
}

root_task::root_task(const spawn_place& place, std::coroutine_handle<> frame) noexcept
    : context_(place.context), frame_(frame), environment_(*place.context), spawned_at_(place.spawned_at) {
    context_->task_started(*this);
}

root_task::~root_task() {
    if (joiner_)
        joiner_->task_ = nullptr;
    if (handle_)
        handle_->task_ = nullptr;
    context_->task_gone(*this);
}

void root_task::finish() noexcept {
    finished_ = true;
    context_->task_finished(*this);
}

void root_task::settle() {
    if (joiner_) {
        context_->schedule(*joiner_);
        return;
    }
    if (handle_)
        return;
    report();
    destroy();
}

void root_task::report() {
    if (taken_ || !exception())
        return;
    if (environment_.ended_stopped(exception()))
        return;
    task_failure failure{
        exception(), {}, spawned_at_, environment_.where(), "a task spawned at " + place_of(spawned_at_)};
    const bool has_awaited = failure.awaited_at.line() > 0;
    failure.text += " ended with an error";
    if (has_awaited)
        failure.text += " at " + place_of(failure.awaited_at);
    try {
        std::rethrow_exception(exception());
    } catch (const std::system_error& error) {
        failure.code = error.code();
        failure.text += std::string(": ") + error.what();
    } catch (const std::exception& error) {
        failure.text += std::string(": ") + error.what();
    } catch (...) {
        failure.text += ": an exception that is no std::exception";
    }
    context_->report(failure);
}

void join_operation_base::await_suspend(std::coroutine_handle<> waiter) noexcept {
    suspend(waiter);
    if (!task_ || is_refused()) {
        task_ = nullptr;
        env().scheduler().schedule(*this);
    } else if (task_->joiner_ || task_->taken_) {
        task_ = nullptr;
        error_ = error::operation_in_progress;
        env().scheduler().schedule(*this);
    } else {
        COIL_ASSERT(&env().scheduler() == task_->context_);  // a task is joined on its own context
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
    if (task_->finished_ && !task_->handle_)
        task_->destroy();
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
    task->handle_ = nullptr;
    if (task->is_finished() && !task->joiner_ && !task->is_linked())
        task->settle();
}

}  // namespace coil
