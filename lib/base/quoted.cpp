// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#include "base/quoted.hpp"

#include "base/hex.hpp"

namespace coil::COIL_ABI {

std::string quoted(std::string_view text) {
    constexpr std::size_t size_max = 80;
    std::string result = "\"";
    for (const char c: text.substr(0, size_max)) {
        const auto byte = static_cast<unsigned char>(c);
        if (byte < 0x20 || byte > 0x7e)
            append_hex(result.append("\\x"), byte);
        else if (c == '"' || c == '\\')
            result.append(1, '\\').append(1, c);
        else
            result.append(1, c);
    }
    result += text.size() > size_max ? "...\"" : "\"";
    return result;
}

}  // namespace coil::COIL_ABI
