// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#include <coil/algo/byte_buffer.hpp>

#include <algorithm>
#include <cstring>
#include <memory>
#include <new>

#include <coil/base/assert.hpp>
#include <coil/base/error.hpp>

#include <coil/algo/step.hpp>

#include "base/poison.hpp"

namespace coil::COIL_ABI::detail {
bool buffered_operation::await_ready() noexcept {
    if (env().stop_requested() || buffer_->user_ || !env().scheduler().may_complete_inline() || !settle())
        return false;
    enter();
    return true;
}

void buffered_operation::await_suspend(std::coroutine_handle<> waiter) {
    suspend(waiter);
    if (is_refused()) {
        fail(error::operation_aborted);
    } else if (buffer_->user_) {
        fail(error::operation_in_progress);
    } else {
        enter();
        if (!settle() && start_step(waiter))
            return;
    }
    env().scheduler().schedule(*this);
}

bool buffered_operation::start_next_step(std::coroutine_handle<> waiter) noexcept {
    try {
        return start_step(waiter);
    } catch (...) {
        std::exception_ptr exception;
        const std::error_code error = store_exception(exception);
        drop_step();
        fail(error, std::move(exception));
        return false;
    }
}

void buffered_operation::enter() noexcept {
    is_at_work_ = true;
    buffer_->user_ = this;
    buffer_->poison_consumed();
}

byte_buffer* buffered_operation::leave() noexcept {
    if (!std::exchange(is_at_work_, false))
        return nullptr;
    buffer_->user_ = nullptr;
    return buffer_;
}

// Called when the reader or writer is destroyed or move-assigned. Destroys the step, which cancels the
// stream's operation before the buffer's memory is freed.
void buffered_operation::lose_buffer() noexcept {
    drop_step();
    is_at_work_ = false;
    fail(error::operation_aborted);
    if (is_suspended() && !is_linked())
        env().scheduler().schedule(*this);
}

byte_buffer::byte_buffer(byte_buffer&& other) noexcept { take_over(other); }

byte_buffer& byte_buffer::operator=(byte_buffer&& other) noexcept {
    if (this != &other) {
        drop();
        take_over(other);
    }
    return *this;
}

void byte_buffer::take_over(byte_buffer& other) noexcept {
    memory_ = std::move(other.memory_);
    begin_ = std::exchange(other.begin_, 0);
    end_ = std::exchange(other.end_, 0);
    capacity_ = std::exchange(other.capacity_, 0);
    user_ = std::exchange(other.user_, nullptr);
    if (user_)
        user_->buffer_ = this;
}

void byte_buffer::drop() noexcept {
    if (buffered_operation* user = std::exchange(user_, nullptr))
        user->lose_buffer();
}

void byte_buffer::shrink(std::size_t n) noexcept {
    COIL_ASSERT(n <= size());
    begin_ += std::min(n, size());
}

void byte_buffer::poison_consumed() const noexcept { poison(memory_.get(), begin_); }

void byte_buffer::compact() noexcept {
    if (begin_ == 0)
        return;
    unpoison(memory_.get(), begin_);
    if (size() > 0)
        std::memmove(memory_.get(), memory_.get() + begin_, size());
    end_ -= std::exchange(begin_, 0);
}

bool byte_buffer::reserve(std::size_t capacity) noexcept {
    std::unique_ptr<char[]> larger(new (std::nothrow) char[capacity]);
    if (!larger)
        return false;
    if (size() > 0)
        std::memcpy(larger.get(), memory_.get() + begin_, size());
    memory_ = std::move(larger);
    end_ -= std::exchange(begin_, 0);
    capacity_ = capacity;
    return true;
}

}  // namespace coil::COIL_ABI::detail
