// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#pragma once

#include <coil/version.hpp>

#include <cstddef>
#include <utility>

#include <coil/base/buffer.hpp>
#include <coil/base/wait_type.hpp>
#include <coil/coro/completed.hpp>
#include <coil/loop/descriptor.hpp>
#include <coil/op/message.hpp>
#include <coil/op/read_some.hpp>
#include <coil/op/wait.hpp>
#include <coil/op/write_some.hpp>

namespace coil::COIL_ABI::posix {

/// A descriptor that came from elsewhere: a pipe, a terminal, an eventfd, inotify, a C library's socket. Asio's noun.
/// It is a `coil::stream`: `read`, `write`, `buffered_reader` take it. For sockets of one's own use `tcp::socket` and its
/// neighbours.
///
///     posix::stream_descriptor events(context, ::eventfd(0, EFD_CLOEXEC));
///     std::uint64_t count;
///     co_await coil::read(events, mutable_buffer(&count, sizeof count));
///
/// What somebody else owns and will close is borrowed: destroyed or closed, this ends its operations, and leaves it open. Be
/// done with it before its owner closes it.
///
///     auto input = posix::stream_descriptor::borrow(context, STDIN_FILENO);
///     co_await input.wait(input.wait_read);
///
/// One task may read while another writes; a second reader, or a second writer, is refused with
/// error::operation_in_progress. Waits overlap with everything.
///
/// O_NONBLOCK changes nothing: what would block waits, in either case, and nobody's thread. A regular file is never waited
/// for: it is read and written at its own position, each time as if it were ready.
///
/// Threads, moves, lifetime: as those of a socket.
class stream_descriptor : public wait_base {
public:
    /// Of no context, to be assigned to.
    stream_descriptor() noexcept = default;
    explicit stream_descriptor(io_context& context) noexcept : handle_(context) {}
    /// Takes an open descriptor, which is this object's to close from now on.
    stream_descriptor(io_context& context, int descriptor) : handle_(context) { assign(descriptor); }
    /// Uses one that stays its owner's.
    [[nodiscard]] static stream_descriptor borrow(io_context& context, int descriptor);

    /// Not for one that was default constructed.
    [[nodiscard]] io_context& context() const noexcept { return handle_.context(); }
    [[nodiscard]] bool is_open() const noexcept { return handle_.is_open(); }
    /// -1 while closed.
    [[nodiscard]] int native_handle() const noexcept { return handle_.number(); }

    /// Takes an open descriptor. Throws error::already_open, or bad_descriptor for a negative number.
    void assign(int descriptor);
    /// Ends all operations with operation_aborted, and hands the open descriptor out: it is the caller's to close.
    [[nodiscard]] int release() noexcept { return handle_.release(); }
    /// Asks all pending operations to end with operation_aborted. Those that have completed keep their result.
    void cancel() noexcept { handle_.cancel(); }
    /// Ends all operations with operation_aborted, and closes the descriptor unless it is borrowed, now. The result may be
    /// awaited or dropped.
    completed close() noexcept {
        handle_.close();
        return completed("close");
    }

    /// Waits until it is ready for one of `kinds`, and tells for which, as a socket's `wait` does. A C library that does its
    /// own reading and writing needs nothing else.
    /// Errors: bad_descriptor; invalid_argument on a regular file that is waited for with wait_error alone ...
    /// Cancel: operation_aborted. Overlap: any number. Cost: one SQE, no allocation.
    [[nodiscard("co_await it")]] op::wait_description wait(wait_type kinds) {
        return {handle_.use(static_cast<int>(kinds))};
    }

    /// read(2): waits until there is something, and takes it.
    /// Completes: with 1 to buffer.size() bytes; with 0 at the end: no writer is left, or no file. An empty buffer: at once.
    /// Errors:    transfer_error: bad_descriptor, invalid_argument (a buffer too small for an eventfd or inotify) ...
    /// Cancel:    operation_aborted, or the bytes if they came first: none is lost.
    /// Buffer:    the caller's; must live until the await is over, also when cancelled.
    /// Cost:      one SQE, no allocation. Terminals, inotify and regular files may take a worker thread of the kernel's.
    [[nodiscard("co_await it")]] op::read_some_description recv(mutable_buffer buffer) {
        return {{handle_.use(), buffer}};
    }
    /// readv(2): the same into several buffers, one after the other. The array must live as long as they do.
    [[nodiscard("co_await it")]] op::readv_some_description recv(mutable_buffers buffers) {
        return {{handle_.use(), buffers}};
    }
    template <class... Buffers>
        requires detail::several<mutable_buffer, Buffers...>
    [[nodiscard("co_await it")]] auto recv(Buffers&&... buffers) {
        return op::holding_description<op::readv_some_description, mutable_buffer, sizeof...(Buffers)>{
            {{handle_.use(), {}}}, {mutable_buffer(std::forward<Buffers>(buffers))...}};
    }
    /// The arguments of the C function do not compile: says what to write.
    template <class... Arguments>
        requires detail::c_call<Arguments...>
    op::read_some_description recv(const Arguments&...) {
        detail::refuse_c_call<Arguments...>();
        return recv(mutable_buffer());
    }

    /// write(2): waits until there is room, and hands bytes to the kernel; it may take fewer than all. For all of them see
    /// `coil::write`.
    /// Completes: with 1 to buffer.size() bytes. An empty buffer: at once, with 0.
    /// Errors:    transfer_error: broken_pipe (never the signal), bad_descriptor ...
    /// Cancel:    operation_aborted, or the bytes that were taken.
    /// Buffer:    the caller's; must live until the await is over, also when cancelled.
    /// Cost:      one SQE, no allocation. While a write is with the kernel, each enter of the loop is four system calls: the
    ///            others hold SIGPIPE back, in this thread only. One that the program has blocked, awaits or was sent is left
    ///            to it.
    [[nodiscard("co_await it")]] op::write_some_description send(const_buffer buffer) {
        return {{handle_.use(), buffer}};
    }
    /// writev(2): the same from several buffers, one after the other. The array must live as long as they do.
    [[nodiscard("co_await it")]] op::writev_some_description send(const_buffers buffers) {
        return {{handle_.use(), buffers}};
    }
    template <class... Buffers>
        requires detail::several<const_buffer, Buffers...>
    [[nodiscard("co_await it")]] auto send(Buffers&&... buffers) {
        return op::holding_description<op::writev_some_description, const_buffer, sizeof...(Buffers)>{
            {{handle_.use(), {}}}, {const_buffer(std::forward<Buffers>(buffers))...}};
    }
    /// The arguments of the C function do not compile: says what to write.
    template <class... Arguments>
        requires detail::c_call<Arguments...>
    op::write_some_description send(const Arguments&...) {
        detail::refuse_c_call<Arguments...>();
        return send(const_buffer());
    }

private:
    descriptor_handle handle_;
};

}  // namespace coil::COIL_ABI::posix
