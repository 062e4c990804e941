// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#pragma once

#include <coil/version.hpp>

#include <cstddef>

namespace coil::COIL_ABI {

/// Anonymous memory from mmap(2), and its one owner: it is zeroed, starts on a page, and is unmapped by the
/// destructor. Use the heap for smaller memory that is not shared with the kernel.
///
/// Threads: one, like any object; bytes_mapped() any.
class mapping {
public:
    mapping() noexcept = default;
    /// Null data() if there is no memory.
    explicit mapping(std::size_t size) noexcept;
    mapping(mapping&& other) noexcept { swap(other); }
    mapping& operator=(mapping&& other) noexcept {
        mapping(static_cast<mapping&&>(other)).swap(*this);
        return *this;
    }
    ~mapping();

    [[nodiscard]] std::byte* data() const noexcept { return data_; }
    [[nodiscard]] std::size_t size() const noexcept { return size_; }

    /// The sum over all mappings of this process: for tests that look for leaks.
    [[nodiscard]] static std::size_t bytes_mapped() noexcept;

private:
    void swap(mapping& other) noexcept {
        std::byte* const data = data_;
        const std::size_t size = size_;
        data_ = other.data_;
        size_ = other.size_;
        other.data_ = data;
        other.size_ = size;
    }

    std::byte* data_ = nullptr;
    std::size_t size_ = 0;
};

}  // namespace coil::COIL_ABI
