// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include <coil/base/buffer.hpp>
#include <coil/loop/buffer_pool.hpp>
#include <coil/loop/io_context.hpp>
#include <coil/loop/operation.hpp>
#include <coil/op/reader.hpp>
#include <coil/op/recv_stream.hpp>

namespace coil::COIL_ABI::op {

/// The queue behind `recv_stream()` and `recv(pool)`: the bytes that were received into the pool and not read
/// yet, the reader that waits for some (in the record's list), and the multishot receive that brings them.
///
///     receive  idle ----a reader waits----> in the kernel --bytes--> in the kernel, even without a reader
///                ^                             |     |
///                +-- ahead_max is reached -----+     | the pool is empty
///                +-- the streams are gone -----+     |
///                                                    +--> waiting_for_buffer --buffer free--> in the kernel
///
/// Unread bytes belong to the record, not to a stream: the next reader gets them first. The end of the stream
/// is not stored: the next receive reports it again.
///
/// The queue is itself the receive operation: with a thousand connections each of its bytes counts.
class recv_queue final : public descriptor_source, private operation {
public:
    explicit recv_queue(descriptor& record);
    ~recv_queue() override;

    /// The queue of a stream's record; made by its first use.
    static recv_queue& of(descriptor& record);

    [[nodiscard]] bool is_empty() const noexcept { return size_ == 0; }
    [[nodiscard]] bool has_data() const noexcept override { return size_ > 0 || failure_ != 0; }
    [[nodiscard]] bool serve(operation& waiter) noexcept override;
    [[nodiscard]] std::int32_t give(operation& waiter) noexcept override;

    void add(recv_stream& stream) noexcept { streams_.push_back(stream); }
    /// A stream was dropped. Bytes that still arrive are kept.
    void stream_gone() noexcept;

    // Called by readers that are served.

    /// Moves the first of the unread chunks out.
    [[nodiscard]] chunk take() noexcept;
    /// Copies as many unread bytes as there are and fit; with `peek` they stay unread. Returns how many.
    std::size_t copy(mutable_buffers into, bool peek) noexcept;
    /// Puts bytes back that a reader was given and did not take.
    void put_back(chunk bytes) noexcept;

    void close() noexcept override;
    [[nodiscard]] bool keeps_bytes() noexcept override;
    void disconnect() noexcept override;

private:
    // The receive: an operation that no coroutine awaits.
    void prepare(io_uring_sqe& sqe) noexcept override;
    void more(const coil::answer& given) noexcept override;
    std::coroutine_handle<> run() noexcept override;
    const char* name() const noexcept override { return "recv"; }

    void submit_receive(bool multishot) noexcept;
    [[nodiscard]] bool is_receiving() const noexcept { return !is_idle(); }
    [[nodiscard]] bool is_waiting_for_buffer() const noexcept { return is_idle() && is_linked(); }

    [[nodiscard]] descriptor& record() const noexcept { return target(); }
    [[nodiscard]] bool is_bulk() const noexcept { return bulk_left_ > 0; }
    /// The pool of the current receive, which also waits there for a buffer. Does not throw: the constructor
    /// has created the pool, and is_bulk() implies that there is a bulk pool.
    [[nodiscard]] buffer_pool& pool() const noexcept {
        return record().context().made_pool(from_bulk_ ? pool_group::bulk : pool_group::streams);
    }

    [[nodiscard]] buffer_pool& source_of_buffers() const noexcept {
        return from_reserve_ ? record().context().reserve_pool() : pool();
    }

    void choose_pool(const buffer_pool& from, std::size_t size) noexcept;
    [[nodiscard]] bool has_more_than(std::size_t entry_size) const noexcept;
    void arrived(buffer_pool& from, chunk bytes) noexcept;
    [[nodiscard]] chunk& last() noexcept { return unread_.empty() ? front_ : unread_.back(); }
    [[nodiscard]] bool has_enough() noexcept;
    void break_off() noexcept;
    void notify_watchers() noexcept;
    void ended(std::int32_t result) noexcept;
    void serve_waiting() noexcept;
    [[nodiscard]] reader* first_reader() const noexcept {
        return static_cast<reader*>(record().first_waiting());
    }
    void request_more(bool got_enobufs = false) noexcept;
    void has_room() noexcept;

    chunk front_;                // the first unread chunk
    std::vector<chunk> unread_;  // the others, from first_ on
    std::uint32_t first_ = 0;
    std::uint32_t size_ = 0;  // of all unread chunks, in bytes: hardly more than ahead_max
    std::int32_t failure_ = 0;
    bool closed_ : 1 = false;
    bool multishot_ : 1 = true;
    bool is_broken_ : 1 = false;     // what still arrives follows bytes that were lost
    bool from_bulk_ : 1 = false;     // the pool of the current receive
    bool from_reserve_ : 1 = false;  // or the reserve, for a single receive
    std::uint8_t bulk_left_ = 0;     // small chunks to go until the stream leaves the bulk pool
    intrusive_list<recv_stream> streams_;
};

static_assert(sizeof(recv_queue) <= 152);

}  // namespace coil::COIL_ABI::op
