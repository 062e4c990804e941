// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#pragma once

#include <coil/version.hpp>

#include <cstddef>
#include <cstdint>

#include <liburing.h>

#include "base/mapping.hpp"

namespace coil::COIL_ABI::ring {

/// Buffers that the kernel takes when bytes come, instead of one for each operation that waits: a ring in memory that we
/// share with it.
///
///     buffers [ . . 3 4 5 . . . ]
///                 ^     ^
///              head     tail       the kernel keeps the head to itself, we move the tail
///
/// The tail has its place in what would else be the last field of the first buffer.
class buffer_ring {
public:
    /// `entries`: a power of two. Null data() where there is no memory.
    explicit buffer_ring(unsigned entries) noexcept;
    buffer_ring(const buffer_ring&) = delete;
    buffer_ring& operator=(const buffer_ring&) = delete;

    [[nodiscard]] io_uring_buf* data() const noexcept {
        return reinterpret_cast<io_uring_buf*>(memory_.data());
    }
    [[nodiscard]] unsigned entries() const noexcept { return mask_ + 1; }

    /// Empties it, for a kernel that has not seen it yet.
    void clear() noexcept { publish(tail_ = 0); }

    /// Gives a buffer to the kernel, which will name it by `id`.
    void provide(void* data, std::size_t size, std::uint16_t id) noexcept {
        io_uring_buf& next = this->data()[tail_ & mask_];
        next.addr = reinterpret_cast<std::uintptr_t>(data);
        next.len = static_cast<std::uint32_t>(size);
        next.bid = id;
        publish(++tail_);
    }

private:
    // Release: the kernel, which acquires the tail, sees the buffer that was filled in before.
    void publish(std::uint16_t tail) noexcept { __atomic_store_n(&data()[0].resv, tail, __ATOMIC_RELEASE); }

    mapping memory_;
    unsigned mask_;
    std::uint16_t tail_ = 0;
};

static_assert(sizeof(io_uring_buf) == 16 && offsetof(io_uring_buf, resv) == 14);

}  // namespace coil::COIL_ABI::ring
