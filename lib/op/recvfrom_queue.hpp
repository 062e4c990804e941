// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include <sys/socket.h>

#include <coil/base/buffer.hpp>
#include <coil/base/endpoint.hpp>
#include <coil/loop/chunk.hpp>
#include <coil/op/received.hpp>

#include "loop/datagram_layout.hpp"
#include "op/read_ahead.hpp"

namespace coil::COIL_ABI::op {

/// The read-ahead of a datagram socket, which `recvfrom_stream()` uses. It consists of the multishot receive
/// and the unread datagrams that this receive has delivered. The socket's record lists the waiting readers.
/// Once the queue exists, all readers of the socket go through it, even those with their own buffers.
///
///     receive  idle ----a reader waits----> in the kernel --datagram--> in the kernel, even without a reader
///                ^                             |     |
///                +-- ahead_max is reached -----+     | the pool is empty
///                +-- the streams are gone -----+     |
///                +-- an error -----------------+     +--> waiting_for_buffer --buffer free--> in the kernel
///                +-- an empty datagram --------+
///
/// No reader waits while a datagram is unread. Unread datagrams belong to the record, so the next reader gets
/// these datagrams.
class recvfrom_queue final : public read_ahead {
public:
    explicit recvfrom_queue(detail::descriptor& record) noexcept : read_ahead(record) {}
    ~recvfrom_queue() override;

    /// Returns the queue of a datagram socket's record. The first call creates the queue.
    static recvfrom_queue& of(detail::descriptor& record);

    /// Finds out whether the kernel delivers trains of datagrams (UDP_GRO), and selects the matching pool. If
    /// the kernel delivers trains, this object receives for every reader, because a train in a reader's own
    /// buffer would look like a single datagram.
    void detect_trains();

    // Called by readers.

    /// Moves the first datagram to `into`. Returns its position in arrival order.
    std::uint32_t take(received_datagram& into) noexcept;
    /// Moves the first datagram, and the datagrams that follow it in the same pool entry, to `into`. Returns
    /// the first datagram's position in arrival order. The other datagrams have the next positions.
    std::uint32_t take(received_train& into) noexcept;
    /// Puts back datagrams that a reader has taken but not returned to its caller, at their original
    /// positions.
    void put_back(received_datagram returned, std::uint32_t place) noexcept;
    void put_back(received_train returned, std::uint32_t place) noexcept;

    struct copied {
        std::int32_t size = 0;   ///< size of the datagram, which may be larger than the buffers
        bool truncated = false;  ///< the datagram was truncated when it arrived
        ip::endpoint from;
    };
    /// Copies the first datagram into the buffers. With `peek`, the datagram stays unread.
    [[nodiscard]] copied copy(mutable_buffers into, bool peek) noexcept;

    void interrupt() noexcept override;
    void reader_left() noexcept override { request_more(); }

private:
    struct arrival {
        received_datagram what;
        std::uint32_t place = 0;
    };

    bool receives_for(const reader& next) const noexcept override;
    bool may_receive() noexcept override;
    bool receives_directly(const reader& next) const noexcept override {
        return has_own_buffer(next) && (!trains_ || shut_);
    }
    buffer_pool& pool() const noexcept override { return *pool_; }
    void receive_for(const reader& next) noexcept override;
    bool receive_into_room() noexcept override;
    void poll_for(const reader& next) noexcept override;
    bool ends_with_zero() const noexcept override { return false; }
    void drop_unread() noexcept override;

    void prepare(io_uring_sqe& sqe) noexcept override;
    void more(const coil::detail::answer& given) noexcept override;
    const char* name() const noexcept override { return "recvfrom"; }

    [[nodiscard]] static bool has_own_buffer(const reader& next) noexcept {
        return next.wanted() == reader::delivery::own_buffer;
    }
    void receive() noexcept;
    void arrived(chunk entry) noexcept;
    [[nodiscard]] bool has_enough() const noexcept;
    void add(chunk bytes, const ip::endpoint& from, bool truncated) noexcept;
    void drop_first() noexcept;
    void insert(arrival returned) noexcept;
    void finish_streams() noexcept;
    [[nodiscard]] std::vector<arrival>::iterator at_first() noexcept {
        return arrivals_.begin() + static_cast<std::ptrdiff_t>(first_);
    }
    // Returns how many bytes `kept` counts towards ahead_max. The size of the queue entry is included, so
    // that even empty datagrams count.
    static std::size_t cost_of(const received_datagram& kept) noexcept {
        return sizeof(arrival) + kept.size();
    }

    bool trains_ = false;
    bool shut_ = false;            // the program has shut down receiving, so no further datagram arrives
    bool is_polled_ = false;       // a non-blocking reader found the pool empty and may try again
    buffer_pool* pool_ = nullptr;  // the pool for the next receive
    // Parameters of the receive that is in flight: its pool, its buffer layout and its msghdr.
    buffer_pool* receiving_from_ = nullptr;
    datagram_layout layout_;
    msghdr message_{};
    std::vector<arrival> arrivals_;  // the unread datagrams, from first_ on
    std::size_t first_ = 0;
    std::size_t ahead_ = 0;  // total cost of the unread datagrams
    std::uint32_t places_ = 0;
};

}  // namespace coil::COIL_ABI::op
