// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#include "base/mapping.hpp"

#include <atomic>
#include <sys/mman.h>

#include "base/poison.hpp"

namespace coil::COIL_ABI::detail {
namespace {

std::atomic<std::size_t> mapped{0};

}  // namespace

mapping::mapping(std::size_t size) noexcept {
    void* const memory = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED)
        return;
    data_ = static_cast<std::byte*>(memory);
    size_ = size;
    mapped.fetch_add(size, std::memory_order_relaxed);
}

mapping::~mapping() {
    if (!data_)
        return;
    unpoison(data_, size_);  // the next mapping at this address must not be poisoned
    ::munmap(data_, size_);
    mapped.fetch_sub(size_, std::memory_order_relaxed);
}

std::size_t mapping::bytes_mapped() noexcept { return mapped.load(std::memory_order_relaxed); }

}  // namespace coil::COIL_ABI::detail
