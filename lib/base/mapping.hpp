// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#pragma once

#include <coil/version.hpp>

#include <cstddef>

namespace coil::COIL_ABI::detail {

/// Owns anonymous, page-aligned, zeroed memory from mmap(2). The destructor unmaps it. For small blocks that
/// are not shared with the kernel, use the heap.
///
/// Threads: one thread at a time; bytes_mapped() is thread-safe.
class mapping {
public:
    mapping() noexcept = default;
    /// Maps `size` bytes. If mmap(2) fails, data() is null.
    explicit mapping(std::size_t size) noexcept;
    mapping(mapping&& other) noexcept { swap(other); }
    mapping& operator=(mapping&& other) noexcept {
        mapping(static_cast<mapping&&>(other)).swap(*this);
        return *this;
    }
    ~mapping();

    [[nodiscard]] std::byte* data() const noexcept { return data_; }
    [[nodiscard]] std::size_t size() const noexcept { return size_; }

    /// Returns the total size of the process's current mappings, for tests that look for leaks.
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

}  // namespace coil::COIL_ABI::detail
