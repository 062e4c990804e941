// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <limits.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <coil/base/buffer.hpp>

namespace coil::COIL_ABI::op {

// Our buffers have the layout of an iovec, so that arrays of them can be passed to the kernel.
static_assert(sizeof(mutable_buffer) == sizeof(iovec) && sizeof(const_buffer) == sizeof(iovec));
static_assert(alignof(mutable_buffer) == alignof(iovec) && offsetof(iovec, iov_len) == sizeof(void*));

/// A message of these buffers, without an address. The kernel reads the array, and never writes to it.
template <class Buffer>
msghdr message_of(const Buffer* buffers, std::size_t count) noexcept {
    msghdr message{};
    message.msg_iov = reinterpret_cast<iovec*>(const_cast<Buffer*>(buffers));
    message.msg_iovlen = count;
    return message;
}

}  // namespace coil::COIL_ABI::op
