// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#pragma once

#include <coil/version.hpp>

#include <cstddef>

namespace coil::COIL_ABI::detail {

/// Allocates coroutine frames from thread-local free lists, one per size class, so that tasks need no heap
/// allocation in steady state. A frame may be freed on any thread, and then goes to the free lists of that
/// thread.
///
/// These functions are never inline, so that the whole program uses one heap layout: that of the library.
/// Under AddressSanitizer, free frames are poisoned. If the library is built with COIL_FRAME_QUARANTINE, it
/// fills each freed frame with a pattern and delays reuse of the frame. When the delay ends, the library
/// checks the pattern. If anything, even the kernel, has written to the freed frame, the program aborts.
[[nodiscard]] void* frame_allocate(std::size_t size);
void frame_deallocate(void* frame, std::size_t size) noexcept;

/// Checks every frame in this thread's quarantine and returns the number of these frames. Aborts if one of
/// them was written to after it was freed.
std::size_t frame_quarantine_check() noexcept;

/// Counts the frames that this thread took from its free lists (`recycled`) and from the heap (`allocated`).
/// Frames larger than the largest size class are not counted.
struct frame_statistics {
    std::size_t recycled = 0;
    std::size_t allocated = 0;
};
[[nodiscard]] frame_statistics frame_statistics_of_thread() noexcept;

}  // namespace coil::COIL_ABI::detail
