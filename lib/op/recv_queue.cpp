// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#include "op/recv_queue.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include <liburing.h>

#include <coil/loop/io_context.hpp>

namespace coil::COIL_ABI::op {
namespace {

// A stream leaves the bulk pool after this number of consecutive chunks that would have fit into an entry of
// the streams pool.
constexpr std::uint8_t small_ones_max = 8;
// If this many chunks are waiting behind the first unread chunk, further tiny chunks are collected in heap
// blocks.
constexpr std::size_t chunks_max = 8;
// The limit on unread bytes for a stream whose bytes are copied to the heap because the pool is low.
constexpr std::size_t copied_ahead_max = 16 * 1024;
// If the list of chunks becomes empty and its capacity is larger than this number, its memory is released.
constexpr std::size_t kept_places_max = 32;

}  // namespace

recv_queue::recv_queue(detail::descriptor& record) : read_ahead(record) {
    static_cast<void>(record.context().pools().streams());
}

recv_queue::~recv_queue() {
    close();
    retire();  // until the receive has completed, bytes may still arrive
}

recv_queue& recv_queue::of(detail::descriptor& record) {
    if (!record.source())
        record.set_source(detail::make_owned<recv_queue>(record));
    return static_cast<recv_queue&>(*record.source());
}

// ---- unread chunks ----------------------------------------------------------------------------------------

chunk recv_queue::take() noexcept {
    chunk first = std::move(front_);
    unread_ -= static_cast<std::uint32_t>(first.size());
    if (first_ == chunks_.size())
        return first;
    front_ = std::move(chunks_[first_]);
    ++first_;
    // Compacts the list from time to time. A list that never becomes empty would otherwise grow without
    // limit.
    if (first_ == chunks_.size() || (first_ >= 32 && first_ >= chunks_.size() / 2)) {
        chunks_.erase(chunks_.begin(), chunks_.begin() + static_cast<std::ptrdiff_t>(first_));
        first_ = 0;
        if (chunks_.empty() && chunks_.capacity() > kept_places_max)
            std::vector<chunk>().swap(chunks_);
    }
    return first;
}

std::size_t recv_queue::copy(mutable_buffers into, bool peek) noexcept {
    std::size_t copied = 0;
    std::size_t at = 0;    // index of the chunk to copy from; 0 is front_
    std::size_t skip = 0;  // bytes already copied from the chunk at `at`
    for (mutable_buffer rest: into) {
        while (!rest.empty() && copied < unread_) {
            const chunk& from = at == 0 ? front_ : chunks_[first_ + at - 1];
            const std::size_t n = std::min(rest.size(), from.size() - skip);
            if (rest.data())  // with MSG_TRUNC, the buffer may be null; the bytes are then discarded
                std::memcpy(rest.data(), from.data() + skip, n);
            rest += n;
            copied += n;
            skip += n;
            if (skip == from.size()) {
                skip = 0;
                ++at;
            }
        }
    }
    for (std::size_t left = peek ? 0 : copied; left > 0;) {
        const std::size_t n = std::min(left, front_.size());
        left -= n;
        if (n == front_.size()) {
            static_cast<void>(take());
        } else {
            front_.remove_prefix(n);
            unread_ -= static_cast<std::uint32_t>(n);
        }
    }
    return copied;
}

void recv_queue::put_back(chunk bytes) noexcept {
    unread_ += static_cast<std::uint32_t>(bytes.size());
    std::swap(front_, bytes);
    if (!bytes.empty()) {
        if (first_ > 0) {
            chunks_[--first_] = std::move(bytes);
        } else {
            try {
                chunks_.insert(chunks_.begin(), std::move(bytes));
            } catch (...) {
                chunks_.clear();  // the bytes that precede these chunks are lost
                unread_ = static_cast<std::uint32_t>(front_.size());
                break_off();
            }
        }
    }
    serve_waiting();
}

// Called when bytes have been lost because memory ran out. The reader gets the bytes that precede the lost
// bytes and then an error, but no later bytes.
void recv_queue::break_off() noexcept {
    is_broken_ = true;
    fail_with(-ENOMEM);
}

void recv_queue::drop_unread() noexcept {
    front_.reset();
    chunks_.clear();
    first_ = 0;
}

// ---- arrivals ---------------------------------------------------------------------------------------------

// Chooses the pool of the next receive by the size of the chunk that has arrived. Before Linux 6.12, each
// completion uses a whole entry, and the entries of the streams pool are too small for a stream that receives
// in bulk. Such a stream uses the bulk pool until its chunks are small again.
void recv_queue::choose_pool(const buffer_pool& from, std::size_t size) noexcept {
    if (is_bulk() != from_bulk_ || from_reserve_)
        return;  // the receive is about to change its pool, or uses the reserve
    const bool needs_large_ones =
        from_bulk_ ? size > record().context().pools().made(detail::pool_group::streams).entry_size()
                   : size == from.entry_size() && has_more_than(size) && record().context().pools().bulk();
    if (needs_large_ones)
        bulk_left_ = small_ones_max;
    else if (from_bulk_)
        bulk_left_ = multishot_ ? static_cast<std::uint8_t>(bulk_left_ - 1) : std::uint8_t{0};
    if (is_bulk() != from_bulk_ && multishot_)
        stop();
}

// Called when a receive has filled a whole entry. Returns true if the peer probably sends in bulk, and not
// just single messages that fit exactly into an entry. For a multishot receive, the peer is assumed to send
// in bulk if at least `entry_size` bytes were already unread. A single receive, which coil uses for
// recv_chunk() and while the pool is exhausted, gets only one entry. In that case, the peer is assumed to
// send in bulk if the reader wants further chunks.
bool recv_queue::has_more_than(std::size_t entry_size) const noexcept {
    if (multishot_)
        return unread_ >= entry_size;
    const reader* next = first_reader();
    return next && next->wanted() == reader::delivery::entries;
}

void recv_queue::arrived(buffer_pool& from, chunk bytes) noexcept {
    if (is_closed() || is_broken_ || bytes.empty())
        return;
    const auto size = static_cast<std::uint32_t>(bytes.size());
    if (unread_ == 0) {
        from.copy_if_low(bytes);
        front_ = std::move(bytes);
    } else if (!from.join(last(), bytes, chunks_.size() - first_ >= chunks_max)) {
        try {
            chunks_.push_back(std::move(bytes));
        } catch (...) {
            break_off();
            return;
        }
    }
    unread_ += size;
    serve_waiting();
    if (has_enough())
        stop_at_limit();
}

// Returns true if the receive must stop, because this stream has reached its limit on unread bytes, or
// because the copies of all streams together have reached held_max. The peer then has to wait.
bool recv_queue::has_enough() noexcept {
    if (unread_ == 0)
        return false;
    const detail::buffer_pools& pools = record().context().pools();
    if (unread_ >= pools.ahead_max() || !pools.may_hold_more(false))
        return true;
    return unread_ >= copied_ahead_max && pool().is_low() && buffer_pool::is_copy(last());
}

// ---- the receive ------------------------------------------------------------------------------------------

// Returns the pool that from_bulk_ selects. from_bulk_ is true only if the bulk pool exists.
buffer_pool& recv_queue::pool() const noexcept {
    return record().context().pools().made(from_bulk_ ? detail::pool_group::bulk
                                                      : detail::pool_group::streams);
}

buffer_pool& recv_queue::receiving_from() const noexcept {
    return from_reserve_ ? record().context().pools().reserve() : pool();
}

bool recv_queue::may_receive() noexcept {
    from_bulk_ = is_bulk();
    from_reserve_ = false;
    return true;
}

void recv_queue::receive_for(const reader& next) noexcept {
    multishot_ = next.wanted() == reader::delivery::entries;
    is_broken_ = false;
    begin_receive();
}

// Begins a receive for a stream that has waited for a buffer. The stream receives only one chunk, because a
// multishot receive would also take the buffers of the streams that wait behind this stream.
bool recv_queue::receive_into_room() noexcept {
    const reader* next = first_reader();
    if (!next || receives_directly(*next))
        return false;
    from_reserve_ = !pool().has_room();
    multishot_ = is_broken_ = false;
    begin_receive();
    return true;
}

void recv_queue::prepare(io_uring_sqe& sqe) noexcept {
    if (multishot_)
        io_uring_prep_recv_multishot(&sqe, target().number(), nullptr, 0, 0);
    else
        io_uring_prep_recv(&sqe, target().number(), nullptr, 0, 0);
    sqe.flags |= IOSQE_BUFFER_SELECT;
    sqe.buf_group = receiving_from().group();
}

// Takes the bytes of a completion as soon as the loop has collected the completion. The receives of several
// connections may fill one pool entry, so the pool must take the bytes in the order of the completions.
void recv_queue::more(const coil::detail::answer& given) noexcept {
    if (!(given.flags & IORING_CQE_F_BUFFER))
        return;
    buffer_pool& from = receiving_from();
    chunk bytes = from.take(given.result, given.flags);
    choose_pool(from, bytes.size());
    arrived(from, std::move(bytes));
}

}  // namespace coil::COIL_ABI::op
