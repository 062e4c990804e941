// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#include <coil/algo/write_buffer.hpp>

#include <algorithm>
#include <cstring>

namespace coil::COIL_ABI::detail {

bool write_buffer::make_room(std::size_t size) noexcept {
    if (size <= room())
        return true;
    if (capacity() == 0)
        return reserve(options_.capacity);
    compact();
    return true;
}

void write_buffer::append(const_buffer bytes) noexcept {
    if (bytes.empty())
        return;
    std::memcpy(end(), bytes.data(), bytes.size());
    grow(bytes.size());
}

std::size_t write_buffer::sent(std::size_t n) noexcept {
    const std::size_t ours = std::min(n, size());
    shrink(ours);
    return n - ours;
}

}  // namespace coil::COIL_ABI::detail
