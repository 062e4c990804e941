// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#include <coil/coro/stop_when.hpp>

#include <new>

#include <coil/coro/frame_allocator.hpp>

namespace coil::COIL_ABI::detail {

remote_stop* remote_stop::make(environment& scope) {
    return new (frame_allocate(sizeof(remote_stop))) remote_stop(scope);
}

void remote_stop::free() noexcept {
    this->~remote_stop();
    frame_deallocate(this, sizeof(remote_stop));
}

// The scope is alive: its end waits for the callback that this is called by.
void remote_stop::ask() noexcept {
    asked_ = true;
    scope_->scheduler().post(*this);
}

void remote_stop::forget() noexcept {
    if (asked_)
        scope_ = nullptr;
    else
        free();
}

std::coroutine_handle<> remote_stop::run() noexcept {
    if (scope_)
        scope_->request_stop();
    abandon();
    return nullptr;
}

void remote_stop::abandon() noexcept {
    if (scope_)
        asked_ = false;  // it has arrived: from here on it is the scope's to free
    else
        free();
}

}  // namespace coil::COIL_ABI::detail
