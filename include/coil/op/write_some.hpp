// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#pragma once

#include <coil/version.hpp>

#include <coroutine>
#include <cstddef>

#include <coil/base/buffer.hpp>
#include <coil/op/message.hpp>
#include <coil/op/read_some.hpp>

namespace coil::COIL_ABI::op {

/// A write that never raises SIGPIPE. Before 6.18 only sockets have a flag for that: while the kernel has the
/// write, the loop blocks the signal around each enter.
class descriptor_write : public descriptor_transfer {
public:
    ~descriptor_write();
    std::coroutine_handle<> run() noexcept override;

protected:
    descriptor_write(const descriptor_use& target, environment& task) noexcept
        : descriptor_transfer(target, task, lane::write) {}

    void prepare(io_uring_sqe& sqe) noexcept override;
    unsigned events() const noexcept override;
    const char* name() const noexcept override { return "write"; }

private:
    void release_sigpipe() noexcept;

    bool holds_sigpipe_ = false;
};

/// One write(2) (IORING_OP_WRITE, or WRITEV of several buffers), at the descriptor's own position. It may be
/// short. For sockets use `send`.
class [[nodiscard("co_await it")]] write_some : public descriptor_write {
public:
    write_some(const send_request& what, environment& task) noexcept
        : descriptor_write(what, task), buffer_(what.buffer) {}

    bool await_ready() const noexcept { return buffer_.empty(); }  // needs no system call

protected:
    void prepare_transfer(io_uring_sqe& sqe) noexcept override;

private:
    const_buffer buffer_;
};

class [[nodiscard("co_await it")]] writev_some : public descriptor_write {
public:
    writev_some(const sendmsg_request& what, environment& task) noexcept
        : descriptor_write(what, task), buffers_(what.buffers) {}

    bool await_ready() const noexcept { return total_size(buffers_) == 0; }

protected:
    void prepare_transfer(io_uring_sqe& sqe) noexcept override;

private:
    const_buffers buffers_;
};

struct [[nodiscard("co_await it")]] write_some_description : send_request {
    write_some operation_in(environment& task) const noexcept { return {*this, task}; }
};

struct [[nodiscard("co_await it")]] writev_some_description : sendmsg_request {
    writev_some operation_in(environment& task) const noexcept { return {*this, task}; }
};

static_assert(sizeof(write_some) <= 96 && sizeof(writev_some) <= 96);

}  // namespace coil::COIL_ABI::op
