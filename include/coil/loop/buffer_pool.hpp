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

class io_context;
class mapping;
namespace ring {
class buffer_ring;
}

/// The kernel's buffer group IDs of a context's pools.
namespace pool_group {
inline constexpr std::uint16_t streams = 0;
inline constexpr std::uint16_t datagrams = 1;
inline constexpr std::uint16_t trains = 2;
inline constexpr std::uint16_t bulk = 3;
inline constexpr std::uint16_t reserve = 4;
inline constexpr std::uint16_t count = 5;
}  // namespace pool_group

/// The buffers of a context that the kernel fills: `io_context::pool()`. An idle connection holds none of
/// them.
///
///     entry    in the ring ----bytes arrive----> filled by one receive after the other ----full----> held
///                 ^                                                                                   |
///                 +---------------------------- its last chunk is destroyed -------------------------+
///
/// From kernel 6.12 on, entries are large, and the receives of all connections fill them incrementally.
/// Before, each receive takes a whole entry, so entries are smaller, and a second pool of large ones serves
/// streams that fill them.
///
/// A reader that holds on to chunks, or leaves them unread, does not block others: received bytes are copied
/// to the heap
///
/// - if they are few (at most 4 KiB) and less than a quarter of the entries is free, because ten bytes pin a
///   whole entry;
/// - if a stream waits for a buffer and no entry has been returned for a millisecond. That stream receives
///   into an entry of the reserve, at most 4 KiB at a time. While entries come and go, as under a load of
///   large messages, it is faster to wait for the next one.
///
/// The context counts the memory of the copies, and at `options::held_max` the first kind of copy ends. The
/// second kind continues: it holds at most one piece of 4 KiB for each stream that has a reader.
///
/// Datagrams have pools of their own, in which each datagram takes a whole entry: an entry that is filled
/// incrementally would end in the middle of a datagram. These pools keep a few spare entries instead of a
/// reserve. Their copies are counted separately, up to `held_max` too. From then on, and while the spares are
/// in use, a socket with an unread datagram receives no more.
class buffer_pool {
public:
    /// The pool for streams.
    buffer_pool(io_context& context, std::size_t size);
    /// A pool with entries of `entry_size` bytes, each for one receive.
    buffer_pool(io_context& context, std::uint16_t group, std::size_t size, std::size_t entry_size);
    buffer_pool(const buffer_pool&) = delete;
    buffer_pool& operator=(const buffer_pool&) = delete;
    ~buffer_pool();

    /// The total size in bytes.
    [[nodiscard]] std::size_t size() const noexcept { return entries_.size() * entry_size_; }
    /// Whether one entry holds the bytes of several receives.
    [[nodiscard]] bool is_incremental() const noexcept { return incremental_; }
    /// The size of an entry, and so of the largest chunk.
    [[nodiscard]] std::size_t entry_size() const noexcept { return entry_size_; }

    // ---- for operations -----------------------------------------------------------------------------------

    [[nodiscard]] std::uint16_t group() const noexcept { return group_; }
    /// Whether a receive would find a buffer.
    [[nodiscard]] bool has_room() const noexcept { return free_ > 0; }
    /// Returns the bytes of a completion as a chunk, without a copy. Must be called for each completion that
    /// names a buffer, in order.
    chunk take(std::int32_t result, std::uint32_t flags) noexcept;
    /// Whether less than a quarter of the entries is free. If so, small chunks are copied out.
    [[nodiscard]] bool is_low() const noexcept { return free_ < entries_.size() / 4; }
    /// Whether no entry has been returned for a while, so the spares or the reserve are in use. Bytes
    /// received into these are copied out.
    [[nodiscard]] bool is_lending() const noexcept { return lending_; }
    /// Copies the bytes to the heap if they are few and the pool is low, or if they are in a spare or reserve
    /// entry.
    void copy_if_low(chunk& taken) noexcept;
    /// Merges `next` into `last`, the last unread chunk, or appends a copy of it. Returns true on success.
    /// Returns false if `next` remains a chunk of its own. It then is a copy, in a block with room for more,
    /// if the pool is low, or if it is tiny and many chunks are unread (`crowded`).
    bool join(chunk& last, chunk& next, bool crowded) noexcept;
    /// Whether the bytes were copied out of the pool.
    [[nodiscard]] static bool is_copy(const chunk& taken) noexcept { return !taken.pool_; }
    /// Splits off the first `n` bytes of `whole` as a chunk of their own, which pins the same entry. A chunk
    /// that is not in the pool is returned whole.
    static chunk share(chunk& whole, std::size_t n) noexcept;
    /// Appends `next` to `before` if it follows in the same entry. Returns whether it did.
    static bool merge(chunk& before, chunk& next) noexcept;
    /// Whether a receive may be submitted now: a buffer is free, and no stream waits for one.
    [[nodiscard]] bool may_submit() const noexcept { return has_room() && !is_exhausted_; }
    /// Runs `starved` when a buffer is free. FIFO; waiters that got ENOBUFS go first. `starved` then submits
    /// a receive for one buffer, or calls skip().
    void wait_for_room(node& starved, bool got_enobufs = false) noexcept;
    /// Called by a waiter that is run but no longer needs a buffer.
    void skip() noexcept { skipped_ = true; }
    /// Called once per iteration, after the ready list has run: lets waiting streams submit receives for the
    /// entries that were returned. Returns whether to call it again: streams still wait, or no buffer is
    /// free.
    bool serve_waiting_streams() noexcept;

    /// Registers the buffers with a new ring.
    void reopen();
    /// The context has ended, but the pool stays allocated, because the kernel may still write to it. Chunks
    /// that are released from now on are ignored.
    void context_ended() noexcept { context_ = nullptr; }
    /// Adds the memory of a copied chunk to the context's count.
    void hold(std::size_t bytes) noexcept;
    void release_held(std::size_t bytes) noexcept;

    struct counters {
        unsigned long long copied = 0;   ///< chunks that were copied out because the pool was low
        unsigned long long starved = 0;  ///< receives that found no buffer (ENOBUFS)
        std::size_t pinned = 0;          ///< entries that chunks hold
        std::size_t pinned_max = 0;      ///< the maximum of `pinned`
    };
    [[nodiscard]] const counters& counts() const noexcept { return counts_; }
    /// Counts a receive that got ENOBUFS.
    void count_starved() noexcept {
        ++counts_.starved;
        submits_per_entry_ = 1;
    }

private:
    friend class chunk;

    /// Checks every millisecond whether entries are returned while streams wait for one.
    class stall_timer final : public timer_entry {
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
        std::uint32_t filled = 0;  // bytes written by the kernel
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
        return group_ == pool_group::datagrams || group_ == pool_group::trains;
    }
    /// The first few entries of a datagram pool are spares, which the kernel gets when no other entry is
    /// left. Streams have the reserve instead.
    [[nodiscard]] std::size_t spares() const noexcept {
        if (!is_for_datagrams())
            return 0;
        return entries_.size() < 16 ? 1 : entries_.size() / 16;
    }
    [[nodiscard]] bool is_spare(std::uint32_t number) const noexcept { return number < spares(); }

    io_context* context_;  // null after it has ended
    std::uint16_t group_ = pool_group::streams;
    std::unique_ptr<ring::buffer_ring> ring_;
    std::unique_ptr<mapping> memory_;
    std::byte* buffers_ = nullptr;  // the memory's first byte
    std::size_t entry_size_ = 0;
    bool incremental_ = true;
    std::vector<entry> entries_;
    std::size_t free_ = 0;  // entries in the ring
    intrusive_list<node> got_enobufs_;
    intrusive_list<node> waiting_;
    stall_timer stall_timer_{*this};
    unsigned long long came_back_ = 0;  // entries that were returned, without the spares
    unsigned long long came_back_before_ = 0;
    bool lending_ = false;       // no entry was returned for a while: the spares or the reserve are in use
    bool is_exhausted_ = false;  // no entry was free, or streams wait: new receives queue behind them
    bool skipped_ = false;
    // The number of waiting streams that may submit a receive for each free entry: 1 after an ENOBUFS, then
    // more, because an incremental entry holds the bytes of several receives.
    std::uint8_t submits_per_entry_ = submits_per_entry_max;
    static constexpr std::uint8_t submits_per_entry_max = 4;
    counters counts_;
};

}  // namespace coil::COIL_ABI
