// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#include "ring/user_memory.hpp"
#include "base/report.hpp"

#ifdef COIL_ASAN

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdint>
#include <utility>

#include <liburing.h>

namespace coil::COIL_ABI::ring {
namespace {

struct region {
    const void* begin = nullptr;
    std::size_t size = 0;
    bool is_written = false;
};

// Regions up to this size are checked completely. In larger regions, only the beginning and the end are
// checked.
constexpr std::size_t checked_whole_max = 1 << 20;
constexpr std::size_t checked_end = 4096;

const void* first_poisoned(const region& which) noexcept {
    if (!which.begin || which.size == 0)
        return nullptr;
    auto* begin = static_cast<char*>(const_cast<void*>(which.begin));
    if (which.size <= checked_whole_max)
        return __asan_region_is_poisoned(begin, which.size);
    if (const void* found = __asan_region_is_poisoned(begin, checked_end))
        return found;
    return __asan_region_is_poisoned(begin + which.size - checked_end, checked_end);
}

[[gnu::noinline]] void check(const region& which, const char* mistake) noexcept {
    const void* found = first_poisoned(which);
    if (!found)
        return;
    report({mistake});
    char here = 0;
    __asan_report_error(__builtin_return_address(0), __builtin_frame_address(0), &here,
                        const_cast<void*>(found), which.is_written, 1);
}

constexpr const char* dead_when_given =
    "a buffer or an endpoint is not alive when the kernel gets it (freed, or a temporary that was destroyed)";
constexpr const char* dead_when_done =
    "a buffer was freed while the kernel had it: it must live until the await is over, even if that is cancelled";

template <class Visit>
void for_each_buffer(const iovec* buffers, std::size_t count, bool is_written, const Visit& visit) {
    visit({buffers, count * sizeof(iovec), false});
    for (std::size_t i = 0; i < count; ++i)
        visit({buffers[i].iov_base, buffers[i].iov_len, is_written});
}

template <class Visit>
void for_each_region(const msghdr& message, bool is_written, const Visit& visit) {
    for_each_buffer(message.msg_iov, message.msg_iovlen, is_written, visit);
    visit({message.msg_name, message.msg_namelen, is_written});
    visit({message.msg_control, message.msg_controllen, is_written});
}

template <class Visit>
void for_each_region(const io_uring_sqe& sqe, const Visit& visit) {
    const auto* memory = reinterpret_cast<const void*>(static_cast<std::uintptr_t>(sqe.addr));
    if (sqe.flags & IOSQE_BUFFER_SELECT)
        return;  // the kernel selects the buffer
    switch (sqe.opcode) {
    case IORING_OP_RECV:
    case IORING_OP_READ: return visit({memory, sqe.len, true});
    case IORING_OP_SEND:
    case IORING_OP_WRITE: return visit({memory, sqe.len, false});
    case IORING_OP_READV: return for_each_buffer(static_cast<const iovec*>(memory), sqe.len, true, visit);
    case IORING_OP_WRITEV: return for_each_buffer(static_cast<const iovec*>(memory), sqe.len, false, visit);
    case IORING_OP_RECVMSG: return for_each_region(*static_cast<const msghdr*>(memory), true, visit);
    case IORING_OP_SENDMSG: return for_each_region(*static_cast<const msghdr*>(memory), false, visit);
    case IORING_OP_CONNECT: return visit({memory, static_cast<std::size_t>(sqe.off), false});
    default: return;
    }
}

/// The memory that an operation has passed to the kernel. All contexts share one fixed-size table of entries,
/// because an operation must not allocate, and its layout must not depend on the sanitizer. If two operations
/// need the same entry, the newer operation overwrites the entry and the older operation is not checked.
struct entry {
    std::atomic_flag is_locked;
    const void* owner = nullptr;
    std::size_t count = 0;
    std::array<region, 4> regions{};
};
constinit std::array<entry, 1024> entries{};

class locked_entry {
public:
    explicit locked_entry(const void* owner) noexcept
        : entry_(entries[(reinterpret_cast<std::uintptr_t>(owner) >> 4) % entries.size()]) {
        while (entry_.is_locked.test_and_set(std::memory_order_acquire))
            ;
    }
    locked_entry(const locked_entry&) = delete;
    locked_entry& operator=(const locked_entry&) = delete;
    ~locked_entry() { entry_.is_locked.clear(std::memory_order_release); }

    entry* operator->() const noexcept { return &entry_; }

private:
    entry& entry_;
};

}  // namespace

void check_submitted(const io_uring_sqe& sqe, const void* owner) noexcept {
    for_each_region(sqe, [](const region& each) { check(each, dead_when_given); });
    const locked_entry mine(owner);
    mine->owner = owner;
    mine->count = 0;
    for_each_region(sqe, [&](const region& each) {
        if (each.begin && each.size > 0 && mine->count < mine->regions.size())
            mine->regions[mine->count++] = each;
    });
}

void check_completed(const void* owner) noexcept {
    std::array<region, 4> regions{};
    std::size_t count = 0;
    {
        const locked_entry mine(owner);
        if (mine->owner != owner)
            return;
        regions = mine->regions;
        count = std::exchange(mine->count, 0);
        mine->owner = nullptr;
    }
    for (std::size_t i = 0; i < count; ++i)
        check(regions[i], dead_when_done);
}

void check_read(const void* memory, std::size_t size) noexcept {
    check({memory, size, false}, dead_when_given);
}

void check_read(const msghdr& message) noexcept {
    for_each_region(message, false, [](const region& each) { check(each, dead_when_given); });
}

}  // namespace coil::COIL_ABI::ring

#endif
