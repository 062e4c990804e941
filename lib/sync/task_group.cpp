// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#include <coil/sync/task_group.hpp>

#include <system_error>
#include <utility>

#include <coil/base/error.hpp>
#include <coil/coro/affinity.hpp>
#include <coil/coro/task_failure.hpp>

namespace coil::COIL_ABI {
namespace {

bool is_system_error(const std::exception_ptr& exception) noexcept {
    try {
        std::rethrow_exception(exception);
    } catch (const std::system_error&) {
        return true;
    } catch (...) {
        return false;
    }
}

}  // namespace

// ---- children ---------------------------------------------------------------------------------------------

detail::child_frame detail::run_child(task_group&, task<> child) { co_await std::move(child); }

namespace detail {

group_child::group_child(task_group& group, std::coroutine_handle<> frame) noexcept
    : group_(&group), frame_(frame), environment_(group.loop()) {
    group.add(*this);
}

// The loop calls run() twice: to start the child, and to destroy it after it has ended.
std::coroutine_handle<> group_child::run() noexcept { return finished_ ? group_->end(*this) : frame_; }

// Records the end of the child and schedules its destruction. A frame must not be destroyed inside its own
// final_suspend, so run() destroys the frame in the next iteration.
void group_child::finish(const std::exception_ptr& exception) noexcept {
    finished_ = true;
    if (exception && !environment_.ended_stopped(exception))
        group_->failed(*this, exception);
    environment_.scheduler().schedule(*this);
}

}  // namespace detail

// ---- the group --------------------------------------------------------------------------------------------

task_group::task_group(detail::group_operation& owner, const options& chosen) noexcept
    : owner_(&owner), running_max_(chosen.running_max), reports_errors_(chosen.report_errors) {}

task_group::~task_group() { destroy_children(); }

detail::scheduler& task_group::loop() const noexcept { return owner_->env().scheduler(); }

// Returns true if `task` is the environment of a child, or of a scope inside a child, such as a timeout.
bool task_group::has_child(const detail::environment& task) const noexcept {
    for (const detail::group_child* each = newest_; each; each = each->older_)
        if (each->environment_.line() == task.line())
            return true;
    return false;
}

void task_group::check_owner() const {
    if (!loop().is_mine())
        detail::throw_wrong_thread("task_group::start", loop().owner());
}

void task_group::start(task<> child) {
    check_owner();
    if (!closing_)
        detail::run_child(*this, std::move(child));
}

void task_group::add(detail::group_child& child) noexcept {
    child.older_ = newest_;
    if (newest_)
        newest_->newer_ = &child;
    newest_ = &child;
    ++size_;
    owner_->add_running();
    if (cancelled_)
        child.environment_.request_stop();
    if (running_ < running_max_)
        begin(child);
    else
        queue_.push_back(child);
}

void task_group::begin(detail::group_child& child) noexcept {
    ++running_;
    loop().schedule(child);
}

// The first failure stops the whole group. If the stored failure is a std::system_error, a later exception of
// any other type replaces it, because the std::system_error may be a consequence of that exception.
void task_group::failed(const std::exception_ptr& exception) noexcept {
    if (!failure_ || (is_system_error(failure_) && !is_system_error(exception)))
        failure_ = exception;
    cancel();
}

void task_group::failed(const detail::group_child& child, const std::exception_ptr& exception) noexcept {
    if (!reports_errors_)
        return failed(exception);
    task_failure failure = detail::describe_failure(exception, "a task of the group at",
                                                    owner_->env().where(), child.environment_);
    failure.is_contained = true;
    loop().report(failure);
}

std::coroutine_handle<> task_group::end(detail::group_child& child) noexcept {
    child.frame_.destroy();  // the child's destructor calls remove()
    --running_;
    if (!queue_.empty())
        begin(static_cast<detail::group_child&>(queue_.pop_front()));
    wake_waits();
    return owner_->remove_running();
}

void task_group::remove(detail::group_child& child) noexcept {
    (child.newer_ ? child.newer_->older_ : newest_) = child.older_;
    if (child.older_)
        child.older_->newer_ = child.newer_;
    --size_;
}

void task_group::cancel() noexcept {
    loop().require_thread("task_group: cancel()");
    if (std::exchange(cancelled_, true))
        return;
    owner_->stop_all();  // stops the body; before the body has started, this records the stop
    for (detail::group_child* each = newest_; each; each = each->older_)
        each->environment_.request_stop();
}

void task_group::destroy_children() noexcept {
    closing_ = true;
    while (newest_)
        newest_->frame_.destroy();
}

// Each of the two loops completes all waits in its list or does not run at all. The total cost therefore
// depends on the number of waits, not on the number of children that end.
void task_group::wake_waits() noexcept {
    while (size_ == 0 && !joins_.empty())
        static_cast<detail::group_wait&>(joins_.front()).make_ready();
    while (size_ < running_max_ && !vacancies_.empty())
        static_cast<detail::group_wait&>(vacancies_.front()).make_ready();
}

namespace detail {

// ---- waits ------------------------------------------------------------------------------------------------

void group_wait::await_suspend(std::coroutine_handle<> waiter) {
    scheduler& loop = group_->loop();
    if (&env().scheduler() != &loop)
        throw_wrong_context(describe(), env(), loop.owner());
    suspend(waiter);
    if (is_refused())
        return stop();
    if (size_max_ == 0 && group_->has_child(env())) {
        error_ = error::joins_own_group;
        return make_ready();
    }
    (size_max_ == 0 ? group_->joins_ : group_->vacancies_).push_back(*this);
    group_->wake_waits();
}

void group_wait::make_ready() noexcept {
    is_over_ = true;
    unlink();
    env().scheduler().schedule(*this);
}

void group_wait::stop() noexcept {
    if (is_over_)
        return;
    error_ = error::operation_aborted;
    make_ready();
}

// ---- the operation ----------------------------------------------------------------------------------------

void group_operation::await_suspend(std::coroutine_handle<> waiter) {
    if (env().stop_requested())
        group_.cancel();
    parallel_operation::await_suspend(waiter);
}

void group_operation::stop() noexcept { group_.cancel(); }

task_group::options group_operation::checked(const task_group::options& chosen) {
    if (chosen.running_max == 0)
        throw_failure(std::make_error_code(std::errc::invalid_argument),
                      "with_group: running_max is 0, so no child could ever run");
    return chosen;
}

// The only branch is the body.
void group_operation::ended(std::size_t) noexcept {
    if (at(0).has_failed() && !at(0).was_stopped())
        group_.failed(at(0).exception());
}

void group_operation::rethrow_failure(bool needs_value) const {
    if (group_.failure_)
        std::rethrow_exception(group_.failure_);
    // A stop by the group's own cancel() is not a failure, unless the body had to return a value.
    if (at(0).was_stopped() && (needs_value || env().stop_requested()))
        at(0).rethrow();
}

}  // namespace detail

}  // namespace coil::COIL_ABI
