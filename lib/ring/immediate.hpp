// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#pragma once

#include <coil/version.hpp>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include <liburing.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/poison.hpp"

/// Properties of SQEs, and system calls that perform an SQE immediately or fail with -EAGAIN. Used by
/// epoll_kernel.

namespace coil::COIL_ABI::ring {

// Counts the calls of call().
extern constinit thread_local std::uint64_t calls_of_this_thread;

// The C library's functions are POSIX cancellation points, so each call would execute two more locked
// instructions as soon as the process has a second thread. A system call that a signal has interrupted is
// repeated.
template <class... Arguments>
long call(long number, Arguments... arguments) noexcept {
    long result;
    do {
        ++calls_of_this_thread;
        result = ::syscall(number, arguments...);
    } while (result < 0 && errno == EINTR);
    return result < 0 ? -errno : result;
}

template <class T>
[[nodiscard]] T* pointer(std::uint64_t address) noexcept {
    return reinterpret_cast<T*>(static_cast<std::uintptr_t>(address));
}

enum class direction : std::uint8_t { none, read, write };

[[nodiscard]] inline direction direction_of(const io_uring_sqe& sqe) noexcept {
    switch (sqe.opcode) {
    case IORING_OP_RECV:
    case IORING_OP_RECVMSG:
    case IORING_OP_READ:
    case IORING_OP_READV:
    case IORING_OP_ACCEPT: return direction::read;
    case IORING_OP_SEND:
    case IORING_OP_SENDMSG:
    case IORING_OP_WRITE:
    case IORING_OP_WRITEV:
    case IORING_OP_CONNECT: return direction::write;
    default: return direction::none;
    }
}

[[nodiscard]] inline bool is_message_call(const io_uring_sqe& sqe) noexcept {
    return sqe.opcode == IORING_OP_RECV || sqe.opcode == IORING_OP_RECVMSG || sqe.opcode == IORING_OP_SEND ||
           sqe.opcode == IORING_OP_SENDMSG;
}

// Returns true if the operation neither waits for operations before it nor makes later operations wait: one
// that must not wait at all, one that reads urgent data or the error queue, or a connect.
[[nodiscard]] inline bool is_out_of_order(const io_uring_sqe& sqe) noexcept {
    return sqe.opcode == IORING_OP_CONNECT ||
           (is_message_call(sqe) && (sqe.msg_flags & (MSG_DONTWAIT | MSG_OOB | MSG_ERRQUEUE)));
}

[[nodiscard]] inline bool is_multishot(const io_uring_sqe& sqe) noexcept {
    return sqe.opcode == IORING_OP_POLL_ADD ? sqe.len & IORING_POLL_ADD_MULTI
                                            : is_message_call(sqe) && (sqe.ioprio & IORING_RECV_MULTISHOT);
}

// Returns true if this engine knows the opcode and all flags of the SQE.
[[nodiscard]] inline bool is_known(const io_uring_sqe& sqe) noexcept {
    const bool selects = sqe.flags & IOSQE_BUFFER_SELECT;
    if (sqe.flags & ~(IOSQE_BUFFER_SELECT | IOSQE_CQE_SKIP_SUCCESS))
        return false;
    switch (sqe.opcode) {
    case IORING_OP_RECV:
        return !(sqe.ioprio & ~IORING_RECV_MULTISHOT) && (!(sqe.ioprio & IORING_RECV_MULTISHOT) || selects);
    case IORING_OP_RECVMSG: return sqe.ioprio == (selects ? IORING_RECV_MULTISHOT : 0);
    case IORING_OP_POLL_ADD: return !selects && !(sqe.len & ~IORING_POLL_ADD_MULTI);
    default: return !selects && sqe.ioprio == 0 && direction_of(sqe) != direction::none;
    }
}

// On big-endian machines, liburing swaps the halves of the field.
[[nodiscard]] inline std::uint32_t poll_events_of(const io_uring_sqe& sqe) noexcept {
    if constexpr (std::endian::native == std::endian::big)
        return std::rotl(std::uint32_t{sqe.poll32_events}, 16);
    return sqe.poll32_events;
}

// Returns the events to register for an operation that has to wait. Reports of urgent data and of the peer's
// end show when a short read does not mean that the socket is empty.
[[nodiscard]] inline std::uint32_t events_for(const io_uring_sqe& sqe) noexcept {
    switch (direction_of(sqe)) {
    case direction::read: return EPOLLIN | EPOLLRDHUP | EPOLLPRI;
    case direction::write: return EPOLLOUT;
    case direction::none: break;
    }
    return poll_events_of(sqe) &
           ~static_cast<std::uint32_t>(EPOLLET | EPOLLONESHOT | EPOLLEXCLUSIVE | EPOLLWAKEUP);
}

/// Returns the number of bytes that the buffers hold.
[[nodiscard]] std::size_t size_of(const msghdr& message) noexcept;
/// Returns the number of bytes that the buffers of a RECV, RECVMSG, SEND or SENDMSG hold.
[[nodiscard]] std::size_t size_of(const io_uring_sqe& sqe) noexcept;

/// Returns the number of bytes that the next receive() or send() transfers at most, if `moved` bytes were
/// transferred before.
[[nodiscard]] std::size_t size_of_next(const io_uring_sqe& sqe, std::size_t moved) noexcept;

/// Returns true if the operation has to transfer all bytes (MSG_WAITALL). On datagram sockets, this flag has
/// no meaning.
[[nodiscard]] bool repeats(const io_uring_sqe& sqe) noexcept;

/// Returns true for stream sockets and sockets of type SOCK_SEQPACKET.
[[nodiscard]] bool is_stream(int descriptor) noexcept;

/// Performs a RECV or RECVMSG. Skips the `moved` bytes that were received before.
[[nodiscard]] long receive(const io_uring_sqe& sqe, std::size_t moved) noexcept;
/// Performs a SEND or SENDMSG. Skips the `moved` bytes that were sent before.
[[nodiscard]] long send(const io_uring_sqe& sqe, std::size_t moved) noexcept;

/// Returns true if this sends a datagram from a socket that is not bound. The kernel then has to choose a
/// port, and fails with EAGAIN if all are in use. No event reports that a port is free.
[[nodiscard]] bool has_no_port(const io_uring_sqe& sqe) noexcept;

/// Performs a READ, READV, WRITE or WRITEV.
class transfer {
public:
    explicit transfer(const io_uring_sqe& sqe) noexcept;

    /// Calls preadv2(2) or pwritev2(2). `flags` are RWF_ flags.
    [[nodiscard]] long on_file(int descriptor, int flags) const noexcept;
    /// Calls recvmsg(2) or sendmsg(2), which do not wait.
    [[nodiscard]] long on_socket() const noexcept;
    /// Writes no more bytes than a writable pipe has space for, after the first `skipped` bytes.
    [[nodiscard]] long on_pipe(std::size_t skipped) const noexcept;
    [[nodiscard]] std::size_t size() const noexcept;

private:
    const io_uring_sqe& sqe_;
    bool is_read_;
    iovec one_;
    const iovec* buffers_;
    unsigned long count_;
};

/// Receives datagrams into buffers of a group, as a multishot RECVMSG does: a buffer gets an
/// io_uring_recvmsg_out, the sender's address, the control messages, and the bytes. The msghdr of the SQE
/// says how much space the address and the control messages have.
class datagrams {
public:
    static constexpr unsigned count_max = 16;

    explicit datagrams(const io_uring_sqe& sqe) noexcept
        : sqe_(sqe),
          layout_(*pointer<const msghdr>(sqe.addr)),
          header_(sizeof(io_uring_recvmsg_out) + layout_.msg_namelen + layout_.msg_controllen) {}

    [[nodiscard]] unsigned count() const noexcept { return count_; }

    void add(const io_uring_buf& buffer) noexcept {
        char* const name = pointer<char>(buffer.addr) + sizeof(io_uring_recvmsg_out);
        char* const control = name + layout_.msg_namelen;
        bytes_[count_] = {control + layout_.msg_controllen, buffer.len - header_};
        msghdr& message = messages_[count_].msg_hdr;
        message = {};
        message.msg_name = name;
        message.msg_namelen = layout_.msg_namelen;
        message.msg_control = layout_.msg_controllen > 0 ? control : nullptr;
        message.msg_controllen = layout_.msg_controllen;
        message.msg_iov = &bytes_[count_];
        message.msg_iovlen = 1;
        ++count_;
    }
    [[nodiscard]] bool may_add(const io_uring_buf& buffer) const noexcept {
        return count_ < count_max && buffer.len >= header_;
    }

    /// Returns the number of datagrams received.
    long receive() noexcept {
        return call(SYS_recvmmsg, sqe_.fd, messages_, count_, static_cast<int>(sqe_.msg_flags | MSG_DONTWAIT),
                    nullptr);
    }
    [[nodiscard]] bool is_empty(unsigned which) const noexcept { return messages_[which].msg_len == 0; }
    /// Fills in the buffer's header. Returns the number of bytes used in the buffer.
    std::size_t finish(unsigned which, const io_uring_buf& buffer) const noexcept {
        const auto& [message, size] = messages_[which];
        io_uring_recvmsg_out about{};
        about.namelen = message.msg_namelen;
        about.controllen = static_cast<std::uint32_t>(message.msg_controllen);
        about.payloadlen = size;
        about.flags = static_cast<std::uint32_t>(message.msg_flags);
        unpoison(pointer<char>(buffer.addr), sizeof about);
        std::memcpy(pointer<char>(buffer.addr), &about, sizeof about);
        return header_ + std::min<std::size_t>(size, bytes_[which].iov_len);
    }

private:
    const io_uring_sqe& sqe_;
    const msghdr& layout_;
    std::size_t header_;
    unsigned count_ = 0;
    mmsghdr messages_[count_max];
    iovec bytes_[count_max];
};

}  // namespace coil::COIL_ABI::ring
