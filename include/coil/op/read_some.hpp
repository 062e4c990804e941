// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#pragma once

#include <coil/version.hpp>

#include <cstddef>

#include <coil/base/buffer.hpp>
#include <coil/base/buffer_cursor.hpp>
#include <coil/base/outcome.hpp>
#include <coil/op/description.hpp>
#include <coil/op/reader.hpp>

namespace coil::COIL_ABI::op {

/// Base class for read(2) and write(2) on any kind of descriptor. If the descriptor is non-blocking, the
/// kernel may return -EAGAIN. The operation then polls the descriptor and submits the transfer again. The
/// operation keeps its lane between these steps, so no other reader or writer overtakes it.
///
///     transfer ----EAGAIN----> poll ----ready----> transfer
class [[nodiscard("co_await it")]] descriptor_transfer : public detail::operation {
public:
    outcome<std::size_t> await_outcome() noexcept;  // interprets the completion
    std::size_t await_resume();

protected:
    using detail::operation::operation;

    void prepare(io_uring_sqe& sqe) noexcept override;
    [[nodiscard]] bool next_step() noexcept override;
    /// Prepares the transfer step.
    virtual void prepare_transfer(io_uring_sqe& sqe) noexcept = 0;
    /// Returns the events that the poll step waits for.
    [[nodiscard]] virtual unsigned events() const noexcept = 0;

private:
    bool polls_ = false;
};

/// Implements read(2) except for the buffers, which the derived class holds.
class [[nodiscard("co_await it")]] descriptor_read : public descriptor_transfer {
protected:
    descriptor_read(const detail::descriptor_use& target, detail::environment& task) noexcept
        : descriptor_transfer(target, task, detail::lane::read) {}

    /// Returns the buffers to read into. If there is only one buffer, no iovec is needed.
    [[nodiscard]] virtual mutable_buffers space() const noexcept = 0;

    void prepare_transfer(io_uring_sqe& sqe) noexcept override;
    unsigned events() const noexcept override;
    const char* name() const noexcept override { return "read"; }
};

/// One read(2) that returns the available bytes (IORING_OP_READ, or IORING_OP_READV for several buffers). The
/// read starts at the descriptor's current file position. For sockets, use `recv`.
template <class Buffers>
class [[nodiscard("co_await it")]] read_some : public descriptor_read {
public:
    read_some(const recv_request<Buffers>& what, detail::environment& task) noexcept
        : descriptor_read(what, task), cursor_(what.buffers) {}

    bool await_ready() const noexcept { return cursor_.is_done(); }  // an empty buffer needs no system call

protected:
    mutable_buffers space() const noexcept override { return cursor_.next_span(); }

private:
    detail::cursor_of<Buffers> cursor_;
};

template <class Buffers>
using read_some_description = description_of<read_some<Buffers>, recv_request<Buffers>>;

static_assert(sizeof(read_some<mutable_buffer>) <= 96);

}  // namespace coil::COIL_ABI::op
