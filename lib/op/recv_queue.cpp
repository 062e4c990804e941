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

// A stream leaves the bulk pool after this many consecutive chunks that an entry of the common pool could
// hold.
constexpr std::uint8_t small_ones_max = 8;
// With this many unread chunks, further tiny ones are collected in blocks.
constexpr std::size_t chunks_max = 8;
// The most unread bytes of a stream whose bytes are copied out because the pool is low.
constexpr std::size_t copied_ahead_max = 16 * 1024;
// An empty list keeps its memory up to this capacity.
constexpr std::size_t kept_places_max = 32;

}  // namespace

recv_queue::recv_queue(descriptor& record)
    : operation({&record, record.generation(), 0}, record.context().foreign_environment(), lane::any) {
    static_cast<void>(record.context().pool());  // creates the pool, or throws; nothing after this throws
}

recv_queue::~recv_queue() {
    close();
    retire();  // until it has completed, bytes may still arrive
}

recv_queue& recv_queue::of(descriptor& record) {
    if (!record.source())
        record.set_source(make_owned<recv_queue>(record));
    return static_cast<recv_queue&>(*record.source());
}

// A reader with its own buffer has no business here while nothing was received ahead and no receive is in flight.
bool recv_queue::serve(operation& waiter) noexcept {
    auto& next = static_cast<reader&>(waiter);
    if (!next.may_wait() && !has_data() && is_receiving())
        record()
            .context()
            .submissions()
            .collect_now();  // bytes may have arrived that the loop has not seen yet
    if (!has_data()) {
        if (next.wanted() == reader::delivery::own_buffer && !is_receiving())
            return false;
        if (!next.may_wait()) {
            next.finish(-EAGAIN);
            return true;
        }
    }
    next.wait_in(record());
    if (has_data())
        serve_waiting();
    else if (!is_receiving() && !is_waiting_for_buffer())
        request_more();
    return true;
}

// The error that ended the receive is reported once, behind the bytes that arrived before it.
std::int32_t recv_queue::give(operation& waiter) noexcept {
    return is_empty() ? std::exchange(failure_, 0) : static_cast<reader&>(waiter).take_from(*this);
}

void recv_queue::stream_gone() noexcept {
    if (streams_.empty())
        stop();
}

// Serves the waiting reader with what there is.
void recv_queue::serve_waiting() noexcept {
    if (operation* waiting = record().take_waiting()) {
        auto& next = static_cast<reader&>(*waiting);
        const std::int32_t result = give(next);
        if (!next.try_continue(result))
            next.finish(result);
    }
}

// A reader waits, nothing is buffered, no receive is in flight.
void recv_queue::request_more(bool got_enobufs) noexcept {
    const reader& next = *first_reader();
    from_bulk_ = is_bulk();
    from_reserve_ = false;
    if (next.wanted() == reader::delivery::own_buffer)
        record().take_waiting()->submit_to_ring();
    else if (pool().may_submit())
        submit_receive(next.wanted() == reader::delivery::entries);
    else
        pool().wait_for_room(*this, got_enobufs);
}

chunk recv_queue::take() noexcept {
    chunk first = std::move(front_);
    size_ -= static_cast<std::uint32_t>(first.size());
    if (first_ == unread_.size())
        return first;
    front_ = std::move(unread_[first_]);
    ++first_;
    // Compacts now and then: the list must not grow forever if there is always one more chunk.
    if (first_ == unread_.size() || (first_ >= 32 && first_ >= unread_.size() / 2)) {
        unread_.erase(unread_.begin(), unread_.begin() + static_cast<std::ptrdiff_t>(first_));
        first_ = 0;
        if (unread_.empty() && unread_.capacity() > kept_places_max)
            std::vector<chunk>().swap(unread_);
    }
    return first;
}

std::size_t recv_queue::copy(mutable_buffers into, bool peek) noexcept {
    std::size_t copied = 0;
    std::size_t at = 0;    // the chunk to copy from: 0 is the front
    std::size_t skip = 0;  // bytes of that chunk
    for (mutable_buffer rest: into) {
        while (!rest.empty() && copied < size_) {
            const chunk& from = at == 0 ? front_ : unread_[first_ + at - 1];
            const std::size_t n = std::min(rest.size(), from.size() - skip);
            if (rest.data())  // MSG_TRUNC discards, and needs no buffer
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
            size_ -= static_cast<std::uint32_t>(n);
        }
    }
    return copied;
}

void recv_queue::put_back(chunk bytes) noexcept {
    size_ += static_cast<std::uint32_t>(bytes.size());
    std::swap(front_, bytes);
    notify_watchers();
    if (bytes.empty())
        return;
    if (first_ > 0) {
        unread_[--first_] = std::move(bytes);
        return;
    }
    try {
        unread_.insert(unread_.begin(), std::move(bytes));
    } catch (...) {
        unread_.clear();  // these bytes would follow the gap
        size_ = static_cast<std::uint32_t>(front_.size());
        break_off();
    }
}

// Bytes were lost for lack of memory: the reader gets those before the gap, then an error, and nothing from
// behind it.
void recv_queue::break_off() noexcept {
    failure_ = -ENOMEM;
    is_broken_ = true;
    stop();
}

// Data that no reader has taken completes operations that wait for readiness.
void recv_queue::notify_watchers() noexcept {
    if (has_data())
        record().source_has_data();
}

// Before 6.12 each completion takes a whole entry, and the pool's entries are too small for a stream that
// receives in bulk. Such a stream uses the bulk pool until its chunks are small again.
void recv_queue::choose_pool(const buffer_pool& from, std::size_t size) noexcept {
    if (is_bulk() != from_bulk_ || from_reserve_)
        return;  // the receive is ending already, to continue with the other pool
    const bool needs_large_ones =
        from_bulk_ ? size > record().context().made_pool(pool_group::streams).entry_size()
                   : size == from.entry_size() && has_more_than(size) && record().context().bulk_pool();
    if (needs_large_ones)
        bulk_left_ = small_ones_max;
    else if (from_bulk_)
        bulk_left_ = multishot_ ? static_cast<std::uint8_t>(bulk_left_ - 1) : std::uint8_t{0};
    if (is_bulk() != from_bulk_ && multishot_)
        stop();
}

// An entry was filled. If as many bytes are unread already, the peer sends more than messages of just this
// size. A single receive (the pool is exhausted) takes one entry at a time: the peer then counts as bulk if
// the reader wants more chunks.
bool recv_queue::has_more_than(std::size_t entry_size) const noexcept {
    if (multishot_)
        return size_ >= entry_size;
    const reader* next = first_reader();
    return next && next->wanted() == reader::delivery::entries;
}

void recv_queue::arrived(buffer_pool& from, chunk bytes) noexcept {
    if (closed_ || is_broken_ || bytes.empty())
        return;
    const auto size = static_cast<std::uint32_t>(bytes.size());
    if (is_empty()) {
        from.copy_if_low(bytes);
        front_ = std::move(bytes);
    } else if (!from.join(last(), bytes, unread_.size() - first_ >= chunks_max)) {
        try {
            unread_.push_back(std::move(bytes));
        } catch (...) {
            break_off();
            return;
        }
    }
    size_ += size;
    serve_waiting();
    notify_watchers();
    if (has_enough() && !was_cancelled()) {
        record().context().count_ahead_stop();
        stop();
    }
}

// Whether the peer has to wait: the stream, or all streams together, have reached their limit.
bool recv_queue::has_enough() noexcept {
    if (is_empty())
        return false;
    const io_context& context = record().context();
    if (size_ >= context.ahead_max() || !context.may_hold_more(false))
        return true;
    return size_ >= copied_ahead_max && pool().is_low() && buffer_pool::is_copy(last());
}

// The receive has ended. Its bytes, if any, have already arrived.
void recv_queue::ended(std::int32_t result) noexcept {
    if (result == -ENOBUFS)
        pool().count_starved();
    else if (result < 0 && result != -ECANCELED)
        failure_ = result;

    if (failure_ != 0 && size_ == 0)
        serve_waiting();
    notify_watchers();
    if (!record().has_waiting())
        return;
    if (result == 0)
        record().take_waiting()->finish(0);
    else
        request_more(result == -ENOBUFS);
}

void recv_queue::disconnect() noexcept {
    while (!streams_.empty())
        streams_.pop_front();
}

void recv_queue::close() noexcept {
    closed_ = true;
    if (is_waiting_for_buffer())
        unlink();
    front_.reset();
    unread_.clear();
    first_ = size_ = 0;
    failure_ = 0;
}

bool recv_queue::keeps_bytes() noexcept {
    // After this no receive is in flight. A run() that is still to come finds nothing to do.
    stop();
    retire();
    // The kernel reports an error, such as a reset, only once: it is in failure_, or in a completion that
    // run() has not processed yet.
    const std::int32_t result = is_done() ? answer().result : 0;
    const bool has_failed = failure_ != 0 || (result < 0 && result != -ECANCELED && result != -ENOBUFS);
    return size_ > 0 || has_failed;
}

// Receives one chunk only: a multishot would also take the buffers of the streams that wait behind it.
void recv_queue::has_room() noexcept {
    const reader* next = first_reader();
    if (next && next->wanted() != reader::delivery::own_buffer) {
        from_reserve_ = !pool().has_room();
        submit_receive(false);
        return;
    }
    pool().skip();
    if (next)
        request_more();
}

// ---- the receive ------------------------------------------------------------------------------------------

void recv_queue::submit_receive(bool multishot) noexcept {
    multishot_ = multishot;
    is_broken_ = false;
    reset();
    submit();
}

void recv_queue::prepare(io_uring_sqe& sqe) noexcept {
    if (multishot_)
        io_uring_prep_recv_multishot(&sqe, target().number(), nullptr, 0, 0);
    else
        io_uring_prep_recv(&sqe, target().number(), nullptr, 0, 0);
    sqe.flags |= IOSQE_BUFFER_SELECT;
    sqe.buf_group = source_of_buffers().group();
}

// Connections share the pool's entries, so completions must be processed in order.
void recv_queue::more(const coil::answer& given) noexcept {
    if (!(given.flags & IORING_CQE_F_BUFFER))
        return;
    buffer_pool& from = source_of_buffers();
    chunk bytes = from.take(given.result, given.flags);
    choose_pool(from, bytes.size());
    arrived(from, std::move(bytes));
}

// Runs when the receive has ended, or when the pool has a buffer again.
std::coroutine_handle<> recv_queue::run() noexcept {
    if (is_idle()) {
        has_room();
        return nullptr;
    }
    const std::int32_t result = answer().result;
    reset();
    ended(result);
    return nullptr;
}

}  // namespace coil::COIL_ABI::op
