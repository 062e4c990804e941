// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <cstddef>
#include <vector>

namespace compare {

/// The character generator's bytes, RFC 864: lines of 72 printable characters, each line beginning one further on.
/// After 95 lines they repeat.
inline constexpr std::size_t chargen_period = std::size_t{95} * 74;

inline std::byte chargen_byte(std::size_t position) noexcept {
    const std::size_t line = position / 74 % 95, column = position % 74;
    if (column >= 72)
        return static_cast<std::byte>(column == 72 ? '\r' : '\n');
    return static_cast<std::byte>(' ' + (line + column) % 95);
}

/// Sent again and again: whole periods, a good 256 KiB of them.
inline std::vector<std::byte> chargen_bytes() {
    std::vector<std::byte> bytes(38 * chargen_period);
    for (std::size_t i = 0; i < bytes.size(); ++i)
        bytes[i] = chargen_byte(i);
    return bytes;
}

}  // namespace compare
