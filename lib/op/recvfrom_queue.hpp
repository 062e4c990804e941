// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include <sys/socket.h>

#include <coil/base/buffer.hpp>
#include <coil/loop/buffer_pool.hpp>
#include <coil/loop/operation.hpp>
#include <coil/op/reader.hpp>
#include <coil/op/recvfrom_stream.hpp>

#include "loop/datagram_layout.hpp"

namespace coil::COIL_ABI::op {

/// The queue behind `recvfrom_stream()`: the datagrams that were received and not read yet, the readers that
/// wait for one (in the record's list), and the filler, which is the multishot receive that brings them. Once
/// the queue exists, all readers go through it, even those with a buffer of their own.
///
///     filler   idle ----a reader waits----> in the kernel --datagram--> in the kernel, even without a reader
///                ^                             |     |
///                +-- ahead_max is reached -----+     | the pool is empty
///                +-- the streams are gone -----+     |
///                +-- an error -----------------+     +--> waiting_for_buffer --buffer free--> in the kernel
///                +-- an empty datagram --------+
///
/// No reader waits while a datagram is unread. Unread datagrams belong to the record: the next reader gets
/// them.
class recvfrom_queue final : public descriptor_source {
public:
    explicit recvfrom_queue(descriptor& record);
    ~recvfrom_queue() override;

    /// The queue of a datagram socket's record; made by its first use.
    static recvfrom_queue& of(descriptor& record);

    [[nodiscard]] bool is_empty() const noexcept { return first_ == unread_.size(); }
    [[nodiscard]] bool has_data() const noexcept override { return !is_empty() || failure_ != 0; }
    [[nodiscard]] bool serve(operation& waiter) noexcept override;
    [[nodiscard]] std::int32_t give(operation& waiter) noexcept override;

    void add(recvfrom_stream& stream) noexcept { streams_.push_back(stream); }
    /// Begins a stream.
    void begin(recvfrom_stream& stream);
    /// Finds out whether the kernel delivers trains of datagrams (UDP_GRO), and gets the pool for them. If it
    /// does, the filler receives for every reader: in a reader's own buffer the datagrams of a train would
    /// become one.
    void detect_trains();
    /// A stream was dropped. Datagrams that still arrive are kept.
    void stream_gone() noexcept;

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

    void close() noexcept override;
    void disconnect() noexcept override;
    void interrupt() noexcept override;
    void reader_left() noexcept override { request_more(); }
    [[nodiscard]] bool keeps_bytes() noexcept override;

private:
    class filler final : public operation {
    public:
        explicit filler(recvfrom_queue& queue);
        ~filler() { retire(); }

        std::coroutine_handle<> run() noexcept override;
        void submit_receive(buffer_pool& pool, const datagram_layout& layout) noexcept;
        void settle() noexcept;
        [[nodiscard]] bool is_receiving() const noexcept { return !is_idle(); }

    protected:
        void prepare(io_uring_sqe& sqe) noexcept override;
        void more(const coil::answer& given) noexcept override;
        const char* name() const noexcept override { return "recvfrom"; }

    private:
        recvfrom_queue& queue_;
        buffer_pool* pool_ = nullptr;
        datagram_layout layout_;
        msghdr message_{};
    };

    /// Runs when the pool has a buffer again.
    class waiting_for_buffer final : public node {
    public:
        explicit waiting_for_buffer(recvfrom_queue& queue) noexcept : queue_(queue) {}
        std::coroutine_handle<> run() noexcept override;

    private:
        recvfrom_queue& queue_;
    };

    struct arrival {
        datagram what;
        std::uint32_t place = 0;
    };

    void arrived(chunk entry, const datagram_layout& layout, buffer_pool& pool) noexcept;
    [[nodiscard]] bool has_enough(const buffer_pool& pool) const noexcept;
    void add(chunk bytes, const ip::endpoint& from, bool truncated) noexcept;
    void drop_first() noexcept;
    void insert(arrival returned) noexcept;
    void ended(std::int32_t result) noexcept;
    void serve_waiting() noexcept;
    void poll_for(const reader& next) noexcept;
    [[nodiscard]] bool receives_for(const reader& next) const noexcept;
    void request_more(bool got_enobufs = false) noexcept;
    void submit_receive() noexcept;
    void has_room() noexcept;
    [[nodiscard]] std::vector<arrival>::iterator at_first() noexcept {
        return unread_.begin() + static_cast<std::ptrdiff_t>(first_);
    }
    void finish_streams() noexcept;
    [[nodiscard]] static bool has_own_buffer(const reader& next) noexcept {
        return next.wanted() == reader::delivery::own_buffer;
    }
    [[nodiscard]] bool receives_directly(const reader& next) const noexcept {
        return has_own_buffer(next) && (!trains_ || shut_);
    }
    [[nodiscard]] reader* first_reader() const noexcept {
        return static_cast<reader*>(record_.first_waiting());
    }

    // An empty datagram has a cost too.
    static std::size_t cost_of(const datagram& kept) noexcept { return sizeof(arrival) + kept.size(); }

    descriptor& record_;
    bool trains_ = false;
    bool shut_ = false;  // our own shutdown: no further datagram arrives
    bool closed_ = false;
    bool is_polled_ = false;       // a reader that does not wait found the pool empty, and may try again
    buffer_pool* pool_ = nullptr;  // of the latest stream
    std::vector<arrival> unread_;  // from first_ on
    std::size_t first_ = 0;
    std::size_t ahead_ = 0;  // the cost of all unread datagrams
    std::uint32_t places_ = 0;
    std::int32_t failure_ = 0;
    intrusive_list<recvfrom_stream> streams_;
    waiting_for_buffer waiting_for_buffer_;
    filler filler_;  // last, so destroyed first: until it has completed, datagrams may still arrive
};

}  // namespace coil::COIL_ABI::op
