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

namespace detail {

template <class Stream, class Value>
struct buffered_read_description;
template <class Stream>
struct buffered_recv_description;

template <class Stream>
class filling_operation;
}  // namespace detail

/// Reads lines and other delimited data from a stream. The reader reads ahead and buffers the bytes that it
/// has not returned yet. To read a known number of bytes, use `read`, which has no internal buffer.
///
///     coil::buffered_reader reader(std::move(socket), {.limit = 8192});
///     while (auto line = co_await reader.read_line())       // empty: the peer has finished sending
///         co_await coil::write(reader.stream(), answer_to(*line));
///
/// The reader owns a stream that is moved into it, and borrows a stream that is passed by name, as in
/// `buffered_reader reader(socket)`. It also owns the bytes that it has received and not returned yet, so
/// read_line(), read_exactly() and the other functions can be mixed freely. While `leftover()` of a borrowing
/// reader is not empty, no other code may receive from the stream.
///
/// Views:    a result stays valid until the next read, consume() or release(), or until the reader is
///           destroyed. Moving the reader does not invalidate the result.
/// Limit:    the buffer holds at most `limit` bytes. A read that needs more fails with error::limit_exceeded.
///           The buffer is allocated on first use, and grows as needed.
/// Cancel:   after a stop, a timeout or the stream's cancel(), a read ends with operation_aborted. Bytes
///           received so far stay in the reader after this and any other error, and the next read continues
///           with them.
/// Overlap:  one read at a time; a second one fails with error::operation_in_progress. Another task may send
///           on the stream while a read is pending.
/// Fairness: a read that finds its data in the buffer completes inline. All kinds of operations share a
///           budget of 64 inline completions per resumption of a task. An operation that exceeds this budget
///           first lets all other ready tasks run.
/// Moves:    allowed, even while a read is pending, if the stream can be moved at that time. The destructor
///           aborts a pending read. The description returned by a read function holds a pointer to the
///           reader, so do not move or destroy the reader before the await has begun.
/// Cost:     no operation on the stream if the data is in the buffer; otherwise usually one. The only
///           allocation is the buffer.
template <class Stream>
class buffered_reader : private detail::read_buffer {
public:
    using stream_type = std::remove_reference_t<Stream>;
    using record = std::optional<std::string_view>;
    static_assert(
        readable_stream<stream_type>,
        "a buffered_reader needs a stream, such as a tcp::socket: recv(buffer) must be an awaitable of coil or "
        "a task<std::size_t>; a udp::socket receives whole messages and is not a stream");

    explicit buffered_reader(Stream&& stream, const buffered_reader_options& chosen = {})
        : detail::read_buffer(chosen), stream_(std::forward<Stream>(stream)) {}

    /// Reads a line, that is, the bytes up to the next "\n". The result contains neither the "\n" nor a "\r"
    /// before it.
    /// Completes: with the line, or with an empty optional if the stream ends after a complete line.
    /// Errors:    error::eof if the stream ends within a line, limit_exceeded, and the stream's own errors.
    ///            The incomplete line stays in leftover().
    [[nodiscard("co_await it")]] detail::buffered_read_description<Stream, record> read_line() noexcept;
    /// Reads the bytes up to the next delimiter. The result does not include the delimiter. The delimiter
    /// must have at least one byte. The characters of `delimiter` must live until the await ends.
    [[nodiscard("co_await it")]] detail::buffered_read_description<Stream, record> read_until(
        std::string_view delimiter) noexcept;

    /// Reads the next `size` bytes.
    /// Errors: error::eof if the stream ends first, limit_exceeded, and the stream's own errors.
    [[nodiscard("co_await it")]] detail::buffered_read_description<Stream, std::string_view> read_exactly(
        std::size_t size) noexcept;
    /// Fills the caller's buffer, like `read`. The reader's option `limit` does not apply. While the number
    /// of missing bytes is at least the reader's option `initial`, bytes are received directly into the
    /// caller's buffer. When fewer bytes are missing, they are received into the reader's buffer and copied.
    /// Errors: transfer_error with error::eof or the stream's own code. The exception's bytes_transferred()
    ///         is the number of bytes in `into`.
    [[nodiscard("co_await it")]] auto read_exactly(mutable_buffer into) noexcept { return read(*this, into); }

    /// Waits until at least `size` bytes are buffered, without consuming them.
    /// Completes: with all of leftover(), or with an empty optional if the stream has ended and leftover()
    ///            is empty.
    /// Errors:    error::eof if the stream ends while leftover() holds some bytes, but fewer than `size`;
    ///            limit_exceeded; the stream's own errors.
    [[nodiscard("co_await it")]] detail::buffered_read_description<Stream, record> peek(
        std::size_t size) noexcept;

    /// Returns the bytes that have been received but not read yet.
    [[nodiscard]] std::string_view leftover() const noexcept { return bytes(); }
    /// Discards the first `size` bytes of leftover().
    void consume(std::size_t size) noexcept { detail::read_buffer::consume(size); }

    /// Copies buffered bytes into the caller's buffer or, if there are none, receives from the stream.
    /// Returns the number of bytes, or 0 at the end of the stream. This function makes the reader a
    /// `readable_stream`, so `read` and similar functions accept a reader.
    [[nodiscard("co_await it")]] detail::buffered_recv_description<Stream> recv(mutable_buffer into) noexcept;
    [[nodiscard("co_await it")]] detail::buffered_recv_description<Stream> recv(
        mutable_buffers into) noexcept;
    template <class... Buffers>
        requires detail::several<mutable_buffer, Buffers...>
    [[nodiscard("co_await it")]] auto recv(Buffers&&... buffers) {
        return detail::gather<mutable_buffer>(recv(mutable_buffers()), std::forward<Buffers>(buffers)...);
    }

    /// Returns the stream, so that you can send on it or close it. A direct receive from the stream does not
    /// return the bytes in leftover().
    [[nodiscard]] stream_type& stream() noexcept { return stream_; }
    /// Returns the stream's context, if the stream has one.
    [[nodiscard]] auto& context() const noexcept
        requires requires(const stream_type& stream) { stream.context(); }
    {
        return stream_.context();
    }

    /// Returns the stream and a copy of leftover(). Afterwards, the reader is in the moved-from state. Throws
    /// error::operation_in_progress while a read is pending.
    [[nodiscard]] std::pair<Stream, std::string> release();

private:
    friend class detail::filling_operation<Stream>;

    Stream stream_;
};

template <class Stream>
buffered_reader(Stream&&, const buffered_reader_options& = {}) -> buffered_reader<Stream>;

// Implementation

namespace detail {

/// Base class of all reads. A read receives from the stream until settle() returns true.
template <class Stream>
class filling_operation : public buffered_operation {
    using stream_type = std::remove_reference_t<Stream>;
    using step = step_for<decltype(std::declval<stream_type&>().recv(mutable_buffer())), filling_operation>;

public:
    [[nodiscard]] bool was_cancelled() const noexcept { return step_ && is_cancelled(*step_); }

protected:
    filling_operation(buffered_reader<Stream>& reader, environment& task) noexcept
        : buffered_operation(reader, task) {}
    ~filling_operation() override = default;

    /// Returns the memory for the next bytes, or an empty buffer if out of memory.
    virtual mutable_buffer target() noexcept = 0;
    virtual void received(std::size_t n) noexcept = 0;
    virtual void stream_ended() noexcept = 0;

    [[nodiscard]] read_buffer& bytes() const noexcept { return static_cast<read_buffer&>(buffer()); }

    [[nodiscard]] std::string describe_as(const char* name) const {
        return step_ ? describe_step(name, step_->describe()) : name;
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

    // Called when a step has ended. Returns the coroutine to resume, or null if the next step has started.
    std::coroutine_handle<> advance(std::coroutine_handle<> waiter) noexcept {
        const auto outcome = step_->await_outcome();
        const std::size_t n = outcome.bytes_transferred();
        if (n > 0)
            received(n);
        if (n > 0 && settle())
            return run();  // succeeds even if a stop was requested at the same time
        if (!outcome)
            fail(outcome.error(), outcome.exception());
        else if (n == 0)
            stream_ended();
        else if (was_cancelled())
            fail(error::operation_aborted);  // do not receive again
        else if (start_next_step(waiter))
            return nullptr;
        return run();
    }

    std::optional<step> step_;
};

/// A read that returns a view of the reader's bytes.
template <class Stream, class Value>
class [[nodiscard("co_await it")]] buffered_read_operation final : public detail::filling_operation<Stream> {
public:
    buffered_read_operation(const buffered_read_description<Stream, Value>& asked, environment& task) noexcept
        : detail::filling_operation<Stream>(*asked.reader, task), what_(asked.what) {}

    outcome<Value> await_outcome() {
        take();
        detail::rethrow_bug(this->exception());
        if (this->failure())
            return {this->failure(), 0, this->exception()};
        return value();
    }
    Value await_resume() {
        take();
        if (this->exception())
            std::rethrow_exception(this->exception());
        if (this->failure())
            throw_failure(this->failure(), describe());
        return value();
    }
    [[nodiscard]] std::string describe() const override { return this->describe_as(what_.name()); }

private:
    // Consumes the result's bytes. If the operation is destroyed before its result is taken, these bytes stay
    // in the buffer.
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

/// A recv from the reader. It returns the buffered bytes or, if the buffer is empty, the next bytes from
/// the stream.
template <class Stream>
class [[nodiscard("co_await it")]] buffered_recv_operation : public detail::filling_operation<Stream> {
public:
    buffered_recv_operation(const buffered_recv_description<Stream>& asked, environment& task) noexcept
        : detail::filling_operation<Stream>(*asked.reader, task),
          buffer_(asked.buffer),
          buffers_(asked.buffers) {}

    outcome<std::size_t> await_outcome() {
        if (detail::byte_buffer* left = this->leave(); left && !this->failure()) {
            auto& from = static_cast<detail::read_buffer&>(*left);
            moved_ += from.take(buffer_);
            for (const mutable_buffer& each: buffers_)
                moved_ += from.take(each);
        }
        detail::rethrow_bug(this->exception());
        if (this->failure())
            return {this->failure(), moved_, this->exception()};
        return moved_;
    }
    std::size_t await_resume() {
        const auto outcome = await_outcome();
        if (outcome.exception())
            std::rethrow_exception(outcome.exception());
        if (!outcome)
            throw_failure(outcome.error(), describe(), true, moved_);
        return moved_;
    }
    [[nodiscard]] std::string describe() const override { return this->describe_as("recv"); }

private:
    bool settle() noexcept override {
        return this->bytes().size() > 0 || moved_ > 0 || (buffer_.empty() && total_size(buffers_) == 0);
    }
    // Returns the caller's buffer if it is large enough to receive into directly, otherwise free space in the
    // reader's buffer.
    mutable_buffer target() noexcept override {
        mutable_buffer first = buffer_;
        for (auto rest = buffers_; first.empty() && !rest.empty(); rest = rest.subspan(1))
            first = rest.front();
        direct_size_ = first.size() >= this->bytes().initial() ? first.size() : 0;
        return direct_size_ > 0 ? first : this->bytes().make_room(0);
    }
    void received(std::size_t n) noexcept override {
        if (direct_size_ == 0)
            return this->bytes().received(n);
        detail::check_count(n, direct_size_);
        moved_ = n;
    }
    void stream_ended() noexcept override {}

    mutable_buffer buffer_;
    mutable_buffers buffers_;
    std::size_t moved_ = 0;
    std::size_t direct_size_ = 0;  // size of the caller's buffer if the step receives into it, otherwise 0
};

template <class Stream, class Value>
struct [[nodiscard("co_await it")]] buffered_read_description
    : co_await_is_missing<Value, buffered_read_description<Stream, Value>> {
    buffered_reader<Stream>* reader;
    detail::wanted what;

    buffered_read_operation<Stream, Value> operation_in(environment& task) const noexcept {
        static_assert(sizeof(buffered_read_description) <= 40);
        return {*this, task};
    }
    environment& foreign_environment() const
        requires(detail::stepwise<decltype(reader -> stream().recv(mutable_buffer()))> &&
                 requires { reader->context().foreign_environment(); })
    {
        return reader->context().foreign_environment();
    }
};

template <class Stream>
struct [[nodiscard("co_await it")]] buffered_recv_description
    : co_await_is_missing<std::size_t, buffered_recv_description<Stream>> {
    buffered_reader<Stream>* reader;
    mutable_buffer buffer;
    mutable_buffers buffers;

    buffered_recv_operation<Stream> operation_in(environment& task) const noexcept { return {*this, task}; }
    environment& foreign_environment() const
        requires(detail::stepwise<decltype(reader -> stream().recv(mutable_buffer()))> &&
                 requires { reader->context().foreign_environment(); })
    {
        return reader->context().foreign_environment();
    }
};

}  // namespace detail

template <class Stream>
auto buffered_reader<Stream>::read_line() noexcept -> detail::buffered_read_description<Stream, record> {
    return {{}, this, {detail::wanted::kind::line}};
}

template <class Stream>
auto buffered_reader<Stream>::read_until(std::string_view delimiter) noexcept
    -> detail::buffered_read_description<Stream, record> {
    return {{}, this, {detail::wanted::kind::until, 0, delimiter}};
}

template <class Stream>
auto buffered_reader<Stream>::read_exactly(std::size_t size) noexcept
    -> detail::buffered_read_description<Stream, std::string_view> {
    return {{}, this, {detail::wanted::kind::exactly, size}};
}

template <class Stream>
auto buffered_reader<Stream>::peek(std::size_t size) noexcept
    -> detail::buffered_read_description<Stream, record> {
    return {{}, this, {detail::wanted::kind::peek, size}};
}

template <class Stream>
auto buffered_reader<Stream>::recv(mutable_buffer into) noexcept
    -> detail::buffered_recv_description<Stream> {
    return {{}, this, into, {}};
}

template <class Stream>
auto buffered_reader<Stream>::recv(mutable_buffers into) noexcept
    -> detail::buffered_recv_description<Stream> {
    return {{}, this, {}, into};
}

template <class Stream>
std::pair<Stream, std::string> buffered_reader<Stream>::release() {
    if (is_in_use())
        detail::throw_failure(error::operation_in_progress, "release");
    std::string rest(leftover());
    consume(rest.size());
    return {std::forward<Stream>(stream_), std::move(rest)};
}

}  // namespace coil::COIL_ABI
