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

// Called by the stop callback. The scope still exists, because the operation waits for a running callback
// before it ends the scope.
void remote_stop::request() noexcept {
    posted_ = true;
    scope_->scheduler().post(*this);
}

void remote_stop::release() noexcept {
    if (posted_)
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
        posted_ = false;  // this object is no longer in the inbox, so release() frees it
    else
        free();
}

}  // namespace coil::COIL_ABI::detail
