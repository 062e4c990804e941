// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#pragma once

#include <coil/version.hpp>

#include <coroutine>
#include <cstddef>
#include <optional>
#include <string>
#include <system_error>
#include <utility>

#include <coil/algo/step.hpp>
#include <coil/algo/stream.hpp>
#include <coil/base/message_flags.hpp>
#include <coil/base/outcome.hpp>

/// What `read` and `write` have in common: an operation on a stream, repeated until all is moved. No coroutine is needed
/// for it: each step is the stream's own operation, and its turn either starts the next step or wakes who waits.

namespace coil::COIL_ABI::detail {

/// What is still to be moved of one buffer.
template <class Buffer>
class one_cursor {
public:
    explicit one_cursor(Buffer buffer) noexcept : rest_(buffer) {}

    [[nodiscard]] Buffer next() const noexcept { return rest_; }
    [[nodiscard]] std::size_t next_size() const noexcept { return rest_.size(); }
    [[nodiscard]] bool is_done() const noexcept { return rest_.empty(); }
    void advance(std::size_t n) noexcept { rest_ += n; }

private:
    Buffer rest_;
};

/// What is still to be moved of several. A buffer that was moved in part goes first, alone, so that the caller's array
/// need not be copied.
template <class Buffer>
class many_cursor {
public:
    explicit many_cursor(std::span<const Buffer> buffers) noexcept : rest_(buffers) { skip_empty(); }

    // As many as the kernel takes at once: each step costs what it moves, however many are left.
    [[nodiscard]] std::span<const Buffer> next() const noexcept {
        constexpr std::size_t most = 1024;  // IOV_MAX
        return part_.empty() ? rest_.first(rest_.size() < most ? rest_.size() : most)
                             : std::span<const Buffer>(&part_, 1);
    }
    [[nodiscard]] std::size_t next_size() const noexcept { return total_size(next()); }
    [[nodiscard]] bool is_done() const noexcept { return part_.empty() && rest_.empty(); }
    void advance(std::size_t n) noexcept {
        if (!part_.empty()) {
            part_ += n;
            return;
        }
        while (n > 0 && !rest_.empty() && n >= rest_.front().size()) {
            n -= rest_.front().size();
            rest_ = rest_.subspan(1);
        }
        if (n > 0 && !rest_.empty()) {
            part_ = rest_.front() + n;
            rest_ = rest_.subspan(1);
        }
        skip_empty();
    }

private:
    void skip_empty() noexcept {
        while (!rest_.empty() && rest_.front().empty())
            rest_ = rest_.subspan(1);
    }

    std::span<const Buffer> rest_;
    Buffer part_;
};

struct reading {
    static constexpr const char* name = "read";
    static std::error_code nothing_moved() noexcept { return error::eof; }

    template <class Stream, class Buffers>
    static auto step(Stream& stream, Buffers buffers) {
        // Not with MSG_WAITALL: what ends such a recv half way, a reset for one, is lost in the kernel behind the count of
        // what had come, and the next recv sees a clean end. It isn't faster, either.
        return stream.recv(buffers);
    }
};

struct writing {
    static constexpr const char* name = "write";
    static std::error_code nothing_moved() noexcept { return std::make_error_code(std::errc::broken_pipe); }

    template <class Stream, class Buffers>
    static auto step(Stream& stream, Buffers buffers) {
        // Not with wait_all: this loop goes on anyway, and what is little is then sent by a system call of its own.
        return stream.send(buffers);
    }
};

/// Repeats `Direction::step` until the cursor is done.
template <class Direction, class Stream, class Cursor>
class [[nodiscard("co_await it")]] whole_operation {
    using step_description =
        decltype(Direction::step(std::declval<Stream&>(), std::declval<Cursor&>().next()));
    using step = step_of<operation_of<step_description>, whole_operation>;

public:
    whole_operation(Stream& stream, Cursor cursor, environment& task) noexcept
        : stream_(&stream), cursor_(cursor) {
        if (!cursor_.is_done())
            make_step(task);
    }
    whole_operation(const whole_operation&) = delete;
    whole_operation& operator=(const whole_operation&) = delete;

    bool await_ready() { return is_over() || advance_at_once(); }
    void await_suspend(std::coroutine_handle<> waiter) { step_->await_suspend(waiter); }

    outcome<std::size_t> await_outcome() noexcept {
        if (error_)
            return {error_, moved_};
        return moved_;
    }
    std::size_t await_resume() {
        if (error_)
            throw_failure(error_, describe(), true, moved_);
        return moved_;
    }
    [[nodiscard]] std::string describe() const {
        return step_ ? std::string(Direction::name) + ": " + step_->describe() : Direction::name;
    }

private:
    friend step;

    [[nodiscard]] bool is_over() const noexcept { return error_ || cursor_.is_done(); }

    void make_step(environment& task) {
        step_.emplace(Direction::step(*stream_, cursor_.next()), task, *this);
    }

    // Goes on with steps that need not wait. False: the last one, which has not begun, has to.
    bool advance_at_once() {
        for (bool may_go_on = true; may_go_on && step_->await_ready(); make_step(step_->env())) {
            may_go_on = take_step();
            if (is_over())
                return true;
        }
        return false;
    }

    // What a step has come to. Returns whether it moved as much as it could have: if not, the next one had better wait.
    bool take_step() noexcept {
        const auto outcome = step_->await_outcome();
        const std::size_t n = outcome.bytes_transferred();
        const bool is_full = n == cursor_.next_size();
        moved_ += n;
        cursor_.advance(n);
        if (!outcome)
            error_ = outcome.error();
        else if (n == 0)
            error_ = Direction::nothing_moved();
        return is_full;
    }

    // A step has ended. Returns who is to be resumed: nobody, while there is more to do.
    std::coroutine_handle<> advance(std::coroutine_handle<> waiter) noexcept {
        const bool cancelled = is_cancelled(*step_);
        take_step();
        if (!is_over() && cancelled)
            error_ = error::operation_aborted;  // the rest was not wanted
        if (is_over())
            return waiter;
        make_step(step_->env());
        if (advance_at_once())
            return waiter;
        step_->await_suspend(waiter);
        return nullptr;
    }

    Stream* stream_;
    Cursor cursor_;
    std::error_code error_;
    std::size_t moved_ = 0;
    std::optional<step> step_;
};

/// The whole of one buffer, or of the caller's array of several.
template <class Direction, class Stream, class Cursor, class Buffers>
struct [[nodiscard("co_await it")]] whole_description {
    Stream* stream;
    Buffers buffers;

    auto operation_in(environment& task) const {
        return whole_operation<Direction, Stream, Cursor>(*stream, Cursor(buffers), task);
    }
    environment& foreign_environment() const
        requires requires { stream->context().foreign_environment(); }
    {
        return stream->context().foreign_environment();
    }
};

template <class Direction, class Stream, class Buffer>
using whole_of_one = whole_description<Direction, Stream, one_cursor<Buffer>, Buffer>;
template <class Direction, class Stream, class Buffer>
using whole_of_many = whole_description<Direction, Stream, many_cursor<Buffer>, std::span<const Buffer>>;

}  // namespace coil::COIL_ABI::detail
