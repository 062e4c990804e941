// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <limits.h>
#include <span>
#include <sys/socket.h>
#include <sys/uio.h>

#include <coil/base/buffer.hpp>
#include <coil/base/buffer_cursor.hpp>

namespace coil::COIL_ABI::op {

/// The maximum number of bytes that the kernel moves in one operation (MAX_RW_COUNT). The remaining bytes of
/// a larger buffer need a further operation.
inline constexpr std::size_t bytes_max = 0x7ffff000;

/// The offset that makes a read or write use the descriptor's current file position. The kernel also requires
/// this value for pipes and other files that have no position.
inline constexpr unsigned long long own_position = ~0ull;

[[nodiscard]] inline unsigned clamp_size(std::size_t size) noexcept {
    return static_cast<unsigned>(size < bytes_max ? size : bytes_max);
}

// A buffer has the layout of an iovec, so an array of buffers can be passed to the kernel.
static_assert(sizeof(mutable_buffer) == sizeof(iovec) && sizeof(const_buffer) == sizeof(iovec));
static_assert(alignof(mutable_buffer) == alignof(iovec) && offsetof(iovec, iov_len) == sizeof(void*));
static_assert(detail::many_cursor<const_buffer>::most == IOV_MAX);

/// Returns an array of buffers as iovecs. The const_cast is safe, because the kernel never writes to the
/// iovecs.
template <class Buffer>
iovec* iovecs_of(std::span<const Buffer> buffers) noexcept {
    return reinterpret_cast<iovec*>(const_cast<Buffer*>(buffers.data()));
}

/// Returns a msghdr for these buffers, without an address.
template <class Buffer>
msghdr message_of(std::span<const Buffer> buffers) noexcept {
    msghdr message{};
    message.msg_iov = iovecs_of(buffers);
    message.msg_iovlen = buffers.size();
    return message;
}

}  // namespace coil::COIL_ABI::op
