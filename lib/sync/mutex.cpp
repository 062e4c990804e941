// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#include <coil/sync/mutex.hpp>

#include <coil/base/assert.hpp>

namespace coil::COIL_ABI {

mutex::~mutex() {
    COIL_ASSERT(waiting_.empty());  // a mutex outlives its waiters
    COIL_ASSERT(!locked_);          // and its locks
}

void mutex::release() noexcept {
    COIL_ASSERT(locked_);
    if (waiting_.empty())
        locked_ = false;
    else
        waiting_.pop_front().grant();  // it stays locked: handed over
}

void mutex::lock_operation::await_suspend(std::coroutine_handle<> waiter) noexcept {
    if (!enter(waiter))
        return;
    if (mutex_->acquire())
        grant();
    else
        wait_in(mutex_->waiting_);
}

}  // namespace coil::COIL_ABI
