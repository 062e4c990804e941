// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#pragma once

#include <coil/version.hpp>

#include <coroutine>
#include <cstddef>

#include <coil/base/buffer.hpp>
#include <coil/base/outcome.hpp>
#include <coil/loop/operation.hpp>
#include <coil/op/message.hpp>

namespace coil::COIL_ABI::op {

/// Common part of read(2) and write(2) on a descriptor of any kind. If the descriptor is non-blocking the
/// kernel may return -EAGAIN; a poll follows then, and the transfer is submitted again. The operation keeps
/// its lane in between: no other reader or writer overtakes it.
///
///     transfer ----EAGAIN----> poll ----ready----> transfer
class descriptor_transfer : public operation {
public:
    outcome<std::size_t> await_outcome() noexcept;  // up: what the completion means
    std::size_t await_resume();

protected:
    using operation::operation;

    void prepare(io_uring_sqe& sqe) noexcept override;
    [[nodiscard]] bool next_step() noexcept override;
    /// Prepares the transfer. The other step is a poll for events().
    virtual void prepare_transfer(io_uring_sqe& sqe) noexcept = 0;
    [[nodiscard]] virtual unsigned events() const noexcept = 0;

private:
    bool polls_ = false;
};

/// One read(2) of the available bytes (IORING_OP_READ, or READV into several buffers), at the descriptor's
/// own position. For sockets use `recv`.
class [[nodiscard("co_await it")]] read_some : public descriptor_transfer {
public:
    read_some(const recv_request& what, environment& task) noexcept
        : descriptor_transfer(what, task, lane::read), buffer_(what.buffer) {}

    bool await_ready() const noexcept { return buffer_.empty(); }  // needs no system call

protected:
    void prepare_transfer(io_uring_sqe& sqe) noexcept override;
    unsigned events() const noexcept override;
    const char* name() const noexcept override { return "read"; }

private:
    mutable_buffer buffer_;
};

class [[nodiscard("co_await it")]] readv_some : public descriptor_transfer {
public:
    readv_some(const recvmsg_request& what, environment& task) noexcept
        : descriptor_transfer(what, task, lane::read), buffers_(what.buffers) {}

    bool await_ready() const noexcept { return total_size(buffers_) == 0; }

protected:
    void prepare_transfer(io_uring_sqe& sqe) noexcept override;
    unsigned events() const noexcept override;
    const char* name() const noexcept override { return "read"; }

private:
    mutable_buffers buffers_;
};

struct [[nodiscard("co_await it")]] read_some_description : recv_request {
    read_some operation_in(environment& task) const noexcept { return {*this, task}; }
};

struct [[nodiscard("co_await it")]] readv_some_description : recvmsg_request {
    readv_some operation_in(environment& task) const noexcept { return {*this, task}; }
};

static_assert(sizeof(read_some) <= 96 && sizeof(readv_some) <= 96);

}  // namespace coil::COIL_ABI::op
