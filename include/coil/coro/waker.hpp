// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#pragma once

#include <coil/version.hpp>

#include <coroutine>
#include <utility>

namespace coil::COIL_ABI::detail {

/// A coroutine that an operation resumes instead of a waiting task. When resumed, a waker only calls a
/// function of its owner. Its body is empty, so its frame is small.
class [[nodiscard("keep it")]] waker {
public:
    class promise_type;
    using callback = void (*)(void* owner) noexcept;

    waker() noexcept = default;
    waker(const waker&) = delete;
    waker& operator=(waker&& other) noexcept {
        std::swap(frame_, other.frame_);
        return *this;
    }
    ~waker() {
        if (frame_)
            frame_.destroy();
    }

    /// Returns a waker that calls `on_wake(owner)`. The callback may destroy the waker.
    [[nodiscard]] static waker make(void* owner, callback on_wake);

    [[nodiscard]] std::coroutine_handle<> handle() const noexcept { return frame_; }

private:
    explicit waker(std::coroutine_handle<> frame) noexcept : frame_(frame) {}

    std::coroutine_handle<> frame_;
};

}  // namespace coil::COIL_ABI::detail
