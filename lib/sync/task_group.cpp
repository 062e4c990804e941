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

bool is_of_the_world(const std::exception_ptr& exception) noexcept {
    try {
        std::rethrow_exception(exception);
    } catch (const std::system_error&) {
        return true;
    } catch (...) {
        return false;
    }
}

}  // namespace

// ---- children ------------------------------------------------------------------------------------------------------

detail::child_frame detail::run_child(task_group&, task<> child) { co_await std::move(child); }

group_child::group_child(task_group& group, std::coroutine_handle<> frame) noexcept
    : group_(&group), frame_(frame), environment_(group.loop()) {
    group.add(*this);
}

// Its turn: the first, or the one after its end.
std::coroutine_handle<> group_child::run() noexcept { return finished_ ? group_->end(*this) : frame_; }

// A frame isn't destroyed by its own last step, but on its next turn.
void group_child::finish(const std::exception_ptr& exception) noexcept {
    finished_ = true;
    if (exception && !environment_.ended_stopped(exception))
        group_->failed(*this, exception);
    environment_.scheduler().schedule(*this);
}

// ---- the group -----------------------------------------------------------------------------------------------------

task_group::task_group(group_operation& owner, const group_options& chosen) noexcept
    : owner_(&owner), running_max_(chosen.running_max), reports_errors_(chosen.report_errors) {}

task_group::~task_group() { destroy_children(); }

scheduler& task_group::loop() const noexcept { return owner_->env().scheduler(); }

// Whether `task` is the line of execution of a child, or a scope of it: a timeout in the child.
bool task_group::has_child(const environment& task) const noexcept {
    for (const group_child* each = newest_; each; each = each->older_)
        if (each->environment_.line() == task.line())
            return true;
    return false;
}

void task_group::check_owner() const {
    if (!loop().is_mine())
        throw_wrong_thread("task_group::start", loop().owner());
}

void task_group::start(task<> child) {
    check_owner();
    if (!closing_)
        detail::run_child(*this, std::move(child));
}

void task_group::add(group_child& child) noexcept {
    child.older_ = newest_;
    if (newest_)
        newest_->newer_ = &child;
    newest_ = &child;
    ++size_;
    owner_->one_more();
    if (cancelled_)
        child.environment_.request_stop();
    if (running_ < running_max_)
        begin(child);
    else
        queue_.push_back(child);
}

void task_group::begin(group_child& child) noexcept {
    ++running_;
    loop().schedule(child);
}

// The first failure stops all. A bug goes before a failure of the world, which may be its consequence.
void task_group::failed(const std::exception_ptr& exception) noexcept {
    if (!failure_ || (is_of_the_world(failure_) && !is_of_the_world(exception)))
        failure_ = exception;
    cancel();
}

void task_group::failed(const group_child& child, const std::exception_ptr& exception) noexcept {
    if (!reports_errors_)
        return failed(exception);
    task_failure failure = detail::describe_failure(exception, "a task of the group at",
                                                    owner_->env().where(), child.environment_);
    failure.is_contained = true;
    loop().report(failure);
}

std::coroutine_handle<> task_group::end(group_child& child) noexcept {
    child.frame_.destroy();  // its destructor removes it
    --running_;
    if (!queue_.empty())
        begin(static_cast<group_child&>(queue_.pop_front()));
    wake_waits();
    return owner_->one_less();
}

void task_group::remove(group_child& child) noexcept {
    (child.newer_ ? child.newer_->older_ : newest_) = child.older_;
    if (child.older_)
        child.older_->newer_ = child.newer_;
    --size_;
}

void task_group::cancel() noexcept {
    loop().require_thread("task_group: cancel()");
    if (std::exchange(cancelled_, true))
        return;
    owner_->stop_all();  // the body, once it exists
    for (group_child* each = newest_; each; each = each->older_)
        each->environment_.request_stop();
}

void task_group::destroy_children() noexcept {
    closing_ = true;
    while (newest_)
        newest_->frame_.destroy();
}

// Each list is visited only when all of its waits complete: waits cost one visit each, however many children end.
void task_group::wake_waits() noexcept {
    while (size_ == 0 && !joins_.empty())
        static_cast<group_wait&>(joins_.front()).make_ready();
    while (size_ < running_max_ && !vacancies_.empty())
        static_cast<group_wait&>(vacancies_.front()).make_ready();
}

// ---- waits ---------------------------------------------------------------------------------------------------------

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

// ---- the operation -------------------------------------------------------------------------------------------------

void group_operation::await_suspend(std::coroutine_handle<> waiter) {
    if (env().stop_requested())
        group_.cancel();
    parallel_operation::await_suspend(waiter);
}

void group_operation::stop() noexcept { group_.cancel(); }

group_options group_operation::checked(const group_options& chosen) {
    if (chosen.running_max == 0)
        throw_failure(std::make_error_code(std::errc::invalid_argument),
                      "with_group: running_max is 0, so no child could ever run");
    return chosen;
}

// The body has.
void group_operation::ended(std::size_t) noexcept {
    if (at(0).has_failed() && !at(0).was_stopped())
        group_.failed(at(0).exception());
}

void group_operation::rethrow_failure(bool needs_value) const {
    if (group_.failure_)
        std::rethrow_exception(group_.failure_);
    // The group's own cancel is no failure of the group.
    if (at(0).was_stopped() && (needs_value || env().stop_requested()))
        at(0).rethrow();
}

}  // namespace coil::COIL_ABI
