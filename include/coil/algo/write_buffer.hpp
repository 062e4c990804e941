// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#pragma once

#include <coil/version.hpp>

#include <cstddef>

#include <coil/algo/byte_buffer.hpp>
#include <coil/base/buffer.hpp>

namespace coil::COIL_ABI {

struct buffered_writer_options {
    std::size_t capacity = 16384;  ///< size of the buffer in bytes
};

}  // namespace coil::COIL_ABI

namespace coil::COIL_ABI::detail {

/// The bytes that have been written but not sent yet.
class write_buffer : public byte_buffer {
public:
    explicit write_buffer(const buffered_writer_options& chosen) noexcept : options_(chosen) {}

    /// Returns whether `size` more bytes fit into the buffer.
    [[nodiscard]] bool fits(std::size_t size) const noexcept {
        return size <= options_.capacity - this->size();
    }
    /// Makes space for `size` bytes. Call this only if fits(size) returns true. Returns false if out of
    /// memory.
    [[nodiscard]] bool make_room(std::size_t size) noexcept;
    /// Appends bytes. There must be enough space for them.
    void append(const_buffer bytes) noexcept;
    /// Called when `n` bytes have been sent, beginning with the buffered bytes. Removes the sent bytes from
    /// the buffer. Returns the number of sent bytes that did not come from the buffer.
    std::size_t sent(std::size_t n) noexcept;

private:
    buffered_writer_options options_;
};

}  // namespace coil::COIL_ABI::detail
