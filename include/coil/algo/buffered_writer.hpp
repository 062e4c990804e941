// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#pragma once

#include <coil/version.hpp>

#include <array>
#include <concepts>
#include <coroutine>
#include <cstddef>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>

#include <coil/algo/stream.hpp>
#include <coil/algo/whole.hpp>
#include <coil/algo/write_buffer.hpp>
#include <coil/base/buffer.hpp>
#include <coil/base/outcome.hpp>

namespace coil::COIL_ABI {

namespace detail {

template <class Stream, std::size_t N>
struct buffered_write_description;

template <class Stream, std::size_t N>
class emptying_operation;
}  // namespace detail

/// Collects small writes and sends them together. To send immediately, use `write`.
///
///     coil::buffered_reader reader(std::move(socket));
///     coil::buffered_writer writer(reader.stream());
///     while (auto line = co_await reader.read_line()) {
///         co_await writer.write("you said: ", *line, "\n");
///         if (reader.leftover().empty())
///             co_await writer.flush();                  // the client may be waiting for the reply
///     }
///
/// The writer owns a stream that is moved into it, and borrows a stream that is passed by name. While
/// `buffered()` of a borrowing writer is not 0, no other code may send on the stream. Other tasks may receive
/// from the stream at any time.
///
/// Sending:  if the bytes of a write fit into the buffer, they are copied into it. A write that does not fit
///           sends the buffered bytes and then its own bytes, without copying them. Such a write waits until
///           the stream has accepted all bytes, so back-pressure reaches the caller. Apart from such a write,
///           only flush() sends bytes. The destructor sends nothing, so unflushed bytes are lost.
/// Cancel:   after a stop, a timeout or the stream's cancel(), a write ends with operation_aborted. After
///           this and any other error, bytes that have been sent are removed from the buffer and unsent bytes
///           stay there, so a later flush sends no byte twice.
/// Overlap:  one write or flush at a time; a second one fails with error::operation_in_progress.
/// Fairness: a write that fits completes inline. All kinds of operations share a budget of 64 inline
///           completions per resumption of a task. An operation that exceeds this budget first lets all other
///           ready tasks run.
/// Moves:    allowed, even while a write is pending, if the stream can be moved at that time. The destructor
///           aborts a pending write. The description returned by write() or flush() holds a pointer to the
///           writer, so do not move or destroy the writer before the await has begun.
/// Cost:     a copy if a write fits, otherwise usually one operation on the stream. The only allocation is
///           the buffer, on first use.
template <class Stream>
class buffered_writer : private detail::write_buffer {
public:
    using stream_type = std::remove_reference_t<Stream>;
    static_assert(
        writable_stream<stream_type>,
        "a buffered_writer needs a stream, such as a tcp::socket: send(buffer) must be an awaitable of coil or "
        "a task<std::size_t>; a udp::socket sends whole messages and is not a stream");

    explicit buffered_writer(Stream&& stream, const buffered_writer_options& chosen = {})
        : detail::write_buffer(chosen), stream_(std::forward<Stream>(stream)) {}

    /// Writes all buffers, in order.
    /// Completes: with their total size, when they have been copied or sent.
    /// Errors:    transfer_error with the stream's code. The exception's bytes_transferred() counts the bytes
    ///            of this write that were sent, but not the bytes that were already in the buffer.
    /// Buffers:   owned by the caller; must live until the await ends.
    [[nodiscard("co_await it")]] detail::buffered_write_description<Stream, 1> write(
        const_buffer bytes) noexcept;
    template <class... Buffers>
        requires detail::several<const_buffer, Buffers...>
    [[nodiscard("co_await it")]] detail::buffered_write_description<Stream, sizeof...(Buffers)> write(
        Buffers&&... bytes) noexcept {
        return {{}, this, {const_buffer(std::forward<Buffers>(bytes))...}, {}};
    }
    /// Writes an array of buffers, in order. The array and the memory of its buffers must live until the
    /// await ends.
    [[nodiscard("co_await it")]] detail::buffered_write_description<Stream, 7> write(
        const_buffers bytes) noexcept;

    /// Sends the buffered bytes.
    /// Completes: with the number of bytes sent. If the buffer is empty, completes inline with 0.
    /// Errors:    transfer_error with the stream's code.
    [[nodiscard("co_await it")]] detail::buffered_write_description<Stream, 0> flush() noexcept;

    /// Returns the number of bytes that have been written but not sent yet.
    [[nodiscard]] std::size_t buffered() const noexcept { return size(); }

    /// Returns the stream, so that you can receive from it or close it. Bytes sent directly on the stream
    /// overtake the buffered bytes.
    [[nodiscard]] stream_type& stream() noexcept { return stream_; }
    /// Returns the stream's context, if the stream has one.
    [[nodiscard]] auto& context() const noexcept
        requires requires(const stream_type& stream) { stream.context(); }
    {
        return stream_.context();
    }

    /// Returns the stream and a copy of the unsent bytes. Afterwards, the writer is in the moved-from state.
    /// Throws error::operation_in_progress while a write is pending.
    [[nodiscard]] std::pair<Stream, std::string> release();

private:
    template <class, std::size_t>
    friend class detail::emptying_operation;

    Stream stream_;
};

template <class Stream>
buffered_writer(Stream&&, const buffered_writer_options& = {}) -> buffered_writer<Stream>;

// Implementation

namespace detail {

/// Writes N buffers, or all buffers of the caller's array in groups of N. A flush is a write of 0 buffers.
template <class Stream, std::size_t N>
class [[nodiscard("co_await it")]] emptying_operation final : public buffered_operation {
    using stream_type = std::remove_reference_t<Stream>;

    static auto send(stream_type& stream, const std::array<const_buffer, N + 1>& pieces) {
        if constexpr (N == 0)
            return writing::step(stream, pieces.front());
        else
            return writing::step(stream, const_buffers(pieces));
    }

    using step = step_for<decltype(send(std::declval<stream_type&>(), {})), emptying_operation>;

public:
    emptying_operation(const buffered_write_description<Stream, N>& asked, environment& task) noexcept
        : buffered_operation(*asked.writer, task), more_(asked.more), more_size_(total_size(asked.more)) {
        for (std::size_t i = 0; i < N; ++i)
            pieces_[i + 1] = asked.buffers[i];
    }

    outcome<std::size_t> await_outcome() {
        leave();
        rethrow_bug(exception());
        if (failure())
            return {failure(), moved_, exception()};
        return moved_;
    }
    std::size_t await_resume() {
        leave();
        if (exception())
            std::rethrow_exception(exception());
        if (failure())
            throw_failure(failure(), describe(), true, moved_);
        return moved_;
    }
    [[nodiscard]] std::string describe() const override {
        const char* name = N == 0 ? "flush" : "write";
        if (failure() == error::nothing_sent)
            return std::string(name) + " to " + stream_name<stream_type>();
        return step_ ? describe_step(name, step_->describe()) : name;
    }

private:
    friend step;

    [[nodiscard]] write_buffer& bytes() const noexcept { return static_cast<write_buffer&>(buffer()); }
    [[nodiscard]] std::size_t left() const noexcept {
        return total_size(const_buffers(pieces_).subspan(1)) + more_size_;
    }

    bool settle() noexcept override {
        if constexpr (N == 0)
            return bytes().size() == 0;
        const std::size_t size = left();
        if (!bytes().fits(size))
            return false;
        if (!bytes().make_room(size)) {
            fail(std::make_error_code(std::errc::not_enough_memory));
            return true;
        }
        for (const const_buffer& each: const_buffers(pieces_).subspan(1))
            bytes().append(each);
        for (const const_buffer& each: more_)
            bytes().append(each);
        moved_ = size;
        return true;
    }

    bool start_step(std::coroutine_handle<> waiter) override {
        auto& writer = static_cast<buffered_writer<Stream>&>(buffer());
        pieces_[0] = bytes().bytes();
        if (!more_.empty())
            load_pieces();
        step_.emplace(send(writer.stream_, pieces_), env(), *this);
        step_->await_suspend(waiter);
        return true;
    }

    // Copies the next buffers of the caller's array into pieces_ if the previous ones have been sent.
    void load_pieces() noexcept {
        if (total_size(const_buffers(pieces_).subspan(1)) > 0)
            return;
        for (std::size_t i = 1; i <= N && !more_.empty();) {
            pieces_[i] = more_.front();
            more_ = more_.subspan(1);
            more_size_ -= pieces_[i].size();
            i += !pieces_[i].empty();
        }
    }

    void drop_step() noexcept override { step_.reset(); }

    // Called when a step has ended. Returns the coroutine to resume, or null if the next step has started.
    std::coroutine_handle<> advance(std::coroutine_handle<> waiter) noexcept {
        const auto outcome = step_->await_outcome();
        count(outcome.bytes_transferred());
        if (bytes().size() == 0 && left() == 0)
            return run();  // succeeds even if a stop was requested at the same time
        if (!outcome)
            fail(outcome.error(), outcome.exception());
        else if (outcome.bytes_transferred() == 0)
            fail(writing::nothing_moved());
        else if (is_cancelled(*step_))
            fail(error::operation_aborted);  // do not send again
        else if (start_next_step(waiter))
            return nullptr;
        return run();
    }

    void count(std::size_t sent) noexcept {
        std::size_t n = bytes().sent(sent);
        moved_ += N == 0 ? sent : n;
        for (std::size_t i = 1; i <= N; ++i) {
            const std::size_t of_this = n < pieces_[i].size() ? n : pieces_[i].size();
            pieces_[i] += of_this;
            n -= of_this;
        }
        check_count(n, 0);  // the stream must not report more bytes than the pieces contain
    }

    std::array<const_buffer, N + 1> pieces_;  // [0]: the writer's buffered bytes; the rest: the caller's
    const_buffers more_;
    std::size_t more_size_;  // total size of more_, stored because more_ may be long
    std::size_t moved_ = 0;
    std::optional<step> step_;
};

template <class Stream, std::size_t N>
struct [[nodiscard("co_await it")]] buffered_write_description
    : co_await_is_missing<std::size_t, buffered_write_description<Stream, N>> {
    buffered_writer<Stream>* writer;
    std::array<const_buffer, N> buffers;
    const_buffers more;

    detail::emptying_operation<Stream, N> operation_in(environment& task) const noexcept {
        return {*this, task};
    }
    environment& foreign_environment() const
        requires(detail::stepwise<decltype(writer -> stream().send(const_buffer()))> &&
                 requires { writer->context().foreign_environment(); })
    {
        return writer->context().foreign_environment();
    }
};

}  // namespace detail

template <class Stream>
auto buffered_writer<Stream>::write(const_buffer bytes) noexcept
    -> detail::buffered_write_description<Stream, 1> {
    return {{}, this, {bytes}, {}};
}

template <class Stream>
auto buffered_writer<Stream>::write(const_buffers bytes) noexcept
    -> detail::buffered_write_description<Stream, 7> {
    return {{}, this, {}, bytes};
}

template <class Stream>
auto buffered_writer<Stream>::flush() noexcept -> detail::buffered_write_description<Stream, 0> {
    return {{}, this, {}, {}};
}

template <class Stream>
std::pair<Stream, std::string> buffered_writer<Stream>::release() {
    if (is_in_use())
        detail::throw_failure(error::operation_in_progress, "release");
    std::string rest(bytes());
    sent(rest.size());
    return {std::forward<Stream>(stream_), std::move(rest)};
}

}  // namespace coil::COIL_ABI
