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

template <class Stream, std::size_t N>
struct buffered_write_description;
namespace detail {
template <class Stream, std::size_t N>
class emptying_operation;
}

/// Collects small writes, and sends them together. To send at once, use `write`.
///
///     coil::buffered_reader reader(std::move(socket));
///     coil::buffered_writer writer(reader.stream());
///     while (auto line = co_await reader.read_line()) {
///         co_await writer.write("you said: ", *line, "\n");
///         if (reader.leftover().empty())
///             co_await writer.flush();                  // nobody waits for an answer that stays here
///     }
///
/// It owns the stream if that is moved in, and borrows one that is named: then nobody else may send on it while there is
/// something in `buffered()`. Others may receive meanwhile.
///
/// Sending:  what fits into the buffer is copied there. The write that doesn't fit sends all, what is there and its own,
///           from where they lie, and waits until it is taken: so back-pressure reaches whoever writes. Nothing is sent
///           otherwise, except by flush(). The destructor sends nothing: what is not flushed is lost.
/// Cancel:   operation_aborted, by a stop, a timeout or the stream's cancel(). What was sent is gone from the buffer and
///           the rest stays, so that a flush afterwards repeats no byte. The same after every other error.
/// Overlap:  one write or flush at a time; a second is refused with error::operation_in_progress.
/// Fairness: a write that fits does not suspend, within the budget of 64 operations per resumption that all kinds of operations
///           share. The next one lets all other tasks that are ready go first.
/// Moves:    also with a write pending, if the stream can. Its end aborts a pending write. What write() gives points to the writer
///           until its await begins: await it before the writer is moved or destroyed.
/// Cost:     a copy; or one of the stream's operations. No allocation, but for the buffer, at the first write.
template <class Stream>
    requires writable_stream<std::remove_reference_t<Stream>>
class buffered_writer : private detail::write_buffer {
public:
    using stream_type = std::remove_reference_t<Stream>;

    explicit buffered_writer(Stream&& stream, const buffered_writer_options& chosen = {})
        : detail::write_buffer(chosen), stream_(std::forward<Stream>(stream)) {}

    /// Takes all of the buffers, one after the other.
    /// Completes: with their size, when they are copied or sent.
    /// Errors:    transfer_error, whose bytes_transferred() says how many of them were taken, not counting what was in the
    ///            buffer before; the stream's own code.
    /// Buffers:   the caller's; they must live until the await is over.
    [[nodiscard("co_await it")]] buffered_write_description<Stream, 1> write(const_buffer bytes) noexcept;
    template <class... Buffers>
        requires detail::several<const_buffer, Buffers...>
    [[nodiscard("co_await it")]] buffered_write_description<Stream, sizeof...(Buffers)> write(
        Buffers&&... bytes) noexcept {
        return {this, {const_buffer(std::forward<Buffers>(bytes))...}, {}};
    }
    /// The same of the caller's array of them, which must live as long as they do.
    [[nodiscard("co_await it")]] buffered_write_description<Stream, 7> write(const_buffers bytes) noexcept;

    /// Sends what is in the buffer.
    /// Completes: with how much that was. An empty buffer: at once, with 0. Errors: transfer_error, and the stream's own code.
    [[nodiscard("co_await it")]] buffered_write_description<Stream, 0> flush() noexcept;

    /// How many bytes are written and not yet sent.
    [[nodiscard]] std::size_t buffered() const noexcept { return size(); }

    /// The stream: to receive from, to close. What is sent on it directly goes before what is in the buffer.
    [[nodiscard]] stream_type& stream() noexcept { return stream_; }
    /// The stream's context, if it knows one.
    [[nodiscard]] auto& context() const noexcept
        requires requires(const stream_type& stream) { stream.context(); }
    {
        return stream_.context();
    }

    /// The stream, and a copy of what is not sent. Afterwards the writer is as if moved from.
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

/// A write of N buffers, or N at a time of the caller's array; a flush is one of none.
template <class Stream, std::size_t N>
class [[nodiscard("co_await it")]] emptying_operation final : public buffered_operation {
    using stream_type = std::remove_reference_t<Stream>;

    static auto send(stream_type& stream, const std::array<const_buffer, N + 1>& pieces) {
        if constexpr (N == 0)
            return writing::step(stream, pieces.front());
        else
            return writing::step(stream, const_buffers(pieces));
    }

    using step = step_of<operation_of<decltype(send(std::declval<stream_type&>(), {}))>, emptying_operation>;

public:
    emptying_operation(const buffered_write_description<Stream, N>& asked, environment& task) noexcept
        : buffered_operation(*asked.writer, task), more_(asked.more), more_size_(total_size(asked.more)) {
        for (std::size_t i = 0; i < N; ++i)
            pieces_[i + 1] = asked.buffers[i];
    }

    outcome<std::size_t> await_outcome() noexcept {
        leave();
        if (failure())
            return {failure(), moved_};
        return moved_;
    }
    std::size_t await_resume() {
        leave();
        if (failure())
            throw_failure(failure(), describe(), true, moved_);
        return moved_;
    }
    [[nodiscard]] std::string describe() const override {
        const char* name = N == 0 ? "flush" : "write";
        return step_ ? std::string(name) + ": " + step_->describe() : name;
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
            take_more();
        step_.emplace(send(writer.stream_, pieces_), env(), *this);
        step_->await_suspend(waiter);
        return true;
    }

    // Those of the array whose turn it is, once the ones before are sent.
    void take_more() noexcept {
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

    // A step has ended. Returns who is to be resumed: nobody, while there is more to do.
    std::coroutine_handle<> advance(std::coroutine_handle<> waiter) noexcept {
        const auto outcome = step_->await_outcome();
        count(outcome.bytes_transferred());
        if (bytes().size() == 0 && left() == 0)
            return run();  // also where the stop came with the last bytes
        if (!outcome)
            fail(outcome.error());
        else if (outcome.bytes_transferred() == 0)
            fail(writing::nothing_moved());
        else if (is_cancelled(*step_))
            fail(error::operation_aborted);  // the rest is not wanted
        else if (start_step(waiter))
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
    }

    std::array<const_buffer, N + 1> pieces_;  // first what is in the buffer
    const_buffers more_;
    std::size_t more_size_;  // counted once: there may be very many of them
    std::size_t moved_ = 0;
    std::optional<step> step_;
};

}  // namespace detail

template <class Stream, std::size_t N>
struct [[nodiscard("co_await it")]] buffered_write_description {
    buffered_writer<Stream>* writer;
    std::array<const_buffer, N> buffers;
    const_buffers more;

    detail::emptying_operation<Stream, N> operation_in(environment& task) const noexcept {
        return {*this, task};
    }
    environment& foreign_environment() const
        requires requires { writer->context().foreign_environment(); }
    {
        return writer->context().foreign_environment();
    }
};

template <class Stream>
    requires writable_stream<std::remove_reference_t<Stream>>
auto buffered_writer<Stream>::write(const_buffer bytes) noexcept -> buffered_write_description<Stream, 1> {
    return {this, {bytes}, {}};
}

template <class Stream>
    requires writable_stream<std::remove_reference_t<Stream>>
auto buffered_writer<Stream>::write(const_buffers bytes) noexcept -> buffered_write_description<Stream, 7> {
    return {this, {}, bytes};
}

template <class Stream>
    requires writable_stream<std::remove_reference_t<Stream>>
auto buffered_writer<Stream>::flush() noexcept -> buffered_write_description<Stream, 0> {
    return {this, {}, {}};
}

template <class Stream>
    requires writable_stream<std::remove_reference_t<Stream>>
std::pair<Stream, std::string> buffered_writer<Stream>::release() {
    if (is_in_use())
        throw_failure(error::operation_in_progress, "release");
    std::string rest(bytes());
    sent(rest.size());
    return {std::forward<Stream>(stream_), std::move(rest)};
}

}  // namespace coil::COIL_ABI
