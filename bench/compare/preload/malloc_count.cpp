// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT

// When this library is preloaded into a server, it counts the malloc(3) bytes that the server holds. The sum
// is stored in a shared mapping of the file named by COMPARE_MALLOC_COUNT, so that it can be read while the
// server is running.

#include <atomic>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include <fcntl.h>
#include <malloc.h>
#include <sys/mman.h>
#include <unistd.h>

// glibc's implementation. A program cannot interpose these names.
extern "C" {
void* __libc_malloc(std::size_t size);
void* __libc_calloc(std::size_t count, std::size_t size);
void* __libc_realloc(void* memory, std::size_t size);
void* __libc_memalign(std::size_t alignment, std::size_t size);
void __libc_free(void* memory);
}

namespace {

using counter = std::atomic<std::int64_t>;

counter before_file;  // used until the file has been mapped
counter* held = &before_file;

void* counted(void* memory) {
    if (memory != nullptr)
        held->fetch_add(static_cast<std::int64_t>(malloc_usable_size(memory)), std::memory_order_relaxed);
    return memory;
}

void uncount(void* memory) {
    if (memory != nullptr)
        held->fetch_sub(static_cast<std::int64_t>(malloc_usable_size(memory)), std::memory_order_relaxed);
}

[[gnu::constructor]] void open_file() {
    const char* name = std::getenv("COMPARE_MALLOC_COUNT");
    const int file = name == nullptr ? -1 : ::open(name, O_RDWR | O_CLOEXEC);
    if (file < 0 || ::ftruncate(file, sizeof(counter)) != 0)
        return;
    void* mapped = ::mmap(nullptr, sizeof(counter), PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    ::close(file);
    if (mapped == MAP_FAILED)
        return;
    held = static_cast<counter*>(mapped);
    held->store(before_file.load());
}

}  // namespace

extern "C" {

void* malloc(std::size_t size) { return counted(__libc_malloc(size)); }

void* calloc(std::size_t count, std::size_t size) { return counted(__libc_calloc(count, size)); }

void* realloc(void* memory, std::size_t size) {
    const std::size_t before = memory == nullptr ? 0 : malloc_usable_size(memory);
    void* moved = __libc_realloc(memory, size);
    if (moved != nullptr || size == 0)
        held->fetch_sub(static_cast<std::int64_t>(before), std::memory_order_relaxed);
    return counted(moved);
}

void* memalign(std::size_t alignment, std::size_t size) { return counted(__libc_memalign(alignment, size)); }

void* aligned_alloc(std::size_t alignment, std::size_t size) { return memalign(alignment, size); }

int posix_memalign(void** memory, std::size_t alignment, std::size_t size) {
    *memory = memalign(alignment, size);
    return *memory == nullptr ? ENOMEM : 0;
}

void free(void* memory) {
    uncount(memory);
    __libc_free(memory);
}

}  // extern "C"
