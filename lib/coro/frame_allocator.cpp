// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#include <coil/coro/frame_allocator.hpp>

#include <cstdlib>
#include <cstring>
#include <new>

#include "base/poison.hpp"
#include "base/report.hpp"

namespace coil::COIL_ABI::detail {
namespace {

// Each size class has a free list, and a frame's size is rounded up to the size of its class. Frames larger
// than the largest class go to the heap. The sizes are 16, 48, 80 ... up to 4112. Including malloc's
// overhead, a frame of such a size takes a multiple of 32 bytes. Above 4112, the sizes are 512 bytes apart,
// for frames that contain a buffer of 4, 8 or 16 KiB.
constexpr std::size_t step = 32;
constexpr std::size_t smallest = 16;
constexpr std::size_t small_classes = 129;
constexpr std::size_t large_step = 512;
constexpr std::size_t classes = small_classes + 32;
constexpr std::size_t small_max = smallest + step * (small_classes - 1);
constexpr std::size_t size_of(std::size_t size_class) noexcept {
    return size_class < small_classes ? smallest + step * size_class
                                      : small_max + large_step * (size_class - small_classes + 1);
}
constexpr std::size_t class_of(std::size_t size) noexcept {
    return size <= small_max ? (size + step - 1 - smallest) / step
                             : small_classes + (size - small_max - 1) / large_step;
}
constexpr std::size_t size_max = size_of(classes - 1);
static_assert(class_of(1) == 0 && class_of(smallest) == 0 && class_of(smallest + 1) == 1);
static_assert(class_of(small_max) == small_classes - 1 && class_of(small_max + 1) == small_classes);
static_assert(size_of(class_of(4560)) == 4624 && size_max == 20496);
static_assert(class_of(size_max) == classes - 1 && size_of(class_of(240)) == 240);
// The maximum number of bytes in one thread's lists. Without this limit, the memory of a burst of tasks would
// be kept forever.
constexpr std::size_t bytes_max = std::size_t{16} << 20;

struct free_frame {
    free_frame* next;
};

#ifdef COIL_FRAME_QUARANTINE

// The quarantine holds the most recently freed frames, oldest first. Each frame is filled with a pattern that
// must not change.
constexpr unsigned char pattern = 0xD7;
constexpr std::size_t quarantined_max = 256;

struct quarantined_frame {
    unsigned char* frame;
    std::size_t size;
};

struct quarantine {
    quarantined_frame frames[quarantined_max];
    std::size_t oldest;
    std::size_t count;
};

void check_pattern(const quarantined_frame& held) noexcept {
    unpoison(held.frame, held.size);
    for (std::size_t i = 0; i < held.size; ++i) {
        if (held.frame[i] != pattern) {
            report_format(
                "a coroutine frame was written to after its end: byte %zu of %zu is 0x%02x; an operation "
                "or a reference outlived the frame",
                i, held.size, held.frame[i]);
            std::abort();
        }
    }
}

#endif

// This type is trivially destructible, so that the cache is still usable after the thread's other
// thread_locals are destroyed.
struct frame_cache {
    free_frame* free[classes];
    std::size_t bytes;
    std::size_t evict_next;  // the size class to evict from next
    frame_statistics statistics;
    bool cleanup_registered;
    bool closed;
#ifdef COIL_FRAME_QUARANTINE
    quarantine held;
#endif
};

constinit thread_local frame_cache cache{};

bool has_room(std::size_t size) noexcept { return cache.bytes + size <= bytes_max; }

// Removes a frame from the list of its size class. The list must not be empty.
[[gnu::always_inline]] inline void* take(std::size_t size_class) noexcept {
    free_frame* const frame = cache.free[size_class];
    unpoison(frame, size_of(size_class));
    cache.free[size_class] = frame->next;
    cache.bytes -= size_of(size_class);
    return frame;
}

// Makes room for a frame by evicting frames of one other size class, so that the frames of one burst cannot
// fill the cache forever. If that class has too few frames, returns false. In this case, the caller returns
// its frame to the heap, and the next call tries the next class.
[[gnu::noinline, gnu::cold]] bool make_room(std::size_t size_class) noexcept {
    const std::size_t other = cache.evict_next;
    while (other != size_class && cache.free[other] && !has_room(size_of(size_class)))
        ::operator delete(take(other));
    if (has_room(size_of(size_class)))
        return true;
    cache.evict_next = (other + 1) % classes;
    return false;
}

void keep_or_free(void* frame, std::size_t size_class) noexcept {
    const std::size_t size = size_of(size_class);
    if (cache.closed || (!has_room(size) && !make_room(size_class))) [[unlikely]] {
        unpoison(frame, size);
        ::operator delete(frame);
        return;
    }
    unpoison(frame, sizeof(free_frame));
    cache.free[size_class] = new (frame) free_frame{cache.free[size_class]};
    cache.bytes += size;
    poison(frame, size);
}

#ifdef COIL_FRAME_QUARANTINE

void release_oldest() noexcept {
    const quarantined_frame held = cache.held.frames[cache.held.oldest];
    cache.held.oldest = (cache.held.oldest + 1) % quarantined_max;
    --cache.held.count;
    check_pattern(held);
    keep_or_free(held.frame, class_of(held.size));
}

void set_aside(void* frame, std::size_t size_class) noexcept {
    if (cache.closed) {
        keep_or_free(frame, size_class);
        return;
    }
    if (cache.held.count == quarantined_max)
        release_oldest();
    const std::size_t size = size_of(size_class);
    std::memset(frame, pattern, size);
    poison(frame, size);
    cache.held.frames[(cache.held.oldest + cache.held.count++) % quarantined_max] = {
        static_cast<unsigned char*>(frame), size};
}

#else

void set_aside(void* frame, std::size_t size_class) noexcept { keep_or_free(frame, size_class); }

#endif

void close_cache() noexcept {
#ifdef COIL_FRAME_QUARANTINE
    while (cache.held.count > 0)
        release_oldest();
#endif
    cache.closed = true;
    for (std::size_t size_class = 0; size_class < classes; ++size_class)
        while (cache.free[size_class])
            ::operator delete(take(size_class));
}

struct cleanup {
    ~cleanup() { close_cache(); }
};

void register_cleanup() noexcept {
    static thread_local cleanup at_thread_exit;
    cache.cleanup_registered = true;
    static_cast<void>(&at_thread_exit);
}

}  // namespace

void* frame_allocate(std::size_t size) {
    if (size > size_max)
        return ::operator new(size);
    const std::size_t size_class = class_of(size);
    if (cache.free[size_class]) {
        ++cache.statistics.recycled;
        return take(size_class);
    }
    if (!cache.cleanup_registered)
        register_cleanup();
    ++cache.statistics.allocated;
    return ::operator new(size_of(size_class));
}

void frame_deallocate(void* frame, std::size_t size) noexcept {
    if (size > size_max) {
        ::operator delete(frame);
        return;
    }
    if (!cache.cleanup_registered)
        register_cleanup();
    set_aside(frame, class_of(size));
}

std::size_t frame_quarantine_check() noexcept {
#ifdef COIL_FRAME_QUARANTINE
    for (std::size_t i = 0; i < cache.held.count; ++i) {
        const quarantined_frame& held = cache.held.frames[(cache.held.oldest + i) % quarantined_max];
        check_pattern(held);
        poison(held.frame, held.size);
    }
    return cache.held.count;
#else
    return 0;
#endif
}

frame_statistics frame_statistics_of_thread() noexcept { return cache.statistics; }

}  // namespace coil::COIL_ABI::detail
