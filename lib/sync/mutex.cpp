// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#include <coil/sync/mutex.hpp>

#include <coil/base/assert.hpp>

namespace coil::COIL_ABI {

mutex::~mutex() {
    // After exit() in a task, the tasks that hold the mutex or wait for it are orphans and never resume, so
    // they do not prevent the destruction.
    if (!locked_ || affinity_.has_ended())
        return;
    affinity_.require_thread("mutex: destroyed");
    detail::queued_operation::abandon_all(
        waiting_, "mutex: destroyed while tasks wait for it; declare it before the io_context");
    COIL_PRECONDITION(!locked_,
                      "mutex: destroyed while locked; declare it before the io_context and its locks");
}

mutex_lock mutex::try_lock() noexcept {
    affinity_.require_thread("mutex: try_lock()");
    return acquire() ? mutex_lock(*this) : mutex_lock();
}

void mutex::release() noexcept {
    affinity_.require_thread("mutex: unlocked");
    hand_on();
}

void mutex::hand_on() noexcept {
    COIL_ASSERT(locked_);
    holder_ = nullptr;
    detail::queued_operation::drop_orphans(waiting_, affinity_);
    if (waiting_.empty())
        locked_ = false;
    else
        waiting_.pop_front().grant();  // the mutex stays locked; this waiter owns it now
}

void mutex::lock_operation::await_suspend(std::coroutine_handle<> waiter) {
    if (!enter(waiter, mutex_->affinity_, [this] { return mutex_->is_in_use(); }))
        return;
    if (mutex_->acquire()) {
        grant();
    } else if (mutex_->holder_ == env().line()) {
        would_deadlock_ = true;
        fail(error::operation_aborted);
    } else {
        wait_in(mutex_->waiting_);
    }
}

}  // namespace coil::COIL_ABI
