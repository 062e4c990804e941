// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <cstddef>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

namespace compare {

/// The bytes of the character generator protocol (RFC 864) form lines of 72 printable characters. Each line
/// starts one character later than the previous line, and the sequence repeats after 95 lines.
inline constexpr std::size_t chargen_period = std::size_t{95} * 74;

inline std::byte chargen_byte(std::size_t position) noexcept {
    const std::size_t line = position / 74 % 95, column = position % 74;
    if (column >= 72)
        return static_cast<std::byte>(column == 72 ? '\r' : '\n');
    return static_cast<std::byte>(' ' + (line + column) % 95);
}

/// Returns the buffer that a server sends repeatedly. It contains whole periods and is slightly larger than
/// 256 KiB.
inline std::vector<std::byte> chargen_bytes() {
    std::vector<std::byte> bytes(38 * chargen_period);
    for (std::size_t i = 0; i < bytes.size(); ++i)
        bytes[i] = chargen_byte(i);
    return bytes;
}

/// Checks that the bytes are the first ones of the protocol. Throws if they are not.
inline void check_chargen(std::span<const std::byte> bytes) {
    for (std::size_t position = 0; position < bytes.size(); ++position)
        if (bytes[position] != chargen_byte(position))
            throw std::runtime_error("byte " + std::to_string(position) + " differs from chargen");
}

}  // namespace compare
