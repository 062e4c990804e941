// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#pragma once

#include <coil/version.hpp>

#include <cstddef>
#include <cstdint>

#include <liburing.h>

#include "base/mapping.hpp"

namespace coil::COIL_ABI::ring {

/// A provided-buffer ring in memory shared with the kernel. The kernel picks a buffer when data arrives, so a
/// waiting receive does not need its own buffer.
///
///     buffers [ . . 3 4 5 . . . ]
///                 ^     ^
///              head     tail       the kernel keeps the head private, we move the tail
///
/// The tail is stored in the reserved field of the first entry.
class buffer_ring {
public:
    /// `entries` must be a power of two. If memory runs out, data() is null.
    explicit buffer_ring(unsigned entries) noexcept;
    buffer_ring(const buffer_ring&) = delete;
    buffer_ring& operator=(const buffer_ring&) = delete;

    [[nodiscard]] io_uring_buf* data() const noexcept {
        return reinterpret_cast<io_uring_buf*>(memory_.data());
    }
    [[nodiscard]] unsigned entries() const noexcept { return mask_ + 1; }

    /// Empties the ring. Call this before registering the ring with a kernel.
    void clear() noexcept { publish(tail_ = 0); }

    /// Gives a buffer to the kernel. Completions refer to it by `id`.
    void provide(void* data, std::size_t size, std::uint16_t id) noexcept {
        io_uring_buf& next = this->data()[tail_ & mask_];
        next.addr = reinterpret_cast<std::uintptr_t>(data);
        next.len = static_cast<std::uint32_t>(size);
        next.bid = id;
        publish(++tail_);
    }

private:
    // The release pairs with the kernel's acquire load of the tail, so that the kernel sees the whole entry.
    void publish(std::uint16_t tail) noexcept { __atomic_store_n(&data()[0].resv, tail, __ATOMIC_RELEASE); }

    detail::mapping memory_;
    unsigned mask_;
    std::uint16_t tail_ = 0;
};

static_assert(sizeof(io_uring_buf) == 16 && offsetof(io_uring_buf, resv) == 14);

}  // namespace coil::COIL_ABI::ring
