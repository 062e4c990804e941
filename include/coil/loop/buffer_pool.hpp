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

/// The numbers under which the kernel knows a context's pools.
namespace pool_group {
inline constexpr std::uint16_t streams = 0;
inline constexpr std::uint16_t datagrams = 1;
inline constexpr std::uint16_t trains = 2;
inline constexpr std::uint16_t bulk = 3;
inline constexpr std::uint16_t reserve = 4;
inline constexpr std::uint16_t count = 5;
}  // namespace pool_group

/// The buffers of a context that the kernel fills: `io_context::pool()`. An idle connection holds none of them.
///
///     entry    in the ring ----bytes come----> filled by one receive after the other ----full----> held
///                 ^                                                                                  |
///                 +--------------------------- its last chunk is destroyed -------------------------+
///
/// Where the kernel can (since 6.12) entries are large, and filled bit by bit by all connections. Before, each receive takes
/// a whole entry, so they are smaller; a second pool of large ones is for streams that bring enough to fill them.
///
/// A reader that keeps its chunks, or leaves them unread, does not block others: what arrives is copied into memory of its own
///
/// - if it is little and less than a quarter of the entries is free, because ten bytes pin a whole entry;
/// - if no entry has come back for a millisecond while a stream starves. That one receives into an entry of the reserve, at most
///   4 KiB at a time. While entries come and go, as under a load of large messages, it is faster to wait for the next.
///
/// The context counts the memory of the copies, and at `options::held_max` the first of these ends. The second goes on: it
/// holds at most one such piece for each stream that has a reader.
///
/// Datagrams have pools of their own, in which each takes a whole entry: filled bit by bit, an entry would end in the middle of
/// one. These keep a few entries back instead of a reserve. Their copies count apart, up to `held_max` as well: from then on, and
/// while those few are used, a socket with an unread datagram gets no more.
class buffer_pool {
public:
    /// For streams.
    buffer_pool(io_context& context, std::size_t size);
    /// Of entries of this size, each for one receive.
    buffer_pool(io_context& context, std::uint16_t group, std::size_t size, std::size_t entry_size);
    buffer_pool(const buffer_pool&) = delete;
    buffer_pool& operator=(const buffer_pool&) = delete;
    ~buffer_pool();

    /// In bytes.
    [[nodiscard]] std::size_t size() const noexcept { return entries_.size() * entry_size_; }
    /// Whether an entry takes the bytes of many receives.
    [[nodiscard]] bool is_incremental() const noexcept { return incremental_; }
    /// The largest chunk that it gives.
    [[nodiscard]] std::size_t entry_size() const noexcept { return entry_size_; }

    // ---- for operations -----------------------------------------------------------------------------------------------

    [[nodiscard]] std::uint16_t group() const noexcept { return group_; }
    /// Whether the kernel would find a buffer.
    [[nodiscard]] bool has_room() const noexcept { return free_ > 0; }
    /// Called with each answer that names a buffer, in the order of the answers: the bytes, where the kernel has put them.
    chunk take(std::int32_t result, std::uint32_t flags) noexcept;
    /// Whether it is low: what is little is copied out.
    [[nodiscard]] bool is_low() const noexcept { return free_ < entries_.size() / 4; }
    /// Whether no entry has come back for a while, and the entries that are kept back are used: all is copied out.
    [[nodiscard]] bool is_lending() const noexcept { return lending_; }
    /// Copies the bytes out, if the pool is low.
    void relieve(chunk& taken) noexcept;
    /// `next` is to lie unread behind `last`. True: it has become a part of that. False: it is a chunk of its own; if the pool
    /// is low, or it is tiny and many lie unread (`crowded`), it is a copy now, in a block that has room for more.
    bool join(chunk& last, chunk& next, bool crowded) noexcept;
    /// Whether the bytes have left the pool.
    [[nodiscard]] static bool is_copy(const chunk& taken) noexcept { return !taken.pool_; }
    /// The first `n` bytes of `whole` as a chunk of their own, which keeps the same entry. The rest stays in `whole`.
    static chunk share(chunk& whole, std::size_t n) noexcept;
    /// Adds `next` to `before`, if it follows it in memory.
    static bool merge(chunk& before, chunk& next) noexcept;
    /// The same, and nobody has waited for one longer.
    [[nodiscard]] bool may_ask() const noexcept { return has_room() && !is_exhausted_; }
    /// Runs `starved` when there is room again, and its turn: the one that has waited longest is first, and those who have
    /// asked in vain are before all others. It asks the kernel then, for one buffer; or it declines.
    void wait_for_room(node& starved, bool asked_in_vain = false) noexcept;
    /// In that turn: it needs no buffer any more.
    void decline() noexcept { declined_ = true; }
    /// Once a turn, when all that was ready has run: lets those who starve ask for what has come back. False: nobody does.
    bool serve_starved() noexcept;

    /// The ring is a new one: it must be told of the buffers.
    void reopen();
    /// The context has ended, and this pool stays, as the kernel may have it: what is given back from now on is dropped.
    void context_ended() noexcept { context_ = nullptr; }
    /// Counts the bytes of a chunk that has left this pool.
    void hold(std::size_t bytes) noexcept;
    void hold_no_longer(std::size_t bytes) noexcept;

    struct counters {
        unsigned long long copied = 0;   ///< chunks that were copied, as the pool was low
        unsigned long long starved = 0;  ///< times that the kernel found no buffer
        std::size_t pinned = 0;          ///< entries that are held by chunks
        std::size_t pinned_max = 0;      ///< the most there ever were
    };
    [[nodiscard]] const counters& counts() const noexcept { return counts_; }
    /// A receive got ENOBUFS.
    void count_starved() noexcept {
        ++counts_.starved;
        asks_per_entry_ = 1;
    }

private:
    friend class chunk;

    /// Looks whether entries come back while somebody starves.
    class patience final : public timer_entry {
    public:
        explicit patience(buffer_pool& pool) noexcept : pool_(pool) {}
        std::coroutine_handle<> run() noexcept override {
            pool_.look_after_starved();
            return nullptr;
        }

    private:
        buffer_pool& pool_;
    };

    struct entry {
        std::uint32_t filled = 0;  // bytes, by the kernel
        std::uint32_t chunks = 0;
        bool in_ring = false;
    };

    [[nodiscard]] bool wants_out(const chunk& taken) const noexcept;
    void move_out(chunk& taken, std::size_t capacity) noexcept;
    static bool append(chunk& last, chunk& next) noexcept;
    void allocate(std::size_t size, std::size_t entry_size);
    void provide(std::uint32_t number) noexcept;
    void release(std::uint32_t number) noexcept;
    void look_after_starved() noexcept;
    [[nodiscard]] std::size_t room_for_asks() const noexcept;
    bool serve_one() noexcept;
    [[nodiscard]] bool somebody_starves() const noexcept {
        return !starved_.empty() || !asked_in_vain_.empty();
    }
    void lend() noexcept;
    [[nodiscard]] bool is_for_datagrams() const noexcept {
        return group_ == pool_group::datagrams || group_ == pool_group::trains;
    }
    /// The first few are kept back, and lent to the kernel when nothing else is left. Streams have the reserve.
    [[nodiscard]] std::size_t spares() const noexcept {
        if (!is_for_datagrams())
            return 0;
        return entries_.size() < 16 ? 1 : entries_.size() / 16;
    }
    [[nodiscard]] bool is_spare(std::uint32_t number) const noexcept { return number < spares(); }

    io_context* context_;  // null once it has ended
    std::uint16_t group_ = pool_group::streams;
    std::unique_ptr<ring::buffer_ring> ring_;
    std::unique_ptr<mapping> memory_;
    std::byte* buffers_ = nullptr;  // the memory's first byte
    std::size_t entry_size_ = 0;
    bool incremental_ = true;
    std::vector<entry> entries_;
    std::size_t free_ = 0;  // in the ring
    intrusive_list<node> asked_in_vain_;
    intrusive_list<node> starved_;
    patience patience_{*this};
    unsigned long long came_back_ = 0;  // entries, except the spare ones
    unsigned long long came_back_before_ = 0;
    bool lending_ = false;       // no entry came back for a while: the spares, or the reserve, are used
    bool is_exhausted_ = false;  // the kernel has used up all, and those whom it told so come first
    bool declined_ = false;
    // How many of those that starve may ask for one free entry: 1 after an ENOBUFS, then more, where an entry takes the bytes
    // of several.
    std::uint8_t asks_per_entry_ = asks_per_entry_max;
    static constexpr std::uint8_t asks_per_entry_max = 4;
    counters counts_;
};

}  // namespace coil::COIL_ABI
