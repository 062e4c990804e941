// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#pragma once

#include <coil/version.hpp>

#include <cstddef>

namespace coil::COIL_ABI {

/// Where coroutine frames come from: free lists by size, one set a thread, so that in steady state a task costs no
/// allocation. A frame may be freed on any thread; it joins that thread's lists.
///
/// These are functions of the library, never inline, so that all of a program agrees with it about the heap.
/// Under AddressSanitizer a free frame is poisoned. Built with COIL_FRAME_QUARANTINE, the library fills each freed frame
/// with a pattern and keeps it from reuse for a while: a write after the end, by the kernel too, is found and stops.
[[nodiscard]] void* frame_allocate(std::size_t size);
void frame_deallocate(void* frame, std::size_t size) noexcept;

/// Looks at every frame in this thread's quarantine. Returns how many were looked at; stops where one was written to.
std::size_t frame_quarantine_check() noexcept;

/// How many frames this thread has taken from its lists, and how many from the heap.
struct frame_statistics {
    std::size_t recycled = 0;
    std::size_t allocated = 0;
};
[[nodiscard]] frame_statistics frame_statistics_of_thread() noexcept;

}  // namespace coil::COIL_ABI
