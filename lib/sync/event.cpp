// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#include <coil/sync/event.hpp>

namespace coil::COIL_ABI {

event::~event() {
    if (!is_in_use())
        return;
    affinity_.require_thread("event: destroyed");
    detail::queued_operation::abandon_all(
        waiting_, "event: destroyed while tasks wait for it; declare it before the io_context");
}

void event::reset() noexcept {
    affinity_.require_thread("event: reset()");
    set_ = false;
}

void event::set() noexcept {
    affinity_.require_thread("event: set()");
    set_ = true;
    detail::queued_operation::drop_orphans(waiting_, affinity_);
    while (!waiting_.empty())
        waiting_.pop_front().grant();
}

void event::wait_operation::await_suspend(std::coroutine_handle<> waiter) {
    if (!enter(waiter, event_->affinity_, [this] { return event_->is_in_use(); }))
        return;
    if (event_->set_)
        grant();
    else
        wait_in(event_->waiting_);
}

}  // namespace coil::COIL_ABI
