// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#pragma once

#include <coil/version.hpp>

#include <cstddef>
#include <cstdint>

namespace coil::COIL_ABI::detail {

/// Prefetches memory into the cache. A prefetch is only a hint, so any address is allowed. The function is
/// always inlined. Otherwise, g++ would assume that a function that only prefetches has no effect, and would
/// drop the calls.
[[gnu::always_inline]] inline void prefetch(const void* memory, std::size_t bytes) noexcept {
    constexpr std::uintptr_t line = 64;
    const auto begin = reinterpret_cast<std::uintptr_t>(memory);
    for (std::uintptr_t at = begin & ~(line - 1); at < begin + bytes; at += line)
        __builtin_prefetch(reinterpret_cast<const void*>(at));
}

}  // namespace coil::COIL_ABI::detail
