// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#pragma once

#include <coil/version.hpp>

#include <cstddef>

#if defined(__SANITIZE_ADDRESS__)
#define COIL_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define COIL_ASAN 1
#endif
#endif
#ifdef COIL_ASAN
#include <sanitizer/asan_interface.h>
#endif

namespace coil::COIL_ABI {

/// Marks unused memory as inaccessible, so that AddressSanitizer reports any access to it. A no-op in builds
/// without AddressSanitizer.
inline void poison([[maybe_unused]] const void* memory, [[maybe_unused]] std::size_t size) noexcept {
#ifdef COIL_ASAN
    __asan_poison_memory_region(memory, size);
#endif
}

inline void unpoison([[maybe_unused]] const void* memory, [[maybe_unused]] std::size_t size) noexcept {
#ifdef COIL_ASAN
    __asan_unpoison_memory_region(memory, size);
#endif
}

}  // namespace coil::COIL_ABI
