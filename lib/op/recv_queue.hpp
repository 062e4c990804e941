// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include <coil/base/buffer.hpp>
#include <coil/loop/chunk.hpp>

#include "op/read_ahead.hpp"

namespace coil::COIL_ABI::op {

/// The read-ahead of a byte stream, which `recv_stream()` and `recv_chunk()` use. It stores the received
/// chunks. The end of the stream is not stored, because the next receive reports it again.
class recv_queue final : public read_ahead {
public:
    /// Creates the context's pool for streams if it does not exist yet. May throw.
    explicit recv_queue(detail::descriptor& record);
    ~recv_queue() override;

    /// Returns the queue of a stream's record. The first call creates the queue, and may throw.
    static recv_queue& of(detail::descriptor& record);

    // Called by the readers that this queue serves.

    /// Removes the first unread chunk and returns it.
    [[nodiscard]] chunk take() noexcept;
    /// Copies unread bytes until none remain or the buffers are full. With `peek`, the copied bytes stay
    /// unread. Returns the number of copied bytes.
    std::size_t copy(mutable_buffers into, bool peek) noexcept;
    /// Puts back bytes that a reader has taken but not returned to its caller.
    void put_back(chunk bytes) noexcept;

private:
    bool receives_for(const reader& next) const noexcept override {
        return is_receiving() || !receives_directly(next);
    }
    bool may_receive() noexcept override;
    bool receives_directly(const reader& next) const noexcept override {
        return next.wanted() == reader::delivery::own_buffer;
    }
    buffer_pool& pool() const noexcept override;
    void receive_for(const reader& next) noexcept override;
    bool receive_into_room() noexcept override;
    bool ends_with_zero() const noexcept override { return true; }
    void drop_unread() noexcept override;

    void prepare(io_uring_sqe& sqe) noexcept override;
    void more(const coil::detail::answer& given) noexcept override;
    const char* name() const noexcept override { return "recv"; }

    [[nodiscard]] bool is_bulk() const noexcept { return bulk_left_ > 0; }
    /// Returns the pool of the receive that is in flight. This is either pool() or the reserve.
    [[nodiscard]] buffer_pool& receiving_from() const noexcept;
    void choose_pool(const buffer_pool& from, std::size_t size) noexcept;
    [[nodiscard]] bool has_more_than(std::size_t entry_size) const noexcept;
    void arrived(buffer_pool& from, chunk bytes) noexcept;
    [[nodiscard]] chunk& last() noexcept { return chunks_.empty() ? front_ : chunks_.back(); }
    [[nodiscard]] bool has_enough() noexcept;
    void break_off() noexcept;

    bool multishot_ : 1 = true;
    bool is_broken_ : 1 = false;     // bytes were lost, so bytes that arrive later are discarded
    bool from_bulk_ : 1 = false;     // the current receive uses the bulk pool
    bool from_reserve_ : 1 = false;  // the current receive is a single receive from the reserve
    std::uint8_t bulk_left_ = 0;     // number of small chunks after which the stream leaves the bulk pool
    std::uint32_t first_ = 0;
    chunk front_;                // the first unread chunk
    std::vector<chunk> chunks_;  // the other unread chunks, from first_ on
};

static_assert(sizeof(recv_queue) <= 152);

}  // namespace coil::COIL_ABI::op
