// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#include "support/allocations.hpp"

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <new>

#include <malloc.h>

namespace coil::test {
namespace {

struct state {
    std::size_t next;   // the number of the next allocation, counted from 1; 0 if no allocation is to fail
    std::size_t first;  // the number of the first allocation that fails
    std::size_t count;
    std::size_t failed;
    int exempt;
    long long bytes;
    long long bytes_max;
};

constinit thread_local state here{};
constinit std::atomic<long long> blocks{0};

bool fails() noexcept {
    if (here.next == 0 || here.exempt > 0)
        return false;
    const std::size_t number = here.next++;
    if (number < here.first || number - here.first >= here.count)
        return false;
    ++here.failed;
    return true;
}

void* allocate(std::size_t size, std::size_t alignment) noexcept {
    if (fails())
        return nullptr;
    size = std::max(size, alignment);
    void* block = alignment > alignof(std::max_align_t)
                      ? std::aligned_alloc(alignment, (size + alignment - 1) / alignment * alignment)
                      : std::malloc(size);
    if (!block)
        return nullptr;
    here.bytes += static_cast<long long>(malloc_usable_size(block));
    here.bytes_max = std::max(here.bytes_max, here.bytes);
    blocks.fetch_add(1, std::memory_order_relaxed);
    return block;
}

void* allocate_or_throw(std::size_t size, std::size_t alignment) {
    if (void* block = allocate(size, alignment))
        return block;
    throw std::bad_alloc();
}

void release(void* block) noexcept {
    if (!block)
        return;
    here.bytes -= static_cast<long long>(malloc_usable_size(block));
    blocks.fetch_sub(1, std::memory_order_relaxed);
    std::free(block);
}

}  // namespace

void allocations::fail_from(std::size_t n, std::size_t count) noexcept {
    here.next = 1;
    here.first = n;
    here.count = count;
    here.failed = 0;
}

std::size_t allocations::fail_no_more() noexcept {
    here.next = 0;
    return here.failed;
}

long long allocations::bytes() noexcept { return here.bytes; }
long long allocations::bytes_max() noexcept { return here.bytes_max; }
void allocations::reset_peak() noexcept { here.bytes_max = here.bytes; }
long long allocations::blocks_of_all_threads() noexcept { return blocks.load(std::memory_order_relaxed); }

allocations::exempt::exempt() noexcept { ++here.exempt; }
allocations::exempt::~exempt() { --here.exempt; }

}  // namespace coil::test

using coil::test::allocate;
using coil::test::allocate_or_throw;
using coil::test::release;

void* operator new(std::size_t size) { return allocate_or_throw(size, 1); }
void* operator new[](std::size_t size) { return allocate_or_throw(size, 1); }
void* operator new(std::size_t size, const std::nothrow_t&) noexcept { return allocate(size, 1); }
void* operator new[](std::size_t size, const std::nothrow_t&) noexcept { return allocate(size, 1); }
void* operator new(std::size_t size, std::align_val_t alignment) {
    return allocate_or_throw(size, static_cast<std::size_t>(alignment));
}
void operator delete(void* block) noexcept { release(block); }
void operator delete[](void* block) noexcept { release(block); }
void operator delete(void* block, std::size_t) noexcept { release(block); }
void operator delete[](void* block, std::size_t) noexcept { release(block); }
void operator delete(void* block, std::align_val_t) noexcept { release(block); }
void operator delete(void* block, std::size_t, std::align_val_t) noexcept { release(block); }
