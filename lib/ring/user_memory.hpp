// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#pragma once

#include <coil/version.hpp>

#include <cstddef>

#include <sys/socket.h>

#include "base/poison.hpp"

struct io_uring_sqe;

/// AddressSanitizer sees a program's own memory accesses, but not those that the kernel makes for the
/// program. When coil is built with AddressSanitizer, it therefore checks each buffer twice: when it passes
/// the buffer to the kernel, and at the completion. Freed memory is reported in AddressSanitizer's own
/// format, with the stacks that allocated and freed the memory. Without AddressSanitizer, these functions are
/// empty.
///
/// These checks consider a buffer in a coroutine's frame to be alive as long as the frame. They therefore do
/// not detect that a local variable is used after the end of its block.

namespace coil::COIL_ABI::ring {

#ifdef COIL_ASAN

/// Checks the memory that this SQE lets the kernel read or write, and stores its location under `owner`.
void check_submitted(const io_uring_sqe& sqe, const void* owner) noexcept;
/// Called at the last completion. Checks the memory stored under `owner` again.
void check_completed(const void* owner) noexcept;
/// Checks the memory that a direct system call will read. AddressSanitizer intercepts only the functions of
/// the C library.
void check_read(const void* memory, std::size_t size) noexcept;
void check_read(const msghdr& message) noexcept;

#else

inline void check_submitted(const io_uring_sqe&, const void*) noexcept {}
inline void check_completed(const void*) noexcept {}
inline void check_read(const void*, std::size_t) noexcept {}
inline void check_read(const msghdr&) noexcept {}

#endif

}  // namespace coil::COIL_ABI::ring
