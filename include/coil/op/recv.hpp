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
/// Out-of-band data is beside the stream: who asks for that is no reader of it.
class [[nodiscard("co_await it")]] queue_reader : public operation {
protected:
    using operation::operation;

    [[nodiscard]] static coil::lane lane_of(int flags) noexcept {
        return flags & MSG_OOB ? lane::any : lane::read;
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
    void receive(std::coroutine_handle<> caller);

private:
    friend class recv_queue;

    [[nodiscard]] bool serve_at_once_from_source() noexcept;
    [[nodiscard]] std::int32_t answer_from(recv_queue& queue) noexcept;
};

/// One recv(2) on a stream, carried out by the kernel (IORING_OP_RECV).
/// For datagrams use `recv_datagram` or `recvfrom`, for several buffers `recvmsg`.
class [[nodiscard("co_await it")]] recv : public queue_reader {
public:
    recv(const recv_request& what, environment& task) noexcept
        : queue_reader(what, task, lane_of(what.flags)), flags_(what.flags), buffer_(what.buffer) {}

    bool await_ready() noexcept { return buffer_.empty() || serve_at_once(); }  // nothing to ask
    void await_suspend(std::coroutine_handle<> caller) { receive(caller); }
    outcome<std::size_t> await_outcome() noexcept;  // up: what its answer means
    std::size_t await_resume();

protected:
    void prepare(io_uring_sqe& sqe) noexcept override;  // down: what we ask of the kernel
    std::int32_t take_from(recv_queue& queue) noexcept override;
    const char* name() const noexcept override { return "recv"; }

private:
    int flags_;
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
    bool await_ready() noexcept { return source() && serve_at_once(); }
    void await_suspend(std::coroutine_handle<> caller) { receive(caller); }

protected:
    datagram_reader(const descriptor_use& from, environment& task) noexcept
        : operation(from, task, lane::queue) {}

    /// Whether it asks the kernel itself, or has the queue do it.
    [[nodiscard]] virtual bool has_own_buffer() const noexcept { return true; }
    /// Takes the first of the unread datagrams, of which there are some. Returns its size.
    virtual std::int32_t take_from(recvfrom_queue& queue) noexcept = 0;
    void receive(std::coroutine_handle<> caller);

private:
    friend class recvfrom_queue;

    [[nodiscard]] bool serve_at_once() noexcept;
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
        : datagram_reader(what, task), flags_(what.flags), buffer_(what.buffer) {}

    outcome<received> await_outcome() noexcept;
    received await_resume();

protected:
    void prepare(io_uring_sqe& sqe) noexcept override;
    std::int32_t take_from(recvfrom_queue& queue) noexcept override;
    const char* name() const noexcept override { return "recv"; }

private:
    int flags_;
    bool cut_before_ = false;  // one that was received ahead, and cut then
    mutable_buffer buffer_;
};

struct [[nodiscard("co_await it")]] recv_datagram_description : recv_request {
    recv_datagram operation_in(environment& task) const noexcept { return {*this, task}; }
};

static_assert(sizeof(recv_datagram) <= 96 && sizeof(recv_datagram_description) <= 40);

}  // namespace coil::COIL_ABI::op
