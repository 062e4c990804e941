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

/// What to receive into.
struct recv_request : descriptor_use {
    mutable_buffer buffer;
};

class recv_queue;

/// An operation that receives from a stream: it takes what was received ahead, if a `recv_stream` has, or else what comes.
/// Out-of-band data and the socket's error queue are beside the stream: an operation on these is no reader of it.
class [[nodiscard("co_await it")]] queue_reader : public operation {
protected:
    using operation::operation;

    [[nodiscard]] static coil::lane lane_of(int flags) noexcept {
        return flags & (MSG_OOB | MSG_ERRQUEUE) ? lane::any : lane::read;
    }

    enum class wish : std::uint8_t {
        own_buffer,  ///< it asks the kernel itself
        chunk,       ///< of the pool
        chunks,      ///< and then another
    };
    [[nodiscard]] virtual wish wanted() const noexcept { return wish::own_buffer; }
    /// Takes of the unread bytes what it wants, of which there are some. Returns how many.
    virtual std::int32_t take_from(recv_queue& queue) noexcept = 0;

    /// For await_ready: is served, if there is something for it already.
    [[nodiscard]] bool serve_at_once(recv_queue& queue) noexcept;
    [[nodiscard]] bool serve_at_once() noexcept {
        return lane() == lane::read && source() && serve_at_once_from_source();
    }
    /// For await_suspend, of one that has a buffer of its own: waits for the queue, if that is at work, or asks the kernel.
    void receive(std::coroutine_handle<> caller, int flags);
    /// The last part of it, for one that has the reader's place.
    void request(int flags) noexcept;
    /// Whether a step that brought this many bytes is not the last one; then the next has begun.
    [[nodiscard]] virtual bool goes_on(std::int32_t) noexcept { return false; }
    /// The flags for the kernel: MSG_WAITALL is ours, and reading the error queue never waits, as with recv(2).
    [[nodiscard]] static int kernel_flags(int flags) noexcept {
        return (flags & ~MSG_WAITALL) | (flags & MSG_ERRQUEUE ? MSG_DONTWAIT : 0);
    }

private:
    friend class recv_queue;

    [[nodiscard]] bool serve_at_once_from_source() noexcept;
    [[nodiscard]] std::int32_t answer_from(recv_queue& queue) noexcept;
};

/// A recv into buffers of the caller's. With MSG_WAITALL it is repeated until they are full: the kernel's own way of doing
/// that in a ring may lose a cancel, keeps one of its threads for a slow peer, and hides the error that ended it.
class [[nodiscard("co_await it")]] stream_reader : public queue_reader {
protected:
    stream_reader(const descriptor_use& from, environment& task) noexcept
        : queue_reader(from, task, lane_of(from.flags)), flags_(from.flags) {
        takes_steps(is_whole());
    }

    bool next_step() noexcept override {
        return answer().result > 0 ? goes_on(answer().result) : operation::next_step();
    }
    bool goes_on(std::int32_t result) noexcept override;

    [[nodiscard]] int flags() const noexcept { return flags_; }
    /// For await_ready. One that has to be repeated takes the long way.
    [[nodiscard]] bool serve_at_once() noexcept { return !is_whole() && queue_reader::serve_at_once(); }
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

/// One recv(2) on a stream, carried out by the kernel (IORING_OP_RECV).
/// For datagrams use `recv_datagram` or `recvfrom`, for several buffers `recvmsg`.
class [[nodiscard("co_await it")]] recv : public stream_reader {
public:
    recv(const recv_request& what, environment& task) noexcept
        : stream_reader(what, task), buffer_(what.buffer) {}

    bool await_ready() noexcept { return buffer_.empty() || serve_at_once(); }  // nothing to ask
    void await_suspend(std::coroutine_handle<> caller) { receive(caller); }
    outcome<std::size_t> await_outcome() noexcept;  // up: what its answer means
    std::size_t await_resume();

protected:
    void prepare(io_uring_sqe& sqe) noexcept override;  // down: what we ask of the kernel
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

/// An operation that receives a datagram: it takes one that was received ahead, if a `recvfrom_stream` has, or else the one
/// that comes. Several may wait: they are served in order.
class [[nodiscard("co_await it")]] datagram_reader : public operation {
public:
    bool await_ready() noexcept { return lane() == lane::queue && source() && serve_at_once(); }
    void await_suspend(std::coroutine_handle<> caller) { receive(caller); }

protected:
    datagram_reader(const descriptor_use& from, environment& task) noexcept
        : operation(from, task, lane_of(from.flags)), flags_(from.flags) {}

    /// The error queue is beside the line of the readers.
    [[nodiscard]] static coil::lane lane_of(int flags) noexcept {
        return flags & MSG_ERRQUEUE ? lane::any : lane::queue;
    }
    [[nodiscard]] int flags() const noexcept { return flags_; }
    /// The flags for the kernel. MSG_TRUNC has it say how large the datagram was; on a stream that would throw data away.
    /// MSG_WAITALL means nothing for datagrams, but in a ring the kernel fills the buffer with several packets.
    [[nodiscard]] int kernel_flags() const noexcept {
        return (flags_ & ~MSG_WAITALL) | MSG_TRUNC | (flags_ & MSG_ERRQUEUE ? MSG_DONTWAIT : 0);
    }

    /// Whether it asks the kernel itself, or has the queue do it.
    [[nodiscard]] virtual bool has_own_buffer() const noexcept { return true; }
    /// Takes the first of the unread datagrams, of which there are some. Returns its size.
    virtual std::int32_t take_from(recvfrom_queue& queue) noexcept = 0;
    void receive(std::coroutine_handle<> caller);

private:
    friend class recvfrom_queue;

    [[nodiscard]] bool serve_at_once() noexcept;
    [[nodiscard]] bool would_wait(const recvfrom_queue* queue) const noexcept;

    int flags_;
};

/// What a connected datagram socket received.
struct received {
    std::size_t size = 0;    ///< bytes in the buffer
    bool truncated = false;  ///< the datagram was larger than the buffer, and the rest is lost
};

/// One recv(2) of a datagram. An empty buffer takes one, too. Several may wait: they are served in order.
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
    bool cut_before_ = false;  // one that was received ahead, and cut then
    mutable_buffer buffer_;
};

struct [[nodiscard("co_await it")]] recv_datagram_description : recv_request {
    recv_datagram operation_in(environment& task) const noexcept { return {*this, task}; }
};

static_assert(sizeof(recv_datagram) <= 96 && sizeof(recv_datagram_description) <= 40);

}  // namespace coil::COIL_ABI::op
