// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#pragma once

#include <coil/version.hpp>

#include <cstddef>

#include <sys/socket.h>

#include "base/poison.hpp"

struct io_uring_sqe;

/// AddressSanitizer sees what a program reads and writes, but not what the kernel reads and writes for it. So a coil that is
/// built with it asks about each buffer when it gives it to the kernel, and again when the kernel's answer comes: memory that
/// is not the program's is reported in AddressSanitizer's own way, with the lines that allocated and freed it.
/// Without AddressSanitizer these functions are empty.
///
/// A buffer in a coroutine's frame is alive as long as the frame: what was a local of an inner block is not found.

namespace coil::COIL_ABI::ring {

#ifdef COIL_ASAN

/// What this SQE asks the kernel to read or to write. `owner` stands for it until check_completed().
void check_submitted(const io_uring_sqe& sqe, const void* owner) noexcept;
void check_completed(const void* owner) noexcept;
/// For system calls that bypass the C library.
void check_read(const void* memory, std::size_t size) noexcept;
void check_read(const msghdr& message) noexcept;

#else

inline void check_submitted(const io_uring_sqe&, const void*) noexcept {}
inline void check_completed(const void*) noexcept {}
inline void check_read(const void*, std::size_t) noexcept {}
inline void check_read(const msghdr&) noexcept {}

#endif

}  // namespace coil::COIL_ABI::ring
