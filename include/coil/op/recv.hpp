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

/// A recv into the caller's buffers: everything except the buffers themselves. With MSG_WAITALL the recv is
/// repeated until the buffers are full. The kernel's own repetition may lose a cancel, occupies one of its
/// worker threads while the peer is slow, and hides the error that ends it.
class [[nodiscard("co_await it")]] recv_into : public buffer_reader {
public:
    std::int32_t take_from(descriptor_source& source) noexcept override;
    bool try_continue(std::int32_t result) noexcept override;

    outcome<std::size_t> await_outcome() noexcept;  // up: what the completion means
    std::size_t await_resume();

protected:
    recv_into(const descriptor_use& from, environment& task) noexcept
        : buffer_reader(from, task, stream_lane(from.flags)) {
        takes_steps(is_whole());
    }

    /// The space that is left, as an array, and the removal of what is filled. Returns whether space is left.
    [[nodiscard]] virtual mutable_buffers next() const noexcept = 0;
    [[nodiscard]] virtual bool skip(std::size_t n) noexcept = 0;
    /// Space for a msghdr; null if RECV suffices, for a single buffer.
    [[nodiscard]] virtual msghdr* message() noexcept = 0;

    void prepare(io_uring_sqe& sqe) noexcept override;  // down: what we submit
    const char* name() const noexcept override { return "recv"; }
    bool next_step() noexcept override;
    [[nodiscard]] bool is_whole() const noexcept {
        constexpr int others = MSG_DONTWAIT | MSG_OOB | MSG_ERRQUEUE;
        return (flags() & MSG_WAITALL) && !(flags() & others);
    }

private:
    std::size_t moved_ = 0;  // by earlier steps
};

/// One recv(2) (IORING_OP_RECV), or recvmsg(2) into several buffers (IORING_OP_RECVMSG), on a stream. For
/// datagrams use `recv_datagram`.
template <class Buffers>
class [[nodiscard("co_await it")]] recv final : public recv_into {
public:
    recv(const recv_request<Buffers>& what, environment& task) noexcept
        : recv_into(what, task), cursor_(what.buffers) {}

    /// An empty buffer needs no system call. A recv with MSG_WAITALL may have to be repeated, so it suspends.
    bool await_ready() noexcept { return cursor_.is_done() || (!is_whole() && serve_inline()); }

protected:
    mutable_buffers next() const noexcept override { return cursor_.next_span(); }
    bool skip(std::size_t n) noexcept override {
        cursor_.advance(n);
        return !cursor_.is_done();
    }
    msghdr* message() noexcept override { return message_.address(); }

private:
    detail::cursor_of<Buffers> cursor_;
    [[no_unique_address]] msghdr_space<detail::is_many<Buffers>> message_;
};

template <class Buffers>
using recv_description = description_of<recv<Buffers>, recv_request<Buffers>>;

static_assert(sizeof(recv<mutable_buffer>) <= 96 && sizeof(recv_description<mutable_buffers>) <= 40);

}  // namespace coil::COIL_ABI::op
