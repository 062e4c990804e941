// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include <coil/loop/buffer_pool.hpp>
#include <coil/loop/io_context.hpp>
#include <coil/loop/operation.hpp>
#include <coil/op/recv.hpp>
#include <coil/op/recv_stream.hpp>

namespace coil::COIL_ABI::op {

/// What stands behind `recv_stream()` and `recv(pool)`: the bytes that were received into the pool and not yet taken, the
/// reader who waits for some (in the record's list), and the operation that brings them.
///
///     filler   idle ----somebody waits----> in the kernel ----bytes----> in the kernel, also while nobody waits
///                ^                             |     |
///                +-- ahead_max is reached -----+     | the pool is empty
///                +-- the streams are gone -----+     |
///                                                    +--> starving ----a buffer came back----> in the kernel
///
/// Unread bytes belong to the record, not to a stream: whoever receives next gets them first. An end of the stream is not
/// kept: asked again, the kernel says it again.
///
/// The queue is its own filler: with a thousand connections each of its bytes counts.
class recv_queue final : public descriptor_source, private operation {
public:
    explicit recv_queue(descriptor& record);
    ~recv_queue() override;

    /// The queue of a stream's record; made by its first use.
    static recv_queue& of(descriptor& record);

    [[nodiscard]] bool is_empty() const noexcept { return size_ == 0; }
    [[nodiscard]] bool has_news() const noexcept override { return size_ > 0 || failure_ != 0; }
    /// Whether a reader has to come here before he asks the kernel himself.
    [[nodiscard]] bool concerns_readers() const noexcept { return has_news() || is_asking(); }

    /// Serves `reader`, who has the reader's place, now or when there is something for him.
    void wait(queue_reader& reader) noexcept;

    void add(recv_stream& stream) noexcept { streams_.push_back(stream); }
    /// A stream has gone. What comes all the same is kept.
    void stream_gone() noexcept;

    // For readers who are served.

    /// The first of the unread bytes, as they came.
    [[nodiscard]] chunk take() noexcept;
    /// Copies unread bytes, as many as there are; with `peek` they stay. Returns how many.
    std::size_t copy(mutable_buffers into, bool peek) noexcept;
    /// What the kernel said in the end, a negative errno: once.
    [[nodiscard]] std::int32_t take_failure() noexcept { return std::exchange(failure_, 0); }
    /// Bytes that somebody was given, and did not take after all.
    void put_back(chunk bytes) noexcept;

    void close() noexcept override;
    void cancel() noexcept override {}  // this is one of the record's operations, and is cancelled with them
    [[nodiscard]] bool keeps_bytes() noexcept override;
    void part() noexcept override;

private:
    // The filler: an operation that nobody awaits.
    void prepare(io_uring_sqe& sqe) noexcept override;
    void more(const coil::answer& given) noexcept override;
    std::coroutine_handle<> run() noexcept override;
    const char* name() const noexcept override { return "recv"; }

    void ask(bool multishot) noexcept;
    [[nodiscard]] bool is_asking() const noexcept { return !is_idle(); }
    [[nodiscard]] bool is_starving() const noexcept { return is_idle() && is_linked(); }

    [[nodiscard]] descriptor& record() const noexcept { return target(); }
    [[nodiscard]] bool is_bulk() const noexcept { return bulk_left_ > 0; }
    /// What it receives into; it waits there for room. Does not throw: the constructor has made the pool, and is_bulk()
    /// implies that there is a bulk pool.
    [[nodiscard]] buffer_pool& pool() const noexcept {
        return record().context().made_pool(from_bulk_ ? pool_group::bulk : pool_group::streams);
    }

    [[nodiscard]] buffer_pool& source_of_buffers() const noexcept {
        return from_reserve_ ? record().context().reserve_pool() : pool();
    }

    void learn_from(const buffer_pool& from, std::size_t size) noexcept;
    [[nodiscard]] bool has_more_than(std::size_t entry_size) const noexcept;
    void arrived(buffer_pool& from, chunk bytes) noexcept;
    [[nodiscard]] chunk& last() noexcept { return unread_.empty() ? front_ : unread_.back(); }
    [[nodiscard]] bool has_enough() noexcept;
    void break_off() noexcept;
    void tell() noexcept;
    void ended(std::int32_t result) noexcept;
    void serve() noexcept;
    void go_on(bool asked_in_vain = false) noexcept;
    void has_room() noexcept;

    chunk front_;                // the first of the unread
    std::vector<chunk> unread_;  // the others, from first_ on
    std::uint32_t first_ = 0;
    std::uint32_t size_ = 0;  // of all of them, in bytes: hardly more than ahead_max
    std::int32_t failure_ = 0;
    bool closed_ : 1 = false;
    bool multishot_ : 1 = true;
    bool is_broken_ : 1 = false;     // what still comes is behind bytes that were lost
    bool from_bulk_ : 1 = false;     // the pool that the kernel was told of
    bool from_reserve_ : 1 = false;  // or this one, for a single receive
    std::uint8_t bulk_left_ = 0;     // chunks that may be small before the stream counts as no bulk
    intrusive_list<recv_stream> streams_;
};

static_assert(sizeof(recv_queue) <= 152);

}  // namespace coil::COIL_ABI::op
