// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#pragma once

#include <coil/version.hpp>

#include <cstddef>
#include <cstdint>
#include <sys/socket.h>

#include <coil/base/buffer.hpp>
#include <coil/base/outcome.hpp>
#include <coil/loop/operation.hpp>

namespace coil::COIL_ABI::op {

/// The buffer to receive into.
struct recv_request : descriptor_use {
    mutable_buffer buffer;
};

class recv_queue;

/// An operation that receives from a stream: first what a `recv_stream` has received ahead, otherwise what
/// arrives next. Out-of-band data and the socket's error queue are not part of the stream: an operation on
/// them is not its reader.
class [[nodiscard("co_await it")]] queue_reader : public operation {
protected:
    using operation::operation;

    [[nodiscard]] static coil::lane lane_of(int flags) noexcept {
        return flags & (MSG_OOB | MSG_ERRQUEUE) ? lane::any : lane::read;
    }

    enum class delivery : std::uint8_t {
        own_buffer,  ///< into a buffer of its own: the operation itself is submitted
        chunk,       ///< one chunk of the pool
        chunks,      ///< a chunk of the pool, and later more (multishot)
    };
    [[nodiscard]] virtual delivery wanted() const noexcept { return delivery::own_buffer; }
    /// Takes unread bytes from the queue, which is not empty. Returns how many.
    virtual std::int32_t take_from(recv_queue& queue) noexcept = 0;

    /// For await_ready: completes inline if the queue has data.
    [[nodiscard]] bool serve_inline(recv_queue& queue) noexcept;
    [[nodiscard]] bool serve_inline() noexcept {
        return lane() == lane::read && source() && serve_inline_from_source();
    }
    /// For await_suspend, with a buffer of its own: waits for the queue if that has data or is receiving, and
    /// otherwise submits the operation.
    void receive(std::coroutine_handle<> caller, int flags);
    /// The last part of receive(), for an operation that holds the reader's place.
    void request(int flags) noexcept;
    /// Begins the next step if a step with this result was not the last one. Returns whether it did.
    [[nodiscard]] virtual bool try_continue(std::int32_t) noexcept { return false; }
    /// The flags for the kernel. MSG_WAITALL is handled here; reading the error queue never waits, as with
    /// recv(2).
    [[nodiscard]] static int kernel_flags(int flags) noexcept {
        return (flags & ~MSG_WAITALL) | (flags & MSG_ERRQUEUE ? MSG_DONTWAIT : 0);
    }

private:
    friend class recv_queue;

    [[nodiscard]] bool serve_inline_from_source() noexcept;
    [[nodiscard]] std::int32_t result_from(recv_queue& queue) noexcept;
};

/// A recv into the caller's buffers. With MSG_WAITALL it is repeated here until they are full. The kernel's
/// own repetition in a ring may lose a cancel, occupies a kernel worker for a slow peer, and hides the error
/// that ended it.
class [[nodiscard("co_await it")]] stream_reader : public queue_reader {
protected:
    stream_reader(const descriptor_use& from, environment& task) noexcept
        : queue_reader(from, task, lane_of(from.flags)), flags_(from.flags) {
        takes_steps(is_whole());
    }

    bool next_step() noexcept override {
        return answer().result > 0 ? try_continue(answer().result) : operation::next_step();
    }
    bool try_continue(std::int32_t result) noexcept override;

    [[nodiscard]] int flags() const noexcept { return flags_; }
    /// For await_ready. Never completes inline with MSG_WAITALL, which may take several steps.
    [[nodiscard]] bool serve_inline() noexcept { return !is_whole() && queue_reader::serve_inline(); }
    void receive(std::coroutine_handle<> caller) { queue_reader::receive(caller, flags_); }
    /// Drops bytes from the front of the buffers. Returns whether there is room left.
    [[nodiscard]] virtual bool skip(std::size_t n) noexcept = 0;
    [[nodiscard]] outcome<std::size_t> bytes_received() noexcept;

private:
    [[nodiscard]] bool is_whole() const noexcept {
        constexpr int others = MSG_DONTWAIT | MSG_OOB | MSG_ERRQUEUE;
        return (flags_ & MSG_WAITALL) && !(flags_ & others);
    }
    int flags_;
    std::size_t moved_ = 0;  // by earlier steps
};

/// One recv(2) on a stream (IORING_OP_RECV).
/// For datagrams use `recv_datagram` or `recvfrom`, for several buffers `recvmsg`.
class [[nodiscard("co_await it")]] recv : public stream_reader {
public:
    recv(const recv_request& what, environment& task) noexcept
        : stream_reader(what, task), buffer_(what.buffer) {}

    // An empty buffer needs no system call.
    bool await_ready() noexcept { return buffer_.empty() || serve_inline(); }
    void await_suspend(std::coroutine_handle<> caller) { receive(caller); }
    outcome<std::size_t> await_outcome() noexcept;  // up: what the completion means
    std::size_t await_resume();

protected:
    void prepare(io_uring_sqe& sqe) noexcept override;  // down: what we submit
    std::int32_t take_from(recv_queue& queue) noexcept override;
    bool skip(std::size_t n) noexcept override;
    const char* name() const noexcept override { return "recv"; }

private:
    mutable_buffer buffer_;
};

struct [[nodiscard("co_await it")]] recv_description : recv_request {
    recv operation_in(environment& task) const noexcept { return {*this, task}; }
};

static_assert(sizeof(recv) <= 96 && sizeof(recv_description) <= 40);

class recvfrom_queue;

/// An operation that receives a datagram: one that a `recvfrom_stream` has received ahead, otherwise the next
/// one to arrive. Several may wait, in FIFO order.
class [[nodiscard("co_await it")]] datagram_reader : public operation {
public:
    bool await_ready() noexcept { return lane() == lane::queue && source() && serve_inline(); }
    void await_suspend(std::coroutine_handle<> caller) { receive(caller); }

protected:
    datagram_reader(const descriptor_use& from, environment& task) noexcept
        : operation(from, task, lane_of(from.flags)), flags_(from.flags) {}

    /// An operation on the error queue does not wait in the readers' FIFO.
    [[nodiscard]] static coil::lane lane_of(int flags) noexcept {
        return flags & MSG_ERRQUEUE ? lane::any : lane::queue;
    }
    [[nodiscard]] int flags() const noexcept { return flags_; }
    /// The flags for the kernel. MSG_TRUNC makes it return the size of the whole datagram; on a stream it
    /// would discard data. MSG_WAITALL has no meaning for datagrams, but in a ring the kernel would fill the
    /// buffer with several packets.
    [[nodiscard]] int kernel_flags() const noexcept {
        return (flags_ & ~MSG_WAITALL) | MSG_TRUNC | (flags_ & MSG_ERRQUEUE ? MSG_DONTWAIT : 0);
    }

    /// Whether the operation itself can be submitted, instead of waiting for the queue.
    [[nodiscard]] virtual bool has_own_buffer() const noexcept { return true; }
    /// Takes the first unread datagram; the queue must not be empty. Returns the datagram's size.
    virtual std::int32_t take_from(recvfrom_queue& queue) noexcept = 0;
    void receive(std::coroutine_handle<> caller);

private:
    friend class recvfrom_queue;

    [[nodiscard]] bool serve_inline() noexcept;
    [[nodiscard]] bool would_wait(const recvfrom_queue* queue) const noexcept;

    int flags_;
};

/// A datagram that a connected socket has received.
struct received {
    std::size_t size = 0;    ///< bytes in the buffer
    bool truncated = false;  ///< the datagram was larger than the buffer, and the rest is lost
};

/// One recv(2) of a datagram. An empty buffer takes a datagram too. Several may wait, in FIFO order.
class [[nodiscard("co_await it")]] recv_datagram : public datagram_reader {
public:
    recv_datagram(const recv_request& what, environment& task) noexcept
        : datagram_reader(what, task), buffer_(what.buffer) {}

    outcome<received> await_outcome() noexcept;
    received await_resume();

protected:
    void prepare(io_uring_sqe& sqe) noexcept override;
    std::int32_t take_from(recvfrom_queue& queue) noexcept override;
    const char* name() const noexcept override { return "recv"; }

private:
    bool cut_before_ = false;  // the datagram was received ahead, and truncated then
    mutable_buffer buffer_;
};

struct [[nodiscard("co_await it")]] recv_datagram_description : recv_request {
    recv_datagram operation_in(environment& task) const noexcept { return {*this, task}; }
};

static_assert(sizeof(recv_datagram) <= 96 && sizeof(recv_datagram_description) <= 40);

}  // namespace coil::COIL_ABI::op
