// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#include <coil/coro/stop_token.hpp>

#include <coil/base/assert.hpp>

#include "base/back_off.hpp"
#include "coro/this_thread.hpp"

namespace coil::COIL_ABI {
inplace_stop_source::~inplace_stop_source() {
    COIL_PRECONDITION(
        !callbacks_,
        "inplace_stop_source: destroyed while a callback or a stop_when uses its token; declare the "
        "source before them");
}

// Acquires the lock on the list of callbacks, and returns the state without the lock bit. The lock is held
// only for a few instructions. The back-off is needed only if the thread that holds the lock has been
// preempted.
std::uint8_t inplace_stop_source::lock() const noexcept {
    back_off waiting;
    std::uint8_t state = state_.load(std::memory_order_relaxed);
    while ((state & locked) || !state_.compare_exchange_weak(state, state | locked, std::memory_order_acquire,
                                                             std::memory_order_relaxed)) {
        if (state & locked) {
            waiting.pause();
            state = state_.load(std::memory_order_relaxed);
        }
    }
    return state;
}

bool inplace_stop_source::request_stop() noexcept {
    if (stop_requested())
        return false;
    if (lock() & requested) {
        unlock(requested);
        return false;
    }
    notifier_ = this_thread();
    while (callbacks_) {
        detail::inplace_stop_callback_base& callback = *callbacks_;
        callbacks_ = callback.next_;
        if (callbacks_)
            callbacks_->link_ = &callbacks_;
        bool destroyed = false;
        callback.link_ = nullptr;
        callback.destroyed_ = &destroyed;
        unlock(requested);
        callback.call_(callback);
        if (!destroyed) {
            callback.destroyed_ = nullptr;
            // Release, paired with the acquire in remove(), so that the callback's destructor continues only
            // after the call and sees everything that the call wrote.
            callback.over_.store(true, std::memory_order_release);
        }
        lock();
    }
    unlock(requested);
    return true;
}

bool inplace_stop_source::add(detail::inplace_stop_callback_base& callback) const noexcept {
    if (stop_requested())
        return false;
    if (const std::uint8_t state = lock(); state & requested) {
        unlock(state);
        return false;
    }
    callback.next_ = callbacks_;
    callback.link_ = &callbacks_;
    if (callbacks_)
        callbacks_->link_ = &callback.next_;
    callbacks_ = &callback;
    unlock(0);
    return true;
}

void inplace_stop_source::remove(detail::inplace_stop_callback_base& callback) const noexcept {
    const std::uint8_t state = lock();
    if (callback.link_) {
        *callback.link_ = callback.next_;
        if (callback.next_)
            callback.next_->link_ = callback.link_;
        unlock(state);
        return;
    }
    const bool is_notifier = notifier_ == this_thread();
    unlock(state);
    if (is_notifier) {
        if (callback.destroyed_)
            *callback.destroyed_ = true;  // destroyed inside its own call
        return;
    }
    back_off waiting;
    while (!callback.over_.load(std::memory_order_acquire))
        waiting.pause();
}

}  // namespace coil::COIL_ABI
