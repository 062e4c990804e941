// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include <sys/socket.h>

#include <coil/loop/buffer_pool.hpp>
#include <coil/loop/operation.hpp>
#include <coil/op/recv.hpp>
#include <coil/op/recvfrom_stream.hpp>

#include "loop/datagram_layout.hpp"

namespace coil::COIL_ABI::op {

/// What stands behind `recvfrom_stream()`: the datagrams that were received and not yet taken, the readers who wait for one
/// (in the record's list), and the operation that brings them. From its making on all readers come here, also those who
/// have a buffer of their own.
///
///     filler   idle ----somebody waits----> in the kernel ----datagram----> in the kernel, also while nobody waits
///                ^                             |     |
///                +-- ahead_max is reached -----+     | the pool is empty
///                +-- the streams are gone -----+     |
///                +-- an error -----------------+     +--> starving ----a buffer came back----> in the kernel
///                +-- an empty datagram --------+
///
/// While there is something to take, nobody waits. Unread datagrams belong to the record: whoever receives next gets them.
class recvfrom_queue final : public descriptor_source {
public:
    explicit recvfrom_queue(descriptor& record);
    ~recvfrom_queue() override;

    /// The queue of a datagram socket's record; made by its first use.
    static recvfrom_queue& of(descriptor& record);

    [[nodiscard]] bool is_empty() const noexcept { return first_ == unread_.size(); }
    [[nodiscard]] bool has_news() const noexcept override { return !is_empty() || failure_ != 0; }
    /// Whether `reader`, for which there is nothing now, has to wait here instead of asking the kernel itself.
    [[nodiscard]] bool brings_for(const datagram_reader& reader) const noexcept {
        return record_.is_open() && (filler_.is_asking() || starving_.is_linked() || !asks_itself(reader));
    }
    /// The same reader does not wait: has the kernel bring what is there now, or as soon as the pool has room.
    void look_for(const datagram_reader& reader) noexcept;
    /// What it is: the result of this reader, who has taken it.
    [[nodiscard]] std::int32_t answer_to(datagram_reader& reader) noexcept;
    /// Serves `reader`, now or when it is his turn.
    void wait(datagram_reader& reader) noexcept;

    void add(recvfrom_stream& stream) noexcept { streams_.push_back(stream); }
    /// A stream that is to begin.
    void begin(recvfrom_stream& stream);
    /// Looks whether the kernel will deliver trains of datagrams (UDP_GRO), and has the pool for them. While it does, it is the
    /// filler that receives for every reader: in a reader's own buffer the datagrams of a train would become one.
    void look_for_trains();
    /// A stream has gone. What comes all the same is kept.
    void stream_gone() noexcept;

    // For readers who are served.

    /// The first datagram. Returns its place among all that came.
    std::uint32_t take(datagram& into) noexcept;
    /// The first, and those that lie behind it in its entry. Their places follow the one that is returned.
    std::uint32_t take(datagram_train& into) noexcept;
    /// What somebody was given, and did not take after all: back to its place.
    void put_back(datagram returned, std::uint32_t place) noexcept;
    void put_back(datagram_train returned, std::uint32_t place) noexcept;

    struct copied {
        std::int32_t size = 0;   ///< of the datagram, whatever the buffers had room for
        bool truncated = false;  ///< it was even larger
        ip::endpoint from;
    };
    /// Copies the first one; with `peek` it stays.
    [[nodiscard]] copied copy(mutable_buffers into, bool peek) noexcept;

    void close() noexcept override;
    void part() noexcept override;
    void cancel() noexcept override {
    }  // the filler is one of the record's operations, and is cancelled with them
    void interrupt() noexcept override;
    void reader_left() noexcept override { go_on(); }
    [[nodiscard]] bool keeps_bytes() noexcept override;

private:
    class filler final : public operation {
    public:
        explicit filler(recvfrom_queue& queue);
        ~filler() { retire(); }

        std::coroutine_handle<> run() noexcept override;
        void ask(buffer_pool& pool, const datagram_layout& layout) noexcept;
        void settle() noexcept;
        [[nodiscard]] bool is_asking() const noexcept { return !is_idle(); }

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

    /// Its turn comes when the pool has room again.
    class starving final : public node {
    public:
        explicit starving(recvfrom_queue& queue) noexcept : queue_(queue) {}
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
    void serve() noexcept;
    void go_on(bool asked_in_vain = false) noexcept;
    void ask() noexcept;
    void has_room() noexcept;
    [[nodiscard]] std::vector<arrival>::iterator at_first() noexcept {
        return unread_.begin() + static_cast<std::ptrdiff_t>(first_);
    }
    void finish_streams() noexcept;
    [[nodiscard]] bool asks_itself(const datagram_reader& reader) const noexcept {
        return reader.has_own_buffer() && (!trains_ || shut_);
    }

    // An empty datagram, too, is something to be kept.
    static std::size_t cost_of(const datagram& kept) noexcept { return sizeof(arrival) + kept.size(); }

    descriptor& record_;
    bool trains_ = false;
    bool shut_ = false;  // our own shutdown: no datagram comes any more
    bool closed_ = false;
    bool is_polled_ = false;       // a reader that does not wait has found the pool empty: it will come again
    buffer_pool* pool_ = nullptr;  // of the latest stream
    std::vector<arrival> unread_;  // from first_ on
    std::size_t first_ = 0;
    std::size_t ahead_ = 0;  // what they cost
    std::uint32_t places_ = 0;
    std::int32_t failure_ = 0;
    intrusive_list<recvfrom_stream> streams_;
    starving starving_;
    filler filler_;  // last, so that it goes first: while it ends, datagrams may still come
};

}  // namespace coil::COIL_ABI::op
