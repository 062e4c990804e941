// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#pragma once

#include <coil/version.hpp>

#include <coroutine>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include <coil/algo/read.hpp>
#include <coil/algo/read_buffer.hpp>
#include <coil/algo/stream.hpp>
#include <coil/base/buffer.hpp>
#include <coil/base/outcome.hpp>

namespace coil::COIL_ABI {

template <class Stream, class Value>
struct buffered_read_description;
template <class Stream>
struct buffered_recv_description;
namespace detail {
template <class Stream>
class filling_operation;
}

/// Reads lines, and whatever else has an end, from a stream. It receives more than it is asked for, and keeps the rest.
/// For bytes whose number is known from the start, `read` does without a buffer.
///
///     coil::buffered_reader reader(std::move(socket), {.limit = 8192});
///     while (auto line = co_await reader.read_line())                  // empty: the peer has finished sending
///         co_await coil::write(reader.stream(), answer_to(*line));
///
/// It owns the stream and all that was received, so that nothing is lost between two ways of reading: what one has
/// received too much of, the next one gets. `buffered_reader reader(socket)`, of a named stream, borrows it: then nobody
/// else may receive from that while there is something in `leftover()`.
///
/// Views:    a result stays valid until the next read, consume() or release(), or the reader's end. Moving the reader does
///           no harm.
/// Limit:    at most `limit` bytes are held. What is longer fails with error::limit_exceeded. Memory is had when the first
///           byte is waited for, and grows as needed.
/// Cancel:   operation_aborted, by a stop, a timeout or the stream's cancel(). What has arrived stays in the reader, and the
///           next read goes on with it. The same after every other error.
/// Overlap:  one read at a time; a second is refused with error::operation_in_progress. Others may send on the stream meanwhile.
/// Fairness: a read that finds what it wants in the buffer does not suspend, within the budget of 64 operations per resumption
///           that all kinds of operations share. The next one lets all other tasks that are ready go first.
/// Moves:    also with a read pending, if the stream can. Its end aborts a pending read. What a read function gives points to the
///           reader until its await begins: await it before the reader is moved or destroyed.
/// Cost:     none of the stream's operations while the bytes are there, else mostly one. No allocation, but for the buffer.
template <class Stream>
    requires readable_stream<std::remove_reference_t<Stream>>
class buffered_reader : private detail::read_buffer {
public:
    using stream_type = std::remove_reference_t<Stream>;
    using record = std::optional<std::string_view>;

    explicit buffered_reader(Stream&& stream, const buffered_reader_options& chosen = {})
        : detail::read_buffer(chosen), stream_(std::forward<Stream>(stream)) {}

    /// The bytes up to the next "\n", without that, and without a "\r" before it.
    /// Completes: with the line; with nothing where the stream ends behind a line.
    /// Errors:    error::eof where it ends in the middle of one, limit_exceeded, and the stream's own. The part that came
    ///            is in leftover().
    [[nodiscard("co_await it")]] buffered_read_description<Stream, record> read_line() noexcept;
    /// The same up to a delimiter of one byte or more, without it. The delimiter must live until the await is over.
    [[nodiscard("co_await it")]] buffered_read_description<Stream, record> read_until(
        std::string_view delimiter) noexcept;

    /// The next `size` bytes.
    /// Errors: error::eof where the stream ends before, limit_exceeded, and the stream's own.
    [[nodiscard("co_await it")]] buffered_read_description<Stream, std::string_view> read_exactly(
        std::size_t size) noexcept;
    /// Fills the caller's buffer, as `read` does: also with more than the limit. What isn't here yet goes there directly,
    /// unless it is so little that receiving more for later is worth a copy.
    /// Errors: transfer_error, whose bytes_transferred() says how much is in the buffer: error::eof, the stream's own.
    [[nodiscard("co_await it")]] auto read_exactly(mutable_buffer into) noexcept { return read(*this, into); }

    /// What comes next, at least `size` bytes of it, which stay unread.
    /// Completes: with all of leftover(); with nothing where the stream has ended and there is none.
    /// Errors:    error::eof where some bytes come, but fewer; limit_exceeded, and the stream's own.
    [[nodiscard("co_await it")]] buffered_read_description<Stream, record> peek(std::size_t size) noexcept;

    /// What was received and is not read.
    [[nodiscard]] std::string_view leftover() const noexcept { return bytes(); }
    /// Done with the first `size` bytes of leftover().
    void consume(std::size_t size) noexcept { detail::read_buffer::consume(size); }

    /// As the stream's: what is there, 0 at the end. With it the reader is a stream itself, for `read` and others.
    [[nodiscard("co_await it")]] buffered_recv_description<Stream> recv(mutable_buffer into) noexcept;
    [[nodiscard("co_await it")]] buffered_recv_description<Stream> recv(mutable_buffers into) noexcept;
    template <class... Buffers>
        requires detail::several<mutable_buffer, Buffers...>
    [[nodiscard("co_await it")]] auto recv(Buffers&&... buffers) {
        return op::holding_description<buffered_recv_description<Stream>, mutable_buffer, sizeof...(Buffers)>{
            {this, {}, {}}, {mutable_buffer(std::forward<Buffers>(buffers))...}};
    }

    /// The stream: to send on, to close. To receive from it passes by what is in leftover().
    [[nodiscard]] stream_type& stream() noexcept { return stream_; }
    /// The stream's context, if it knows one.
    [[nodiscard]] auto& context() const noexcept
        requires requires(const stream_type& stream) { stream.context(); }
    {
        return stream_.context();
    }

    /// The stream, and a copy of leftover(). Afterwards the reader is as if moved from.
    /// Throws error::operation_in_progress while a read is pending.
    [[nodiscard]] std::pair<Stream, std::string> release();

private:
    friend class detail::filling_operation<Stream>;

    Stream stream_;
};

template <class Stream>
buffered_reader(Stream&&, const buffered_reader_options& = {}) -> buffered_reader<Stream>;

// Implementation

namespace detail {

/// What all reads have in common: they receive until they are settled.
template <class Stream>
class filling_operation : public buffered_operation {
    using stream_type = std::remove_reference_t<Stream>;
    using step = step_of<operation_of<decltype(std::declval<stream_type&>().recv(mutable_buffer()))>,
                         filling_operation>;

public:
    [[nodiscard]] bool was_cancelled() const noexcept { return step_ && is_cancelled(*step_); }

protected:
    filling_operation(buffered_reader<Stream>& reader, environment& task) noexcept
        : buffered_operation(reader, task) {}
    ~filling_operation() = default;

    /// Where the next bytes are to go. Empty: there is no memory.
    virtual mutable_buffer target() noexcept = 0;
    virtual void received(std::size_t n) noexcept = 0;
    virtual void stream_ended() noexcept = 0;

    [[nodiscard]] read_buffer& bytes() const noexcept { return static_cast<read_buffer&>(buffer()); }

    [[nodiscard]] std::string describe_as(const char* name) const {
        return step_ ? std::string(name) + ": " + step_->describe() : name;
    }

private:
    friend step;

    bool start_step(std::coroutine_handle<> waiter) final {
        const mutable_buffer into = target();
        if (into.empty()) {
            fail(std::make_error_code(std::errc::not_enough_memory));
            return false;
        }
        auto& reader = static_cast<buffered_reader<Stream>&>(buffer());
        step_.emplace(reader.stream_.recv(into), env(), *this);
        step_->await_suspend(waiter);
        return true;
    }

    void drop_step() noexcept final { step_.reset(); }

    // A step has ended. Returns who is to be resumed: nobody, while there is more to do.
    std::coroutine_handle<> advance(std::coroutine_handle<> waiter) noexcept {
        const auto outcome = step_->await_outcome();
        const std::size_t n = outcome.bytes_transferred();
        if (n > 0)
            received(n);
        if (n > 0 && settle())
            return run();  // also where the stop came with the bytes
        if (!outcome)
            fail(outcome.error());
        else if (n == 0)
            stream_ended();
        else if (was_cancelled())
            fail(error::operation_aborted);  // the rest is not wanted
        else if (start_step(waiter))
            return nullptr;
        return run();
    }

    std::optional<step> step_;
};

}  // namespace detail

/// A read that yields a view of the reader's bytes.
template <class Stream, class Value>
class [[nodiscard("co_await it")]] buffered_read_operation final : public detail::filling_operation<Stream> {
public:
    buffered_read_operation(const buffered_read_description<Stream, Value>& asked, environment& task) noexcept
        : detail::filling_operation<Stream>(*asked.reader, task), what_(asked.what) {}

    outcome<Value> await_outcome() noexcept {
        take();
        if (this->failure())
            return this->failure();
        return value();
    }
    Value await_resume() {
        take();
        if (this->failure())
            throw_failure(this->failure(), describe());
        return value();
    }
    [[nodiscard]] std::string describe() const override { return this->describe_as(what_.name()); }

private:
    // The bytes are consumed when the result is taken: one that is destroyed before that leaves them where they are.
    void take() noexcept {
        if (detail::byte_buffer* left = this->leave(); left && found_) {
            view_ = left->bytes().substr(0, found_->size);
            static_cast<detail::read_buffer*>(left)->consume(found_->consumed);
        }
    }
    [[nodiscard]] Value value() const noexcept {
        if constexpr (std::is_same_v<Value, std::string_view>)
            return view_;
        else
            return found_ ? Value(view_) : Value();
    }

    bool settle() noexcept override {
        std::error_code error;
        found_ = this->bytes().look(what_, without_, error);
        if (error)
            this->fail(error);
        return found_ || error;
    }
    mutable_buffer target() noexcept override { return this->bytes().make_room(what_.size); }
    void received(std::size_t n) noexcept override { this->bytes().received(n); }
    void stream_ended() noexcept override {
        if (std::is_same_v<Value, std::string_view> || this->bytes().size() > 0)
            this->fail(error::eof);
    }

    detail::wanted what_;
    std::size_t without_ = 0;
    std::optional<detail::found> found_;
    std::string_view view_;
};

/// A recv from the reader: what it has, or else what the stream gives next.
template <class Stream>
class [[nodiscard("co_await it")]] buffered_recv_operation : public detail::filling_operation<Stream> {
public:
    buffered_recv_operation(const buffered_recv_description<Stream>& asked, environment& task) noexcept
        : detail::filling_operation<Stream>(*asked.reader, task),
          buffer_(asked.buffer),
          buffers_(asked.buffers) {}

    outcome<std::size_t> await_outcome() noexcept {
        if (detail::byte_buffer* left = this->leave(); left && !this->failure()) {
            auto& from = static_cast<detail::read_buffer&>(*left);
            moved_ += from.take(buffer_);
            for (const mutable_buffer& each: buffers_)
                moved_ += from.take(each);
        }
        if (this->failure())
            return {this->failure(), moved_};
        return moved_;
    }
    std::size_t await_resume() {
        const auto outcome = await_outcome();
        if (!outcome)
            throw_failure(outcome.error(), describe(), true, moved_);
        return moved_;
    }
    [[nodiscard]] std::string describe() const override { return this->describe_as("recv"); }

private:
    bool settle() noexcept override {
        return this->bytes().size() > 0 || moved_ > 0 || (buffer_.empty() && total_size(buffers_) == 0);
    }
    // Where there is much room it goes there directly.
    mutable_buffer target() noexcept override {
        mutable_buffer first = buffer_;
        for (auto rest = buffers_; first.empty() && !rest.empty(); rest = rest.subspan(1))
            first = rest.front();
        is_direct_ = first.size() >= this->bytes().initial();
        return is_direct_ ? first : this->bytes().make_room(0);
    }
    void received(std::size_t n) noexcept override {
        if (is_direct_)
            moved_ = n;
        else
            this->bytes().received(n);
    }
    void stream_ended() noexcept override {}

    mutable_buffer buffer_;
    mutable_buffers buffers_;
    std::size_t moved_ = 0;
    bool is_direct_ = false;
};

template <class Stream, class Value>
struct [[nodiscard("co_await it")]] buffered_read_description {
    buffered_reader<Stream>* reader;
    detail::wanted what;

    buffered_read_operation<Stream, Value> operation_in(environment& task) const noexcept {
        static_assert(sizeof(buffered_read_description) <= 40);
        return {*this, task};
    }
    environment& foreign_environment() const
        requires requires { reader->context().foreign_environment(); }
    {
        return reader->context().foreign_environment();
    }
};

template <class Stream>
struct [[nodiscard("co_await it")]] buffered_recv_description {
    buffered_reader<Stream>* reader;
    mutable_buffer buffer;
    mutable_buffers buffers;

    buffered_recv_operation<Stream> operation_in(environment& task) const noexcept { return {*this, task}; }
    environment& foreign_environment() const
        requires requires { reader->context().foreign_environment(); }
    {
        return reader->context().foreign_environment();
    }
};

template <class Stream>
    requires readable_stream<std::remove_reference_t<Stream>>
auto buffered_reader<Stream>::read_line() noexcept -> buffered_read_description<Stream, record> {
    return {this, {detail::wanted::kind::line}};
}

template <class Stream>
    requires readable_stream<std::remove_reference_t<Stream>>
auto buffered_reader<Stream>::read_until(std::string_view delimiter) noexcept
    -> buffered_read_description<Stream, record> {
    return {this, {detail::wanted::kind::until, 0, delimiter}};
}

template <class Stream>
    requires readable_stream<std::remove_reference_t<Stream>>
auto buffered_reader<Stream>::read_exactly(std::size_t size) noexcept
    -> buffered_read_description<Stream, std::string_view> {
    return {this, {detail::wanted::kind::exactly, size}};
}

template <class Stream>
    requires readable_stream<std::remove_reference_t<Stream>>
auto buffered_reader<Stream>::peek(std::size_t size) noexcept -> buffered_read_description<Stream, record> {
    return {this, {detail::wanted::kind::peek, size}};
}

template <class Stream>
    requires readable_stream<std::remove_reference_t<Stream>>
auto buffered_reader<Stream>::recv(mutable_buffer into) noexcept -> buffered_recv_description<Stream> {
    return {this, into, {}};
}

template <class Stream>
    requires readable_stream<std::remove_reference_t<Stream>>
auto buffered_reader<Stream>::recv(mutable_buffers into) noexcept -> buffered_recv_description<Stream> {
    return {this, {}, into};
}

template <class Stream>
    requires readable_stream<std::remove_reference_t<Stream>>
std::pair<Stream, std::string> buffered_reader<Stream>::release() {
    if (is_in_use())
        throw_failure(error::operation_in_progress, "release");
    std::string rest(leftover());
    consume(rest.size());
    return {std::forward<Stream>(stream_), std::move(rest)};
}

}  // namespace coil::COIL_ABI
