// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#pragma once

#include <coil/version.hpp>

#include <cstddef>
#include <cstdint>
#include <sys/socket.h>

#include <coil/base/buffer.hpp>
#include <coil/base/buffer_cursor.hpp>
#include <coil/base/outcome.hpp>
#include <coil/op/description.hpp>
#include <coil/op/msghdr_space.hpp>
#include <coil/op/reader.hpp>

namespace coil::COIL_ABI::op {

/// Implements a recv except for the buffers, which the derived class holds. With MSG_WAITALL, coil repeats
/// the recv until the buffers are full. coil does not leave the repetition to the kernel, which may lose a
/// cancel, occupies a kernel worker thread while the peer is slow, and hides the error that ends the receive.
class [[nodiscard("co_await it")]] recv_into : public buffer_reader {
public:
    bool try_continue(std::int32_t result) noexcept override;

    outcome<std::size_t> await_outcome() noexcept;  // interprets the completion
    std::size_t await_resume();

protected:
    recv_into(const detail::descriptor_use& from, detail::environment& task) noexcept
        : buffer_reader(from, task, stream_lane(from.flags)) {
        takes_steps(is_whole());
    }

    /// Removes the first `n` bytes, which a step has filled, from the free space. Returns true if space
    /// remains.
    [[nodiscard]] virtual bool skip(std::size_t n) noexcept = 0;

    void prepare_recv(io_uring_sqe& sqe, mutable_buffer space) noexcept;
    void prepare_recvmsg(io_uring_sqe& sqe, msghdr& message, mutable_buffers space) noexcept;
    [[nodiscard]] std::int32_t take_into(mutable_buffers space, detail::descriptor_source& source) noexcept;
    const char* name() const noexcept override { return "recv"; }
    bool next_step() noexcept override;
    [[nodiscard]] bool is_whole() const noexcept {
        constexpr int others = MSG_DONTWAIT | MSG_OOB | MSG_ERRQUEUE;
        return (flags() & MSG_WAITALL) && !(flags() & others);
    }

private:
    std::size_t moved_ = 0;  // bytes received by earlier steps
};

/// One receive on a stream: recv(2) (IORING_OP_RECV) for a single buffer, or recvmsg(2) (IORING_OP_RECVMSG)
/// for several buffers. For datagrams, use `recv_datagram`.
template <class Buffers>
class [[nodiscard("co_await it")]] recv : public recv_into {
public:
    recv(const recv_request<Buffers>& what, detail::environment& task) noexcept
        : recv_into(what, task), cursor_(what.buffers) {}

    /// Returns true if the buffer is empty, or if unread bytes have completed the recv inline. With
    /// MSG_WAITALL, a recv into a non-empty buffer always suspends, because it may need several steps.
    bool await_ready() noexcept { return cursor_.is_done() || (!is_whole() && serve_inline()); }

    std::int32_t take_from(detail::descriptor_source& source) noexcept override {
        return take_into(cursor_.next_span(), source);
    }

protected:
    void prepare(io_uring_sqe& sqe) noexcept override {  // fills in the SQE
        if constexpr (detail::is_many<Buffers>)
            prepare_recvmsg(sqe, *message_.address(), cursor_.next());
        else
            prepare_recv(sqe, cursor_.next());
    }
    bool skip(std::size_t n) noexcept override {
        cursor_.advance(n);
        return !cursor_.is_done();
    }

private:
    detail::cursor_of<Buffers> cursor_;
    [[no_unique_address]] msghdr_space<detail::is_many<Buffers>> message_;
};

template <class Buffers>
using recv_description = description_of<recv<Buffers>, recv_request<Buffers>>;

static_assert(sizeof(recv<mutable_buffer>) <= 96 && sizeof(recv_description<mutable_buffers>) <= 40);

}  // namespace coil::COIL_ABI::op
