// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#pragma once

#include <coil/version.hpp>

#include <cstddef>

namespace coil::COIL_ABI::op {

/// The maximum number of bytes that the kernel moves in one operation (MAX_RW_COUNT). The next operation
/// moves the rest.
inline constexpr std::size_t bytes_max = 0x7ffff000;

/// The offset of a read or a write at the descriptor's own position, if it has one.
inline constexpr unsigned long long own_position = ~0ull;

[[nodiscard]] inline unsigned clamp_size(std::size_t size) noexcept {
    return static_cast<unsigned>(size < bytes_max ? size : bytes_max);
}

}  // namespace coil::COIL_ABI::op
