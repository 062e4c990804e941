// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#include "ring/immediate.hpp"

#include <algorithm>
#include <cstddef>
#include <iterator>
#include <netinet/in.h>
#include <sys/syscall.h>

namespace coil::COIL_ABI::ring {

constinit thread_local std::uint64_t calls_of_this_thread = 0;

namespace {

// A writable pipe has space for at least this number of bytes.
constexpr std::size_t pipe_chunk = 4096;

/// The buffers of a SENDMSG or RECVMSG without the bytes that were transferred before.
class rest_of_message {
public:
    rest_of_message(const msghdr& whole, std::size_t moved) noexcept : rest_(whole) {
        if (moved == 0)
            return;
        rest_.msg_control = nullptr;  // was transferred with the first bytes
        rest_.msg_controllen = 0;
        while (rest_.msg_iovlen > 0 && moved >= rest_.msg_iov->iov_len) {
            moved -= rest_.msg_iov->iov_len;
            ++rest_.msg_iov;
            --rest_.msg_iovlen;
        }
        if (moved == 0 || rest_.msg_iovlen == 0)
            return;
        first_ = *rest_.msg_iov;
        first_.iov_base = static_cast<char*>(first_.iov_base) + moved;
        first_.iov_len -= moved;
        rest_.msg_iov = &first_;  // the remaining buffers follow in the next step
        rest_.msg_iovlen = 1;
    }

    [[nodiscard]] msghdr& message() noexcept { return rest_; }

private:
    msghdr rest_;
    iovec first_{};
};

}  // namespace

std::size_t size_of(const msghdr& message) noexcept {
    std::size_t size = 0;
    for (std::size_t i = 0; i < message.msg_iovlen; ++i)
        size += message.msg_iov[i].iov_len;
    return size;
}

std::size_t size_of(const io_uring_sqe& sqe) noexcept {
    const bool is_message = sqe.opcode == IORING_OP_RECVMSG || sqe.opcode == IORING_OP_SENDMSG;
    return is_message ? size_of(*pointer<const msghdr>(sqe.addr)) : sqe.len;
}

std::size_t size_of_next(const io_uring_sqe& sqe, std::size_t moved) noexcept {
    if (sqe.opcode == IORING_OP_RECV || sqe.opcode == IORING_OP_SEND)
        return sqe.len - moved;
    return size_of(rest_of_message(*pointer<const msghdr>(sqe.addr), moved).message());
}

bool is_stream(int descriptor) noexcept {
    int type = 0;
    socklen_t size = sizeof type;
    return ::getsockopt(descriptor, SOL_SOCKET, SO_TYPE, &type, &size) == 0 &&
           (type == SOCK_STREAM || type == SOCK_SEQPACKET);
}

bool repeats(const io_uring_sqe& sqe) noexcept {
    return (sqe.msg_flags & MSG_WAITALL) && !(sqe.msg_flags & MSG_DONTWAIT) && is_stream(sqe.fd);
}

long receive(const io_uring_sqe& sqe, std::size_t moved) noexcept {
    const int flags = static_cast<int>((sqe.msg_flags & ~unsigned{MSG_WAITALL}) | MSG_DONTWAIT);
    if (sqe.opcode == IORING_OP_RECV)
        return call(SYS_recvfrom, sqe.fd, pointer<char>(sqe.addr) + moved, sqe.len - moved, flags, nullptr,
                    nullptr);
    if (moved == 0) [[likely]]
        return call(SYS_recvmsg, sqe.fd, pointer<msghdr>(sqe.addr), flags);
    rest_of_message rest(*pointer<msghdr>(sqe.addr), moved);
    return call(SYS_recvmsg, sqe.fd, &rest.message(), flags);
}

long send(const io_uring_sqe& sqe, std::size_t moved) noexcept {
    const int flags =
        static_cast<int>((sqe.msg_flags & ~unsigned{MSG_WAITALL}) | MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sqe.opcode == IORING_OP_SEND)
        return call(SYS_sendto, sqe.fd, pointer<char>(sqe.addr) + moved, sqe.len - moved, flags,
                    pointer<sockaddr>(sqe.addr2), static_cast<socklen_t>(sqe.addr_len));
    if (moved == 0) [[likely]]
        return call(SYS_sendmsg, sqe.fd, pointer<msghdr>(sqe.addr), flags);
    rest_of_message rest(*pointer<msghdr>(sqe.addr), moved);
    return call(SYS_sendmsg, sqe.fd, &rest.message(), flags);
}

bool has_no_port(const io_uring_sqe& sqe) noexcept {
    const bool has_address = sqe.opcode == IORING_OP_SENDMSG
                                 ? pointer<const msghdr>(sqe.addr)->msg_name != nullptr
                                 : sqe.addr2 != 0;
    sockaddr_storage own{};
    socklen_t size = sizeof own;
    if (!has_address || ::getsockname(sqe.fd, reinterpret_cast<sockaddr*>(&own), &size) < 0)
        return false;
    // IPv4 and IPv6 addresses have the port in the same place.
    return (own.ss_family == AF_INET || own.ss_family == AF_INET6) &&
           reinterpret_cast<const sockaddr_in&>(own).sin_port == 0;
}

transfer::transfer(const io_uring_sqe& sqe) noexcept
    : sqe_(sqe), is_read_(direction_of(sqe) == direction::read), one_{pointer<void>(sqe.addr), sqe.len} {
    const bool is_vector = sqe.opcode == IORING_OP_READV || sqe.opcode == IORING_OP_WRITEV;
    buffers_ = is_vector ? pointer<const iovec>(sqe.addr) : &one_;
    count_ = is_vector ? sqe.len : 1;
}

long transfer::on_file(int descriptor, int flags) const noexcept {
    return call(is_read_ ? SYS_preadv2 : SYS_pwritev2, descriptor, buffers_, count_,
                static_cast<unsigned long>(sqe_.off), 0ul, flags);
}

long transfer::on_socket() const noexcept {
    msghdr message{};
    message.msg_iov = const_cast<iovec*>(buffers_);
    message.msg_iovlen = count_;
    return is_read_ ? call(SYS_recvmsg, sqe_.fd, &message, MSG_DONTWAIT)
                    : call(SYS_sendmsg, sqe_.fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
}

std::size_t transfer::size() const noexcept {
    std::size_t total = 0;
    for (unsigned long i = 0; i < count_; ++i)
        total += buffers_[i].iov_len;
    return total;
}

long transfer::on_pipe(std::size_t skipped) const noexcept {
    iovec parts[16];
    unsigned long count = 0;
    std::size_t space = pipe_chunk;
    for (unsigned long i = 0; i < count_ && count < std::size(parts) && space > 0; ++i) {
        const std::size_t passed = std::min(skipped, buffers_[i].iov_len);
        skipped -= passed;
        const std::size_t size = std::min(buffers_[i].iov_len - passed, space);
        if (size == 0)
            continue;
        parts[count++] = {static_cast<std::byte*>(buffers_[i].iov_base) + passed, size};
        space -= size;
    }
    return call(SYS_writev, sqe_.fd, parts, count);
}

}  // namespace coil::COIL_ABI::ring
