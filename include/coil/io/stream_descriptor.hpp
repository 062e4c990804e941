// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#pragma once

#include <coil/version.hpp>

#include <cstddef>
#include <utility>

#include <coil/base/buffer.hpp>
#include <coil/base/wait_type.hpp>
#include <coil/coro/completed.hpp>
#include <coil/coro/gather.hpp>
#include <coil/loop/descriptor.hpp>
#include <coil/op/read_some.hpp>
#include <coil/op/wait.hpp>
#include <coil/op/write_some.hpp>

namespace coil::COIL_ABI::posix {

/// Wraps a descriptor opened outside coil, such as a pipe, a terminal, an eventfd, an inotify instance or a C
/// library's socket. Modelled on Asio's posix::stream_descriptor. The class satisfies `coil::stream`, so
/// `read`, `write` and `buffered_reader` accept it. For sockets that the program opens itself, use a socket
/// class such as `tcp::socket`.
///
///     posix::stream_descriptor events(context, ::eventfd(0, EFD_CLOEXEC));
///     std::uint64_t count;
///     co_await coil::read(events, mutable_buffer(&count, sizeof count));
///
/// Use borrow() for a descriptor that another owner will close. When the borrowing object is destroyed or
/// closed, its operations end, but the descriptor stays open. Destroy or close the borrowing object before
/// the owner closes the descriptor.
///
///     auto input = posix::stream_descriptor::borrow(context, STDIN_FILENO);
///     co_await input.wait(input.wait_read);
///
/// One task may read while another writes. A second reader or a second writer fails with
/// error::operation_in_progress. Waits may overlap with all other operations.
///
/// O_NONBLOCK has no effect on the operations, which wait without blocking the thread whether the flag is set
/// or not. A terminal without the flag is opened a second time with the flag, by way of /proc/self/fd. If
/// that fails, a write to a full terminal blocks the thread. The controlling end of a pseudoterminal gets the
/// flag. A regular file is always ready, so operations on it never wait. They start at the file's current
/// position.
///
/// The rules for threads, moves and lifetime are the same as for sockets; see `basic_socket`.
class stream_descriptor : public wait_base {
public:
    /// Creates an object without a context, as a target for move assignment.
    stream_descriptor() noexcept = default;
    explicit stream_descriptor(io_context& context) noexcept : handle_(context) {}
    /// Takes ownership of an open descriptor.
    stream_descriptor(io_context& context, int descriptor) : handle_(context) { assign(descriptor); }
    /// Uses a descriptor without owning it. The owner closes the descriptor.
    [[nodiscard]] static stream_descriptor borrow(io_context& context, int descriptor);

    /// Returns the context. Do not call this on a default-constructed object.
    [[nodiscard]] io_context& context() const noexcept { return handle_.context(); }
    [[nodiscard]] bool is_open() const noexcept { return handle_.is_open(); }
    /// Returns the descriptor, or -1 if this object is closed. For a borrowed terminal, this is the
    /// descriptor that this object has opened.
    [[nodiscard]] int native_handle() const noexcept { return handle_.number(); }

    /// Takes ownership of an open descriptor. Throws error::already_open if this object is already open, and
    /// bad_descriptor if the number is negative.
    void assign(int descriptor);
    /// Ends all operations with operation_aborted and returns the open descriptor, native_handle(), which now
    /// belongs to the caller.
    [[nodiscard]] int release() noexcept { return handle_.release(); }
    /// Requests that all pending operations end with operation_aborted. Operations that have already
    /// completed keep their results.
    void cancel() noexcept { handle_.cancel(); }
    /// Ends all operations with operation_aborted and closes the descriptor immediately, unless it is
    /// borrowed. The result may be awaited or ignored.
    detail::completed close() noexcept {
        handle_.close();
        return detail::completed("close");
    }

    /// Waits until the descriptor is ready for at least one of `kinds`, and returns the kinds that are ready.
    /// If a C library does its own reads and writes, this is the only function that you need.
    /// Errors:  bad_descriptor; invalid_argument if only wait_error is requested for a regular file ...
    /// Cancel:  operation_aborted.
    /// Overlap: any number of waits.
    /// Cost:    one SQE, no allocation.
    [[nodiscard("co_await it")]] op::wait_description wait(wait_type kinds) {
        return {handle_.use(static_cast<int>(kinds))};
    }

    /// read(2): waits until bytes are available and reads them.
    /// Completes: with 1 to buffer.size() bytes, or with 0 if no writer is left or the end of the file has
    ///            been reached. If the buffer is empty, completes inline with 0.
    /// Errors:    transfer_error: bad_descriptor, invalid_argument (a buffer too small for an eventfd or
    ///            inotify) ...
    /// Cancel:    operation_aborted. If bytes were read before the cancel, the read completes with these
    ///            bytes, so no byte is lost.
    /// Buffer:    owned by the caller; must live until the await ends, even if the read is cancelled.
    /// Cost:      one SQE, no allocation. On io_uring, reading from a regular file may occupy a kernel worker
    ///            thread; on epoll, it blocks the loop until the disk has answered.
    [[nodiscard("co_await it")]] op::read_some_description<mutable_buffer> recv(mutable_buffer buffer) {
        return {{handle_.use(), buffer}};
    }
    /// readv(2): scatters the bytes over several buffers, in order. The array of buffers, like the buffers
    /// themselves, must live until the await ends.
    [[nodiscard("co_await it")]] op::read_some_description<mutable_buffers> recv(mutable_buffers buffers) {
        return {{handle_.use(), buffers}};
    }
    template <class... Buffers>
        requires detail::several<mutable_buffer, Buffers...>
    [[nodiscard("co_await it")]] auto recv(Buffers&&... buffers) {
        return detail::gather<mutable_buffer>(recv(mutable_buffers()), std::forward<Buffers>(buffers)...);
    }
    /// At compile time, rejects a call that passes bytes and a size as two arguments, as in read(2). The
    /// error message shows what to write.
    template <class... Arguments>
        requires detail::c_call<Arguments...>
    op::read_some_description<mutable_buffer> recv(const Arguments&...) {
        detail::refuse_c_call<Arguments...>();
        return recv(mutable_buffer());
    }

    /// write(2): waits until the kernel can accept bytes, and writes as many bytes as the kernel accepts, so
    /// the write may be partial. To write a whole buffer, use `coil::write`.
    /// Completes: with 1 to buffer.size() bytes. If the buffer is empty, completes inline with 0.
    /// Errors:    transfer_error: broken_pipe (SIGPIPE is never raised), bad_descriptor ...
    /// Cancel:    operation_aborted. If bytes were written before the cancel, the write completes with their
    ///            number.
    /// Buffer:    owned by the caller; must live until the await ends, even if the write is cancelled.
    /// Cost:      one SQE, no allocation. While a write is in flight, the loop makes three more system calls
    ///            each time it enters the kernel, to suppress SIGPIPE in this thread. A SIGPIPE that another
    ///            process sends, or that is already blocked and pending, is not lost.
    [[nodiscard("co_await it")]] op::write_some_description<const_buffer> send(const_buffer buffer) {
        return {{handle_.use(), buffer}};
    }
    /// writev(2): gathers the bytes from several buffers, in order. The array of buffers, like the buffers
    /// themselves, must live until the await ends.
    [[nodiscard("co_await it")]] op::write_some_description<const_buffers> send(const_buffers buffers) {
        return {{handle_.use(), buffers}};
    }
    template <class... Buffers>
        requires detail::several<const_buffer, Buffers...>
    [[nodiscard("co_await it")]] auto send(Buffers&&... buffers) {
        return detail::gather<const_buffer>(send(const_buffers()), std::forward<Buffers>(buffers)...);
    }
    /// At compile time, rejects a call that passes bytes and a size as two arguments, as in write(2). The
    /// error message shows what to write.
    template <class... Arguments>
        requires detail::c_call<Arguments...>
    op::write_some_description<const_buffer> send(const Arguments&...) {
        detail::refuse_c_call<Arguments...>();
        return send(const_buffer());
    }

private:
    detail::descriptor_handle handle_;
};

}  // namespace coil::COIL_ABI::posix
