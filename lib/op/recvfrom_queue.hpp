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
#include <coil/op/recvfrom_stream.hpp>

#include "loop/datagram_layout.hpp"
#include "op/read_ahead.hpp"

namespace coil::COIL_ABI::op {

/// The read-ahead behind `recvfrom_stream()`: datagrams. Once it exists, all readers of the socket go through it, even
/// those with a buffer of their own, and no reader waits while a datagram is unread.
class recvfrom_queue final : public read_ahead {
public:
    explicit recvfrom_queue(descriptor& record) noexcept : read_ahead(record) {}
    ~recvfrom_queue() override;

    /// The queue of a datagram socket's record; made by its first use.
    static recvfrom_queue& of(descriptor& record);

    /// Finds out whether the kernel delivers trains of datagrams (UDP_GRO), and gets the pool for them. If it
    /// does, this object receives for every reader: in a reader's own buffer the datagrams of a train would
    /// become one.
    void detect_trains();

    // Called by readers that are served.

    /// Takes the first datagram. Returns its place in the order of arrival.
    std::uint32_t take(datagram& into) noexcept;
    /// Takes the first datagram, and those that follow it in its entry. Returns the first one's place; the
    /// others have the places after that.
    std::uint32_t take(datagram_train& into) noexcept;
    /// Puts datagrams back into their places that a reader was given and did not take.
    void put_back(datagram returned, std::uint32_t place) noexcept;
    void put_back(datagram_train returned, std::uint32_t place) noexcept;

    struct copied {
        std::int32_t size = 0;   ///< of the datagram, whatever the buffers had room for
        bool truncated = false;  ///< the datagram was even larger when it arrived
        ip::endpoint from;
    };
    /// Copies the first datagram; with `peek` it stays unread.
    [[nodiscard]] copied copy(mutable_buffers into, bool peek) noexcept;

    void interrupt() noexcept override;
    void reader_left() noexcept override { request_more(); }

private:
    struct arrival {
        datagram what;
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
    void more(const coil::answer& given) noexcept override;
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
    // An empty datagram has a cost too.
    static std::size_t cost_of(const datagram& kept) noexcept { return sizeof(arrival) + kept.size(); }

    bool trains_ = false;
    bool shut_ = false;            // our own shutdown: no further datagram arrives
    bool is_polled_ = false;       // a reader that does not wait found the pool empty, and may try again
    buffer_pool* pool_ = nullptr;  // of the latest stream
    // Of the receive that is in flight.
    buffer_pool* receiving_from_ = nullptr;
    datagram_layout layout_;
    msghdr message_{};
    std::vector<arrival> arrivals_;  // from first_ on; unread_ of them
    std::size_t first_ = 0;
    std::size_t ahead_ = 0;  // the cost of all unread datagrams
    std::uint32_t places_ = 0;
};

}  // namespace coil::COIL_ABI::op
