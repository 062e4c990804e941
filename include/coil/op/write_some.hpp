// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#pragma once

#include <coil/version.hpp>

#include <coroutine>

#include <coil/base/buffer.hpp>
#include <coil/base/buffer_cursor.hpp>
#include <coil/op/description.hpp>
#include <coil/op/read_some.hpp>
#include <coil/op/send.hpp>

namespace coil::COIL_ABI::op {

/// Implements write(2) except for the buffers, which the derived class holds. The write never raises SIGPIPE.
/// Before Linux 6.18, only system calls for sockets have a flag that suppresses this signal. While the write
/// is in flight, the loop therefore blocks SIGPIPE during each call of io_uring_enter(2).
class [[nodiscard("co_await it")]] descriptor_write : public descriptor_transfer {
public:
    ~descriptor_write() override;
    std::coroutine_handle<> run() noexcept override;

protected:
    descriptor_write(const detail::descriptor_use& target, detail::environment& task) noexcept
        : descriptor_transfer(target, task, detail::lane::write) {}

    /// Returns the buffers to write. If there is only one buffer, no iovec is needed.
    [[nodiscard]] virtual const_buffers bytes() const noexcept = 0;

    void prepare(io_uring_sqe& sqe) noexcept override;
    void prepare_transfer(io_uring_sqe& sqe) noexcept override;
    unsigned events() const noexcept override;
    const char* name() const noexcept override { return "write"; }

private:
    void release_sigpipe() noexcept;

    bool holds_sigpipe_ = false;
};

/// One write(2) (IORING_OP_WRITE, or IORING_OP_WRITEV for several buffers) at the descriptor's current file
/// position. It may write only some of the bytes. For sockets, use `send`.
template <class Buffers>
class [[nodiscard("co_await it")]] write_some : public descriptor_write {
public:
    write_some(const send_request<Buffers>& what, detail::environment& task) noexcept
        : descriptor_write(what, task), cursor_(what.buffers) {}

    bool await_ready() const noexcept { return cursor_.is_done(); }  // an empty buffer needs no system call

protected:
    const_buffers bytes() const noexcept override { return cursor_.next_span(); }

private:
    detail::cursor_of<Buffers> cursor_;
};

template <class Buffers>
using write_some_description = description_of<write_some<Buffers>, send_request<Buffers>>;

static_assert(sizeof(write_some<const_buffer>) <= 96);

}  // namespace coil::COIL_ABI::op
