// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#pragma once

#include <coil/version.hpp>

#include <coroutine>
#include <cstddef>
#include <exception>
#include <memory>
#include <string_view>
#include <system_error>
#include <utility>

#include <coil/coro/environment.hpp>

/// Code shared by `buffered_reader` and `buffered_writer`: the buffer, and the base class of the operations
/// that use the buffer.

namespace coil::COIL_ABI::detail {

class byte_buffer;

/// Base class of the operations that use a buffer. An operation completes inline if the buffer holds enough
/// bytes for a read, or has enough free space for a write. Otherwise it performs steps, which are operations
/// on a stream. The operation itself needs no coroutine frame.
///
///     new --await_ready----> ended                     inline
///         --await_suspend--> queued --> ended          refused, or other tasks must run first
///         --await_suspend--> step --> step --> ended   each step starts the next, or resumes the waiter
class buffered_operation : public awaited {
public:
    [[nodiscard]] bool await_ready() noexcept;
    void await_suspend(std::coroutine_handle<> waiter);

    /// A no-op, because a stop reaches the current step directly. If there is no step, the operation is
    /// already queued for resumption.
    void stop() noexcept override {}

protected:
    buffered_operation(byte_buffer& buffer, environment& task) noexcept : awaited(task), buffer_(&buffer) {}
    ~buffered_operation() override { leave(); }

    /// Completes the operation, with a result or an error, if the buffer's contents allow this. Returns true
    /// if the operation has completed, and false if another step is necessary.
    [[nodiscard]] virtual bool settle() noexcept = 0;
    /// Starts a step. Returns false if the operation has ended with an error instead.
    [[nodiscard]] virtual bool start_step(std::coroutine_handle<> waiter) = 0;
    virtual void drop_step() noexcept = 0;
    /// Like start_step(), but does not throw. If starting the step throws an exception, such as
    /// std::bad_alloc, the operation ends with that exception, and the function returns false.
    [[nodiscard]] bool start_next_step(std::coroutine_handle<> waiter) noexcept;

    void fail(std::error_code error, std::exception_ptr exception = nullptr) noexcept {
        error_ = error;
        exception_ = std::move(exception);
    }
    [[nodiscard]] const std::error_code& failure() const noexcept { return error_; }
    [[nodiscard]] const std::exception_ptr& exception() const noexcept { return exception_; }
    /// Returns the buffer. Call this only while this operation is using the buffer.
    [[nodiscard]] byte_buffer& buffer() const noexcept { return *buffer_; }
    /// Stops using the buffer. Returns the buffer, or null if this operation was not using it.
    byte_buffer* leave() noexcept;

private:
    friend class byte_buffer;

    void enter() noexcept;
    void lose_buffer() noexcept;

    byte_buffer* buffer_;
    std::error_code error_;
    std::exception_ptr exception_;  // the exception of a failed step, or null
    bool is_at_work_ = false;       // true while buffer_->user_ == this; if false, buffer_ may dangle
};

/// A FIFO of bytes. The memory is allocated on first use.
///
///     |  consumed  |  bytes  |  room()  |
///     0            begin_    end_       capacity_
class byte_buffer {
public:
    byte_buffer() noexcept = default;
    byte_buffer(byte_buffer&& other) noexcept;
    byte_buffer& operator=(byte_buffer&& other) noexcept;
    ~byte_buffer() { drop(); }

    [[nodiscard]] std::size_t size() const noexcept { return end_ - begin_; }
    [[nodiscard]] std::string_view bytes() const noexcept { return {memory_.get() + begin_, size()}; }
    [[nodiscard]] std::size_t capacity() const noexcept { return capacity_; }
    [[nodiscard]] std::size_t room() const noexcept { return capacity_ - end_; }
    [[nodiscard]] char* end() noexcept { return memory_.get() + end_; }
    [[nodiscard]] bool is_in_use() const noexcept { return user_ != nullptr; }

    /// Adds `n` bytes, which the caller has written at end().
    void grow(std::size_t n) noexcept { end_ += n; }
    /// Removes the first `n` bytes.
    void shrink(std::size_t n) noexcept;
    /// Moves the bytes to the front, so that all free memory follows them.
    void compact() noexcept;
    /// Moves the bytes into a new block of `capacity` bytes. Returns false if out of memory.
    [[nodiscard]] bool reserve(std::size_t capacity) noexcept;

private:
    friend class buffered_operation;

    /// Poisons the consumed bytes, so that AddressSanitizer reports a program that uses the result of a read
    /// after the next read has begun.
    void poison_consumed() const noexcept;
    void take_over(byte_buffer& other) noexcept;
    void drop() noexcept;

    std::unique_ptr<char[]> memory_;
    std::size_t begin_ = 0;
    std::size_t end_ = 0;
    std::size_t capacity_ = 0;
    buffered_operation* user_ = nullptr;
};

}  // namespace coil::COIL_ABI::detail
