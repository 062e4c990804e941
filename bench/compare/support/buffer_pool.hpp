// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

#include <sys/mman.h>

#include "support/bare_ring.hpp"

namespace compare {

/// Memory that the kernel fills for multishot receives: a ring of provided buffers with 4 MiB of memory, or 1
/// MiB for the bulk kind. The four kinds are:
///
///     incremental    16 entries of 256 KiB, consumed incrementally; since 6.12
///     classic        256 entries of 16 KiB, one per completion; before 6.12, and for datagrams
///     bulk           8 entries of 128 KiB, one per completion; before 6.12, for connections that send more
///                    than 16 KiB at a time
///     trains         64 entries of 64 KiB, one per completion; for trains of datagrams
class buffer_pool {
public:
    enum class kind { incremental_if_possible, classic, bulk, trains };

    /// A range of bytes in one entry. The caller of take() owns these bytes until it calls give_back().
    struct chunk {
        const std::byte* data;
        unsigned size;
        unsigned short entry;
    };

    explicit buffer_pool(bare_ring& ring, kind wanted = kind::incremental_if_possible) {
        static_assert(offsetof(io_uring_buf_ring, bufs) == 0, "linux-libc-dev 6.1 has it at 8 in C++");
        if (wanted == kind::bulk) {
            group_ = 1;
            size_ /= 4;
        }
        memory_ = map(size_);
        ring_ = static_cast<io_uring_buf_ring*>(map(entries_max * sizeof(io_uring_buf)));
        entries_ = entries_incremental;
        if (wanted != kind::incremental_if_possible || register_with(ring, entries_, incremental) != 0) {
            incremental_ = false;
            entries_ = entries_of(wanted);
            check_result(register_with(ring, entries_, 0), "io_uring_register_buf_ring");
        }
        entry_size_ = static_cast<unsigned>(size_ / entries_);
        for (unsigned entry = 0; entry < entries_; ++entry)
            provide(static_cast<unsigned short>(entry));
    }
    buffer_pool(const buffer_pool&) = delete;
    buffer_pool& operator=(const buffer_pool&) = delete;
    ~buffer_pool() {
        ::munmap(memory_, size_);
        ::munmap(ring_, entries_max * sizeof(io_uring_buf));
    }

    [[nodiscard]] unsigned short group() const noexcept { return group_; }
    [[nodiscard]] bool is_incremental() const noexcept { return incremental_; }
    [[nodiscard]] unsigned entry_size() const noexcept { return entry_size_; }

    /// Returns the chunk that a completion describes. Call this function for every completion that names an
    /// entry, whatever its result is.
    chunk take(const io_uring_cqe& cqe) noexcept {
        const auto entry = static_cast<unsigned short>(cqe.flags >> IORING_CQE_BUFFER_SHIFT);
        const auto bytes = static_cast<unsigned>(cqe.res > 0 ? cqe.res : 0);
        state& taken = states_[entry];
        const chunk piece{begin_of(entry) + taken.filled, bytes, entry};
        taken.filled += bytes;
        taken.full = !incremental_ || !(cqe.flags & more_in_this_entry);
        ++taken.holders;
        return piece;
    }

    /// Releases a chunk. Returns true if the chunk's entry has been returned to the kernel.
    bool give_back(const chunk& piece) noexcept {
        state& given = states_[piece.entry];
        if (--given.holders > 0 || !given.full)
            return false;
        provide(piece.entry);
        return true;
    }

private:
    static constexpr unsigned entries_max = 256;
    static constexpr unsigned entries_incremental = 16;
    static constexpr unsigned short incremental = 2;         // IOU_PBUF_RING_INC, since 6.12
    static constexpr unsigned more_in_this_entry = 1u << 4;  // IORING_CQE_F_BUF_MORE, since 6.12

    struct state {
        unsigned filled = 0;
        unsigned holders = 0;
        bool full = false;
    };

    static unsigned entries_of(kind wanted) noexcept {
        switch (wanted) {
        case kind::bulk: return 8;
        case kind::trains: return 64;
        default: return entries_max;
        }
    }

    static void* map(std::size_t bytes) {
        void* mapped =
            ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_ANONYMOUS | MAP_PRIVATE | MAP_POPULATE, -1, 0);
        check(mapped != MAP_FAILED, "mmap");
        return mapped;
    }

    int register_with(bare_ring& ring, unsigned entries, unsigned short flags) {
        io_uring_buf_reg wanted{};
        wanted.ring_addr = reinterpret_cast<std::uintptr_t>(ring_);
        wanted.ring_entries = entries;
        wanted.bgid = group_;
        // Writes the field after bgid, which is called `pad` in liburing 2.3 and `flags` since 2.4.
        constexpr std::size_t place = offsetof(io_uring_buf_reg, bgid) + sizeof wanted.bgid;
        std::memcpy(reinterpret_cast<char*>(&wanted) + place, &flags, sizeof flags);
        return io_uring_register_buf_ring(&ring.native(), &wanted, 0);
    }

    void provide(unsigned short entry) noexcept {
        states_[entry] = {};
        io_uring_buf_ring_add(ring_, begin_of(entry), entry_size_, entry, io_uring_buf_ring_mask(entries_),
                              0);
        io_uring_buf_ring_advance(ring_, 1);
    }

    std::byte* begin_of(unsigned entry) noexcept {
        return static_cast<std::byte*>(memory_) + entry * std::size_t{entry_size_};
    }

    unsigned short group_ = 0;
    std::size_t size_ = std::size_t{4} << 20;
    void* memory_ = nullptr;
    io_uring_buf_ring* ring_ = nullptr;
    bool incremental_ = true;
    unsigned entries_ = 1;
    unsigned entry_size_ = 0;
    state states_[entries_max];
};

/// Prepares a multishot receive into the pool `into`.
inline void prepare_receive(bare_ring& ring, int socket, std::uint64_t tag, const buffer_pool& into,
                            int flags = 0) {
    io_uring_sqe* sqe = ring.next();
    io_uring_prep_recv_multishot(sqe, socket, nullptr, 0, flags);
    sqe->flags |= IOSQE_BUFFER_SELECT;
    sqe->buf_group = into.group();
    sqe->user_data = tag;
}

}  // namespace compare
