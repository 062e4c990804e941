// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#include <coil/sync/one_shot.hpp>

namespace coil::COIL_ABI::detail {

void one_shot_state::close() noexcept {
    auto* const waits = static_cast<one_shot_waiter*>(waiter());
    if (waits && !withdraw()) {
        waits->owns_ = true;  // already complete, so the wait takes over the reference
        return;
    }
    if (waits && !is_orphaned())
        waits->give_up(error::operation_aborted);
    if (!promised)
        release();  // the completer's reference, because no completer was handed out
    release();
}

void one_shot_waiter::await_suspend(std::coroutine_handle<> waiter) noexcept {
    suspend(waiter);
    if (is_refused())
        give_up(error::operation_aborted);
    else if (!state_ || state_->taken)
        give_up(error::broken_promise);
    else if (state_->waiter())
        give_up(error::operation_in_progress);
    else if (!state_->expect(*this))
        env().scheduler().schedule(*this);
}

void one_shot_waiter::stop() noexcept {
    if (state_ && state_->withdraw())
        give_up(error::operation_aborted);
}

void one_shot_waiter::give_up(error::code why) noexcept {
    state_ = nullptr;
    error_ = why;
    env().scheduler().schedule(*this);
}

one_shot_state* one_shot_waiter::completion() noexcept {
    if (!state_)
        return nullptr;
    one_shot_state* const from = owns_ ? state_ : std::exchange(state_, nullptr);
    from->leave();
    from->taken = true;
    error_ = from->error;
    return error_ ? nullptr : from;
}

one_shot_waiter::~one_shot_waiter() {
    if (!state_)
        return;
    if (state_->waiter() == this)
        state_->leave();
    if (owns_)
        state_->release();
}

}  // namespace coil::COIL_ABI::detail
