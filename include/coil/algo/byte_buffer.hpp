// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#pragma once

#include <coil/version.hpp>

#include <coroutine>
#include <cstddef>
#include <memory>
#include <string_view>
#include <system_error>
#include <utility>

#include <coil/coro/environment.hpp>

/// What `buffered_reader` and `buffered_writer` have in common: bytes between a stream and its user, and who is at work on
/// them.

namespace coil::COIL_ABI::detail {

class byte_buffer;

/// An operation on a buffer. It ends at once where the bytes at hand, or the room for more, will do. Otherwise it takes
/// steps, which are the stream's own operations. No coroutine is needed for it.
///
///     new --await_ready----> ended                     nothing to wait for
///         --await_suspend--> its turn --> ended        refused; or others have to go first
///         --await_suspend--> step --> step --> ended   each step's turn starts the next one, or wakes who waits
class buffered_operation : public awaited {
public:
    [[nodiscard]] bool await_ready() noexcept;
    void await_suspend(std::coroutine_handle<> waiter);

    void stop() noexcept override {}  // a step is what a stop finds; without one, its turn comes anyway

protected:
    buffered_operation(byte_buffer& buffer, environment& task) noexcept : awaited(task), buffer_(&buffer) {}
    ~buffered_operation() { leave(); }

    /// Whether it ends with what is at hand: with its result, or an error.
    [[nodiscard]] virtual bool settle() noexcept = 0;
    /// Starts a step. False: there is none, it has ended with an error.
    [[nodiscard]] virtual bool start_step(std::coroutine_handle<> waiter) = 0;
    virtual void drop_step() noexcept = 0;

    void fail(std::error_code error) noexcept { error_ = error; }
    [[nodiscard]] const std::error_code& failure() const noexcept { return error_; }
    /// The buffer, while this is at work on it.
    [[nodiscard]] byte_buffer& buffer() const noexcept { return *buffer_; }
    /// Makes way for the next. Gives the buffer if this was at work on it.
    byte_buffer* leave() noexcept;

private:
    friend class byte_buffer;

    void enter() noexcept;
    void lose_buffer() noexcept;

    byte_buffer* buffer_;
    std::error_code error_;
    bool is_at_work_ = false;  // the buffer knows this; if not, the buffer may be gone
};

/// Bytes in the order in which they came, in memory that is had when it is first needed.
///
///     |  used  |  bytes  |  room  |
///     0        begin_    end_     capacity_
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

    /// `n` bytes were put into the room.
    void grow(std::size_t n) noexcept { end_ += n; }
    /// The first `n` bytes are done with.
    void shrink(std::size_t n) noexcept;
    /// Makes all that is free room.
    void compact() noexcept;
    /// Moves into larger memory. False where there is none.
    [[nodiscard]] bool reserve(std::size_t capacity) noexcept;

private:
    friend class buffered_operation;

    void take_over(byte_buffer& other) noexcept;
    void drop() noexcept;

    std::unique_ptr<char[]> memory_;
    std::size_t begin_ = 0;
    std::size_t end_ = 0;
    std::size_t capacity_ = 0;
    buffered_operation* user_ = nullptr;
};

}  // namespace coil::COIL_ABI::detail
