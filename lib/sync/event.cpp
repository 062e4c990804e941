// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#include <coil/sync/event.hpp>

#include <coil/base/assert.hpp>

namespace coil::COIL_ABI {

event::~event() {
    COIL_ASSERT(waiting_.empty());  // an event outlives its waiters
}

void event::set() noexcept {
    set_ = true;
    while (!waiting_.empty())
        waiting_.pop_front().grant();
}

void event::wait_operation::await_suspend(std::coroutine_handle<> waiter) noexcept {
    if (!enter(waiter))
        return;
    if (event_->set_)
        grant();
    else
        wait_in(event_->waiting_);
}

}  // namespace coil::COIL_ABI
