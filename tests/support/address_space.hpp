// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>

#include <gtest/gtest.h>
#include <sys/mman.h>

#include <coil/base/buffer.hpp>

namespace coil::test {

/// A reserved address range that has no memory behind it, for a buffer that is too large to allocate in a
/// test. Accessing it causes a fault.
class address_space {
public:
    explicit address_space(std::size_t size)
        : memory_(::mmap(nullptr, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0)),
          size_(size) {
        EXPECT_NE(memory_, MAP_FAILED);
    }
    address_space(const address_space&) = delete;
    address_space& operator=(const address_space&) = delete;
    ~address_space() { ::munmap(memory_, size_); }

    [[nodiscard]] mutable_buffer buffer() const noexcept { return {memory_, size_}; }

private:
    void* memory_;
    std::size_t size_;
};

}  // namespace coil::test
