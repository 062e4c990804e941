// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#pragma once

#include <coil/version.hpp>

#include <cstddef>

#include <coil/algo/byte_buffer.hpp>
#include <coil/base/buffer.hpp>

namespace coil::COIL_ABI {

struct buffered_writer_options {
    std::size_t capacity = 16384;  ///< bytes that are held before they are sent
};

}  // namespace coil::COIL_ABI

namespace coil::COIL_ABI::detail {

/// The bytes that were written and are not yet sent.
class write_buffer : public byte_buffer {
public:
    explicit write_buffer(const buffered_writer_options& chosen) noexcept : options_(chosen) {}

    /// Whether so many more fit.
    [[nodiscard]] bool fits(std::size_t size) const noexcept {
        return size <= options_.capacity - this->size();
    }
    /// Makes room for so many, which fit. False where there is no memory.
    [[nodiscard]] bool make_room(std::size_t size) noexcept;
    /// Copies them behind what is there. There is room.
    void append(const_buffer bytes) noexcept;
    /// Of `n` bytes that were sent, these come first. Returns how many weren't of these.
    std::size_t sent(std::size_t n) noexcept;

private:
    buffered_writer_options options_;
};

}  // namespace coil::COIL_ABI::detail
