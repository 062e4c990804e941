// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#pragma once

#include <coil/version.hpp>

#include <cstddef>
#include <cstdint>

#include <coil/base/owned.hpp>

namespace coil::COIL_ABI {

class buffer_pool;
namespace ring {
class buffer_ring;
}

namespace detail {

class event_loop;

/// The buffer pools of a context. Each pool is created when it is first needed. This class counts the memory
/// of the chunks that were copied out of the pools.
class buffer_pools {
public:
    explicit buffer_pools(event_loop& context) noexcept;
    buffer_pools(const buffer_pools&) = delete;
    buffer_pools& operator=(const buffer_pools&) = delete;
    ~buffer_pools();

    /// Returns the pool for streams, which users know as `io_context::pool()`. The first call creates this
    /// pool and the reserve. Throws std::bad_alloc, or a std::system_error if the kernel refuses the buffers.
    [[nodiscard]] buffer_pool& streams();
    /// Returns a pool for `recvfrom_stream`. If `trains` is false, an entry holds one datagram. If `trains`
    /// is true, an entry holds one train of datagrams, for sockets with `udp::receive_offload`. Throws
    /// std::bad_alloc, or a std::system_error if the kernel refuses the buffers.
    [[nodiscard]] buffer_pool& datagrams(bool trains = false);
    /// Returns a second pool, for streams that receive more bytes at a time than fit into an entry of
    /// streams(). Its total size is a quarter of the size of streams(). Returns null if the entries of
    /// streams() are already large (kernel 6.12 and later), or if the second pool cannot be created.
    [[nodiscard]] buffer_pool* bulk();
    /// Returns an existing pool, given its `pool_group`. Does not check the thread, because only operations
    /// call this function, on the thread of their loop.
    [[nodiscard]] buffer_pool& made(std::uint16_t group) const noexcept { return *pools_[group]; }
    /// Returns the reserve, a pool of small entries. A stream that has waited too long for an entry of
    /// streams() receives into the reserve instead. The received bytes are copied out immediately, so the
    /// reserve never runs out of entries. The reserve is created by streams().
    [[nodiscard]] buffer_pool& reserve() const noexcept { return *pools_[count - 1]; }

    /// Returns the number of unread bytes at which a stream stops receiving.
    [[nodiscard]] std::size_t ahead_max() const noexcept;
    /// Counts the memory of a chunk that was copied out of a pool. When the chunk is destroyed or detached,
    /// release_held() subtracts this memory again. Streams and datagrams have separate budgets, so a flood of
    /// datagrams does not slow down streams.
    void hold(std::size_t bytes, bool datagrams) noexcept { held_[datagrams] += bytes; }
    void release_held(std::size_t bytes, bool datagrams) noexcept { held_[datagrams] -= bytes; }
    [[nodiscard]] std::size_t held() const noexcept { return held_[0] + held_[1]; }
    [[nodiscard]] bool may_hold_more(bool datagrams) const noexcept;

    // ---- the loop -----------------------------------------------------------------------------------------

    /// Called when a pool has no free entry, or when streams start to wait for an entry. The loop then serves
    /// the waiting streams before it enters the kernel again.
    void set_exhausted() noexcept { is_exhausted_ = true; }
    void serve_waiting() noexcept {
        if (is_exhausted_) [[unlikely]]
            serve_waiting_streams();
    }
    /// Registers buffers with the kernel. Throws a std::system_error if the kernel refuses them.
    void register_buffers(const ring::buffer_ring& buffers, std::uint16_t group, bool incremental);
    /// Registers all pools with a new ring.
    void reopen();
    /// Called when the context ends while the kernel may still write to the pools. The pools stay allocated.
    void leave() noexcept;

    /// Calls `each` with every existing pool.
    template <class F>
    void for_each(const F& each) const {
        for (const auto& pool: pools_)
            if (pool)
                each(*pool);
    }

private:
    void serve_waiting_streams() noexcept;

    static constexpr std::size_t count = 5;

    event_loop& context_;
    std::size_t held_[2] = {};         // bytes in copies: [0] of streams, [1] of datagrams
    owned<buffer_pool> pools_[count];  // indexed by pool_group
    bool is_exhausted_ = false;        // at least one pool is exhausted
    bool is_bulk_wanted_ = false;      // bulk() was called, but may have created no pool
};

}  // namespace detail
}  // namespace coil::COIL_ABI
