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

/// The buffer pools of a context. Each is created when it is first needed. Also counts the memory of the
/// chunks that were copied out of them.
class buffer_pools {
public:
    explicit buffer_pools(event_loop& context) noexcept;
    buffer_pools(const buffer_pools&) = delete;
    buffer_pools& operator=(const buffer_pools&) = delete;
    ~buffer_pools();

    /// The pool for streams, which is `io_context::pool()`, and with it the reserve. Throws std::bad_alloc,
    /// or a std::system_error if the kernel refuses the buffers.
    [[nodiscard]] buffer_pool& streams();
    /// The pool for `recvfrom_stream`. An entry holds one datagram or, with `trains`, one train of datagrams
    /// of a socket with `udp::receive_offload`. Throws as streams() does.
    [[nodiscard]] buffer_pool& datagrams(bool trains = false);
    /// A second pool, a quarter of the size of streams(), for streams that receive more at a time than an
    /// entry of streams() holds. Null if those entries are large (kernel 6.12 and later), or if the pool
    /// could not be created.
    [[nodiscard]] buffer_pool* bulk();
    /// An existing pool by its `pool_group`. Does not check the thread, because operations call it on their
    /// loop.
    [[nodiscard]] buffer_pool& made(std::uint16_t group) const noexcept { return *pools_[group]; }
    /// Small entries for streams that have waited too long for an entry of streams(). Their bytes are copied
    /// out on arrival, so the entries never run out. Created by streams().
    [[nodiscard]] buffer_pool& reserve() const noexcept { return *pools_[count - 1]; }

    /// The number of bytes that a stream may receive ahead.
    [[nodiscard]] std::size_t ahead_max() const noexcept;
    /// Counts the memory of chunks that were copied out of a pool, until they are destroyed or detached.
    /// Streams and datagrams have separate budgets, so a flood of datagrams does not slow down streams.
    void hold(std::size_t bytes, bool datagrams) noexcept { held_[datagrams] += bytes; }
    void release_held(std::size_t bytes, bool datagrams) noexcept { held_[datagrams] -= bytes; }
    [[nodiscard]] std::size_t held() const noexcept { return held_[0] + held_[1]; }
    [[nodiscard]] bool may_hold_more(bool datagrams) const noexcept;

    // ---- the loop -----------------------------------------------------------------------------------------

    /// A pool has no free entry, or streams wait for one. The loop calls serve_waiting() before its next
    /// enter.
    void set_exhausted() noexcept { is_exhausted_ = true; }
    void serve_waiting() noexcept {
        if (is_exhausted_) [[unlikely]]
            serve_waiting_streams();
    }
    /// Registers buffers with the kernel. Throws a std::system_error if it refuses them.
    void register_buffers(const ring::buffer_ring& buffers, std::uint16_t group, bool incremental);
    /// Registers all pools with a new ring.
    void reopen();
    /// Leaves the pools allocated, because the kernel may still write to them.
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
    std::size_t held_[2] = {};         // by streams, by datagrams
    owned<buffer_pool> pools_[count];  // by group
    bool is_exhausted_ = false;        // one of the pools
    bool is_bulk_wanted_ = false;      // bulk() was called; there may be none
};

}  // namespace detail
}  // namespace coil::COIL_ABI
