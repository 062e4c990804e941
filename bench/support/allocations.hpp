// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#pragma once

#include <atomic>
#include <cerrno>
#include <cstddef>
#include <cstdlib>

/// Counts the allocations made by all threads of a program. The counting takes place in malloc, so it covers
/// new, new[], aligned new and plain malloc. This header defines the malloc family of functions, so include
/// it in exactly one source file of a program.
///
///     const auto before = coil::bench::allocations();
///     ...
///     const auto made = coil::bench::allocations() - before;

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define COIL_BENCH_SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define COIL_BENCH_SANITIZED 1
#endif
#endif

namespace coil::bench {

inline constinit std::atomic<unsigned long long> allocation_count{0};

inline unsigned long long allocations() noexcept { return allocation_count.load(std::memory_order_relaxed); }

inline void count_allocation() noexcept { allocation_count.fetch_add(1, std::memory_order_relaxed); }

}  // namespace coil::bench

// Implementation

#ifdef COIL_BENCH_SANITIZED

// AddressSanitizer and ThreadSanitizer have their own malloc, which calls a hook for each allocation. g++ has
// no header that declares the function below.
extern "C" int __sanitizer_install_malloc_and_free_hooks(void (*on_malloc)(const volatile void*, std::size_t),
                                                         void (*on_free)(const volatile void*));

namespace coil::bench {

inline const bool allocations_are_counted =
    __sanitizer_install_malloc_and_free_hooks([](const volatile void*, std::size_t) { count_allocation(); },
                                              [](const volatile void*) {}) != 0;

}  // namespace coil::bench

#else

// glibc's implementation. These names remain available when a program defines its own malloc.
extern "C" {
void* __libc_malloc(std::size_t size);
void* __libc_calloc(std::size_t count, std::size_t size);
void* __libc_realloc(void* block, std::size_t size);
void* __libc_memalign(std::size_t alignment, std::size_t size);

void* malloc(std::size_t size) noexcept {
    coil::bench::count_allocation();
    return __libc_malloc(size);
}

void* calloc(std::size_t count, std::size_t size) noexcept {
    coil::bench::count_allocation();
    return __libc_calloc(count, size);
}

void* realloc(void* block, std::size_t size) noexcept {
    coil::bench::count_allocation();
    return __libc_realloc(block, size);
}

void* memalign(std::size_t alignment, std::size_t size) noexcept {
    coil::bench::count_allocation();
    return __libc_memalign(alignment, size);
}

void* aligned_alloc(std::size_t alignment, std::size_t size) noexcept { return memalign(alignment, size); }

int posix_memalign(void** block, std::size_t alignment, std::size_t size) noexcept {
    if (alignment % sizeof(void*) != 0 || (alignment & (alignment - 1)) != 0 || alignment == 0)
        return EINVAL;
    void* made = memalign(alignment, size);
    if (!made)
        return ENOMEM;
    *block = made;
    return 0;
}
}

#endif
