// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#pragma once

#include <string>

#include <coil/version.hpp>

namespace coil::COIL_ABI {

/// Appends a byte as two hexadecimal digits, such as 0a.
inline void append_hex(std::string& text, unsigned char byte) {
    constexpr char digits[] = "0123456789abcdef";
    text.append(1, digits[byte >> 4]).append(1, digits[byte & 15]);
}

}  // namespace coil::COIL_ABI
