// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#pragma once

#include <coil/version.hpp>

#include <cstddef>

namespace coil::COIL_ABI::op {

/// The kernel moves at most so many bytes in one operation (MAX_RW_COUNT): the rest is for the next.
inline constexpr std::size_t bytes_max = 0x7ffff000;

[[nodiscard]] inline unsigned clamp_size(std::size_t size) noexcept {
    return static_cast<unsigned>(size < bytes_max ? size : bytes_max);
}

}  // namespace coil::COIL_ABI::op
