// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#pragma once

#include <coil/version.hpp>

#include <coroutine>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include <coil/base/intrusive_list.hpp>
#include <coil/coro/scheduler.hpp>
#include <coil/loop/chunk.hpp>
#include <coil/loop/timers.hpp>

namespace coil::COIL_ABI {

namespace detail {

class event_loop;
class mapping;

}  // namespace detail

namespace ring {
class buffer_ring;
}

/// The kernel's buffer group IDs for the pools of a context.
namespace detail::pool_group {
inline constexpr std::uint16_t streams = 0;
inline constexpr std::uint16_t datagrams = 1;
inline constexpr std::uint16_t trains = 2;
inline constexpr std::uint16_t bulk = 3;
inline constexpr std::uint16_t reserve = 4;
inline constexpr std::uint16_t count = 5;
}  // namespace detail::pool_group

/// A pool of buffers that the kernel fills, such as `io_context::pool()`. An idle connection uses no buffer.
///
///     entry    in the ring ----bytes arrive----> filled by one receive after another ----full----> held
///                 ^                                                                                 |
///                 +----------------------- its last chunk is destroyed -----------------------------+
///
/// With kernel 6.12 and later, entries are large, and consecutive receives fill an entry piece by piece, even
/// if the receives belong to different connections. An older kernel uses a whole entry for each receive.
/// Entries are then smaller, and a stream that fills whole entries uses a second pool with larger entries.
///
/// A reader that keeps chunks, or leaves them unread, does not block other readers, because the pool can copy
/// received bytes to the heap to free their entries. The pool copies bytes in two cases:
///
/// - If fewer than a quarter of the entries are free, small chunks (at most 4 KiB) are copied, because even a
///   chunk of ten bytes pins a whole entry.
/// - If a stream is waiting for a buffer and no entry has been returned for a millisecond, the stream
///   receives into an entry of a separate pool, the reserve, at most 4 KiB at a time, and these bytes are
///   copied. While entries are still being returned, for example under a load of large messages, it is faster
///   to wait for the next entry.
///
/// The context counts the memory of the copies. When the total reaches `options::held_max`, small chunks are
/// no longer copied. Bytes in reserve entries are still copied, but these copies take at most 4 KiB for each
/// stream that has a reader.
///
/// Datagrams have their own pools. Each datagram uses a whole entry, because an incrementally filled entry
/// could end in the middle of a datagram. Instead of a reserve, these pools keep a few spare entries. Copies
/// of datagrams have a separate limit of `held_max` bytes. When this limit is reached, or while the spares
/// are in use, a socket that has an unread datagram receives no further datagrams.
class buffer_pool {
public:
    /// Creates the pool for streams.
    buffer_pool(detail::event_loop& context, std::size_t size);
    /// Creates a pool in which each entry holds a single receive of at most `entry_size` bytes.
    buffer_pool(detail::event_loop& context, std::uint16_t group, std::size_t size, std::size_t entry_size);
    buffer_pool(const buffer_pool&) = delete;
    buffer_pool& operator=(const buffer_pool&) = delete;
    ~buffer_pool();

    /// Returns the total size in bytes.
    [[nodiscard]] std::size_t size() const noexcept { return entries_.size() * entry_size_; }
    /// Returns true if an entry can hold the bytes of several receives.
    [[nodiscard]] bool is_incremental() const noexcept { return incremental_; }
    /// Returns the size of an entry, which is also the size of the largest chunk.
    [[nodiscard]] std::size_t entry_size() const noexcept { return entry_size_; }

    // ---- for operations -----------------------------------------------------------------------------------

    [[nodiscard]] std::uint16_t group() const noexcept { return group_; }
    /// Returns true if an entry is free, so that a receive would find a buffer.
    [[nodiscard]] bool has_room() const noexcept { return free_ > 0; }
    /// Returns the bytes of a completion as a chunk, without copying them. Call this for each completion that
    /// names a buffer, in the order of the completions.
    chunk take(std::int32_t result, std::uint32_t flags) noexcept;
    /// Returns true if fewer than a quarter of the entries are free. Small chunks are then copied.
    [[nodiscard]] bool is_low() const noexcept { return free_ < entries_.size() / 4; }
    /// If streams are waiting and no regular entry is returned for a while, the pool uses its spares or the
    /// reserve, and this function returns true until the next regular entry is returned. Bytes received into
    /// the spares or the reserve are copied to the heap.
    [[nodiscard]] bool is_lending() const noexcept { return lending_; }
    /// Copies the chunk to the heap if it is small and the pool is low, or if it is in a spare or reserve
    /// entry.
    void copy_if_low(chunk& taken) noexcept;
    /// Tries to add `next` to `last`, the last unread chunk. If `next` directly follows `last` in one entry,
    /// no byte is copied. Otherwise, if copy_if_low() would copy `next`, or if `next` is tiny and there are
    /// many unread chunks (`crowded`), copies the bytes of `next` to the heap. If `last` has a heap block
    /// with enough space, the bytes go to the end of that block. If not, they go to a new block with space
    /// for later chunks. Returns false if `next` remains a separate chunk.
    bool join(chunk& last, chunk& next, bool crowded) noexcept;
    /// Returns true if the chunk is not in the pool.
    [[nodiscard]] static bool is_copy(const chunk& taken) noexcept { return !taken.pool_; }
    /// Splits the first `n` bytes off `whole` and returns them as a separate chunk, which pins the same entry
    /// as `whole`. Returns all of `whole` if it has no more than `n` bytes or is not in the pool.
    static chunk share(chunk& whole, std::size_t n) noexcept;
    /// If `next` directly follows `before` in the same entry, merges `next` into `before` and returns true.
    static bool merge(chunk& before, chunk& next) noexcept;
    /// Returns true if a receive may be submitted now, that is, if an entry is free and no stream is waiting.
    [[nodiscard]] bool may_submit() const noexcept { return has_room() && !is_exhausted_; }
    /// Queues the waiter `starved`, and calls its run() when a buffer is available. Waiters run in FIFO
    /// order, but waiters that got ENOBUFS go first. In run(), the waiter must submit a receive for one
    /// buffer or call skip().
    void wait_for_room(detail::node& starved, bool got_enobufs = false) noexcept;
    /// A waiter calls this function in its run() if the waiter no longer needs a buffer.
    void skip() noexcept { skipped_ = true; }
    /// While a pool is exhausted, called once per loop iteration, after the ready tasks have run. Lets
    /// waiting streams submit receives for the entries that have been returned. Returns true if streams are
    /// still waiting or no entry is free. The next iteration must then call this function again.
    bool serve_waiting_streams() noexcept;

    /// Registers the buffers with a new ring.
    void reopen();
    /// Called when the context has ended but the pool stays allocated, because the kernel may still write to
    /// the buffers. From now on, released chunks are ignored.
    void context_ended() noexcept { context_ = nullptr; }
    /// Adds the memory of a copied chunk to the context's total.
    void hold(std::size_t bytes) noexcept;
    void release_held(std::size_t bytes) noexcept;

    struct counters {
        unsigned long long copied = 0;   ///< chunks copied to the heap
        unsigned long long starved = 0;  ///< receives that found no free entry (ENOBUFS)
        std::size_t pinned = 0;          ///< number of entries that chunks pin
        std::size_t pinned_max = 0;      ///< the maximum value of `pinned`
    };
    [[nodiscard]] counters metrics() const noexcept { return counts_; }
    /// Counts a receive that got ENOBUFS, and resets submits_per_entry_, so that waiting streams submit only
    /// one receive per free entry.
    void count_starved() noexcept {
        ++counts_.starved;
        submits_per_entry_ = 1;
    }

private:
    friend class chunk;

    /// While streams are waiting for an entry, checks every millisecond whether entries have been returned.
    class stall_timer final : public detail::timer_entry {
    public:
        explicit stall_timer(buffer_pool& pool) noexcept : pool_(pool) {}
        std::coroutine_handle<> run() noexcept override {
            pool_.schedule_waiting_streams();
            return nullptr;
        }

    private:
        buffer_pool& pool_;
    };

    struct entry {
        std::uint32_t filled = 0;  // bytes that the kernel has written
        std::uint32_t chunks = 0;
        bool in_ring = false;
    };

    [[nodiscard]] bool should_copy(const chunk& taken) const noexcept;
    void copy_out(chunk& taken, std::size_t capacity) noexcept;
    static bool append(chunk& last, chunk& next) noexcept;
    void allocate(std::size_t size, std::size_t entry_size);
    void provide(std::uint32_t number) noexcept;
    void release(std::uint32_t number) noexcept;
    void schedule_waiting_streams() noexcept;
    [[nodiscard]] std::size_t submit_budget() const noexcept;
    bool serve_one() noexcept;
    [[nodiscard]] bool has_waiting_streams() const noexcept {
        return !waiting_.empty() || !got_enobufs_.empty();
    }
    void lend() noexcept;
    [[nodiscard]] bool is_for_datagrams() const noexcept {
        return group_ == detail::pool_group::datagrams || group_ == detail::pool_group::trains;
    }
    /// Returns the number of spares, which are the first few entries of a datagram pool. The kernel gets the
    /// spares only if no regular entry has been returned for a while. Other pools have no spares.
    [[nodiscard]] std::size_t spares() const noexcept {
        if (!is_for_datagrams())
            return 0;
        return entries_.size() < 16 ? 1 : entries_.size() / 16;
    }
    [[nodiscard]] bool is_spare(std::uint32_t number) const noexcept { return number < spares(); }

    detail::event_loop* context_;  // null after the context has ended
    std::uint16_t group_ = detail::pool_group::streams;
    std::unique_ptr<ring::buffer_ring> ring_;
    std::unique_ptr<detail::mapping> memory_;
    std::byte* buffers_ = nullptr;  // the first byte of memory_
    std::size_t entry_size_ = 0;
    bool incremental_ = true;
    std::vector<entry> entries_;
    std::size_t free_ = 0;  // number of entries in the ring
    detail::intrusive_list<detail::node> got_enobufs_;
    detail::intrusive_list<detail::node> waiting_;
    stall_timer stall_timer_{*this};
    unsigned long long came_back_ = 0;  // number of entries returned so far, not counting spares
    unsigned long long came_back_before_ = 0;
    // Set when streams are waiting and no regular entry has been returned for a while. The spares or the
    // reserve are then in use until the next regular entry is returned.
    bool lending_ = false;
    // True if, at the last check, no entry was free or streams were waiting. New receives then queue behind
    // the waiting streams.
    bool is_exhausted_ = false;
    bool skipped_ = false;
    // The number of waiting streams that may submit a receive for each free entry. It is 1 after an ENOBUFS
    // and then grows, because an incremental entry holds the bytes of several receives.
    std::uint8_t submits_per_entry_ = submits_per_entry_max;
    static constexpr std::uint8_t submits_per_entry_max = 4;
    counters counts_;
};

}  // namespace coil::COIL_ABI
