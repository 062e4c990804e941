// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#pragma once

#include <coil/version.hpp>

#include <coroutine>
#include <cstddef>
#include <exception>
#include <optional>
#include <string>
#include <system_error>
#include <utility>

#include <coil/algo/step.hpp>
#include <coil/algo/stream.hpp>
#include <coil/base/buffer_cursor.hpp>
#include <coil/base/message_flags.hpp>
#include <coil/base/outcome.hpp>

/// Code shared by `read` and `write`. A `whole_operation` performs steps, which are operations on a stream,
/// until all bytes have been moved. It needs no coroutine frame, because each step is the stream's own
/// operation. When a step completes, it starts the next step or resumes the waiter.

namespace coil::COIL_ABI::detail {

/// Returns the first buffer that is not empty. Used if the stream has no scatter/gather I/O.
template <class Buffer>
[[nodiscard]] Buffer first_of(std::span<const Buffer> buffers) noexcept {
    for (const Buffer& each: buffers)
        if (!each.empty())
            return each;
    return {};
}

/// Returns the name of a stream's class, so that an error text can say which class has a bug.
template <class Stream>
std::string stream_name() {
    const std::string text = __PRETTY_FUNCTION__;
    const std::size_t begin = text.find("Stream = ") + 9;
    return text.substr(begin, text.find_first_of(";]", begin) - begin);
}

struct reading {
    static constexpr const char* name = "read";
    static std::error_code nothing_moved() noexcept { return error::eof; }

    template <class Stream, class Buffers>
    static auto step(Stream& stream, Buffers buffers) {
        // A step does not use MSG_WAITALL. If an error such as a reset ends a receive with MSG_WAITALL early,
        // the kernel returns the byte count and loses the error, so the next recv sees a clean end of the
        // stream. MSG_WAITALL is not faster either.
        if constexpr (requires { stream.recv(buffers); })
            return stream.recv(buffers);
        else
            return stream.recv(first_of(buffers));
    }
};

struct writing {
    static constexpr const char* name = "write";
    static std::error_code nothing_moved() noexcept { return error::nothing_sent; }

    template <class Stream, class Buffers>
    static auto step(Stream& stream, Buffers buffers) {
        // A step does not use MSG_WAITALL, because `whole_operation` sends the rest after a short send.
        // Without the flag, every step, not only the first, can take the fast path of a direct send(2).
        if constexpr (requires { stream.send(buffers); })
            return stream.send(buffers);
        else
            return stream.send(first_of(buffers));
    }
};

/// Repeats `Direction::step` until the cursor is done.
template <class Direction, class Stream, class Cursor>
class [[nodiscard("co_await it")]] whole_operation {
    using step_description =
        decltype(Direction::step(std::declval<Stream&>(), std::declval<Cursor&>().next()));
    using step = step_for<step_description, whole_operation>;

public:
    whole_operation(Stream& stream, Cursor cursor, environment& task) : stream_(&stream), cursor_(cursor) {
        if (!cursor_.is_done())
            make_step(task);
    }
    whole_operation(const whole_operation&) = delete;
    whole_operation& operator=(const whole_operation&) = delete;

    bool await_ready() { return is_over() || advance_inline(); }
    void await_suspend(std::coroutine_handle<> waiter) { step_->await_suspend(waiter); }

    outcome<std::size_t> await_outcome() {
        rethrow_bug(exception_);
        if (error_)
            return {error_, moved_, exception_};
        return moved_;
    }
    std::size_t await_resume() {
        if (exception_) [[unlikely]]
            std::rethrow_exception(exception_);
        if (error_)
            throw_failure(error_, describe(), true, moved_);
        return moved_;
    }
    [[nodiscard]] std::string describe() const {
        if (error_ == error::nothing_sent)
            return std::string(Direction::name) + " to " + stream_name<Stream>();
        return step_ ? describe_step(Direction::name, step_->describe()) : Direction::name;
    }

private:
    friend step;

    [[nodiscard]] bool is_over() const noexcept { return error_ || cursor_.is_done(); }

    void make_step(environment& task) {
        step_.emplace(Direction::step(*stream_, cursor_.next()), task, *this);
    }

    // Performs steps as long as they complete inline. Returns true if the whole operation has ended.
    // Otherwise, the next step has been created, and the caller must call that step's await_suspend().
    bool advance_inline() {
        for (bool may_continue = true; may_continue && step_->await_ready(); make_step(step_->env())) {
            may_continue = take_step();
            if (is_over())
                return true;
        }
        return false;
    }

    // Collects the result of a step. Returns false if the step moved fewer bytes than its buffers hold. The
    // next step should then wait, without an attempt to complete inline.
    bool take_step() noexcept {
        const auto outcome = step_->await_outcome();
        const std::size_t n = outcome.bytes_transferred();
        check_count(n, cursor_.next_size());
        const bool is_full = n == cursor_.next_size();
        moved_ += n;
        cursor_.advance(n);
        if (!outcome) {
            error_ = outcome.error();
            exception_ = outcome.exception();
        } else if (n == 0) {
            error_ = Direction::nothing_moved();
        }
        return is_full;
    }

    // Called when a step has ended. Returns the coroutine to resume, or null if the next step has started.
    std::coroutine_handle<> advance(std::coroutine_handle<> waiter) noexcept {
        const bool cancelled = is_cancelled(*step_);
        take_step();
        if (!is_over() && cancelled)
            error_ = error::operation_aborted;  // do not start another step
        if (is_over())
            return waiter;
        try {
            make_step(step_->env());
            if (advance_inline())
                return waiter;
            step_->await_suspend(waiter);
            return nullptr;
        } catch (...) {  // recv() or send() of the stream threw, or its task could not be allocated
            error_ = store_exception(exception_);
            return waiter;
        }
    }

    Stream* stream_;
    Cursor cursor_;
    std::error_code error_;
    std::exception_ptr exception_;  // the exception of a failed step, or null
    std::size_t moved_ = 0;
    std::optional<step> step_;
};

/// A read or write of one buffer, or of the caller's array of buffers.
template <class Direction, class Stream, class Cursor, class Buffers>
struct [[nodiscard("co_await it")]] whole_description
    : co_await_is_missing<std::size_t, whole_description<Direction, Stream, Cursor, Buffers>> {
    Stream* stream;
    Buffers buffers;

    auto operation_in(environment& task) const {
        return whole_operation<Direction, Stream, Cursor>(*stream, Cursor(buffers), task);
    }
    environment& foreign_environment() const
        requires(stepwise<decltype(Direction::step(*stream, std::declval<Cursor&>().next()))> &&
                 requires { stream->context().foreign_environment(); })
    {
        return stream->context().foreign_environment();
    }
};

template <class Direction, class Stream, class Buffer>
using whole_of_one = whole_description<Direction, Stream, one_cursor<Buffer>, Buffer>;
template <class Direction, class Stream, class Buffer>
using whole_of_many = whole_description<Direction, Stream, many_cursor<Buffer>, std::span<const Buffer>>;

}  // namespace coil::COIL_ABI::detail
