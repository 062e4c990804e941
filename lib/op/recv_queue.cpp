// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#include "op/recv_queue.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>

#include <liburing.h>

#include <coil/loop/io_context.hpp>

namespace coil::op {

recv_queue::recv_queue(descriptor& record)
    : record_(record), pool_(record.context().pool()), starving_(*this), filler_(*this) {}

recv_queue::~recv_queue() { close(); }

recv_queue& recv_queue::of(descriptor& record) {
    if (!record.source())
        record.set_source(std::make_unique<recv_queue>(record));
    return static_cast<recv_queue&>(*record.source());
}

void recv_queue::wait(queue_reader& reader) noexcept {
    reader.wait_in(record_);
    if (has_news())
        serve();
    else if (!filler_.is_asking() && !starving_.is_linked())
        go_on();
}

void recv_queue::stream_gone() noexcept {
    if (streams_.empty())
        filler_.stop();
}

// Gives the reader who waits what there is.
void recv_queue::serve() noexcept {
    if (operation* waiting = record_.take_waiting()) {
        auto& reader = static_cast<queue_reader&>(*waiting);
        reader.finish(reader.answer_from(*this));
    }
}

// Somebody waits, there is nothing for him, and nobody has asked the kernel.
void recv_queue::go_on() noexcept {
    auto& reader = static_cast<queue_reader&>(*record_.first_waiting());
    if (reader.wanted() == queue_reader::wish::own_buffer)
        static_cast<queue_reader*>(record_.take_waiting())->submit_claimed();
    else if (pool_.has_room())
        filler_.ask(reader.wanted() == queue_reader::wish::chunks);
    else
        pool_.wait_for_room(starving_);
}

chunk recv_queue::take() noexcept {
    chunk first = std::move(returned_);
    if (first.empty() && first_ < unread_.size()) {
        first = std::move(unread_[first_]);
        // Now and then, so that it doesn't grow for ever where there is always one more.
        if (++first_ == unread_.size() || (first_ >= 32 && first_ >= unread_.size() / 2)) {
            unread_.erase(unread_.begin(), unread_.begin() + static_cast<std::ptrdiff_t>(first_));
            first_ = 0;
        }
    }
    size_ -= first.size();
    return first;
}

std::size_t recv_queue::copy(mutable_buffers into, bool peek) noexcept {
    std::size_t copied = 0;
    std::size_t at = first_;  // of the chunk to copy from: where only peeking
    std::size_t skip = 0;     // of its bytes
    bool from_returned = !returned_.empty();
    for (mutable_buffer rest: into) {
        while (!rest.empty() && copied < size_) {
            chunk& from = from_returned ? returned_ : unread_[at];
            const std::size_t n = std::min(rest.size(), from.size() - skip);
            std::memcpy(rest.data(), from.data() + skip, n);
            rest += n;
            copied += n;
            skip += n;
            if (skip == from.size()) {
                skip = 0;
                at += !from_returned;
                from_returned = false;
            }
        }
    }
    for (std::size_t left = peek ? 0 : copied; left > 0;) {
        chunk first = take();
        const std::size_t n = std::min(left, first.size());
        first.remove_prefix(n);
        left -= n;
        if (!first.empty())
            put_back(std::move(first));
    }
    return copied;
}

void recv_queue::put_back(chunk bytes) noexcept {
    size_ += bytes.size();
    std::swap(returned_, bytes);
    if (bytes.empty())
        return;
    // Two readers, served one after the other, gave back what they had.
    if (first_ > 0)
        unread_[--first_] = std::move(bytes);
    else
        unread_.insert(unread_.begin(), std::move(bytes));
}

void recv_queue::arrived(chunk bytes) noexcept {
    if (closed_ || bytes.empty())
        return;
    const std::size_t size = bytes.size();
    if (first_ == unread_.size() || !buffer_pool::merge(unread_.back(), bytes)) {
        try {
            unread_.push_back(std::move(bytes));
        } catch (...) {
            failure_ =
                -ENOMEM;  // they can't be kept, and can't be had again: the stream has a hole, and says so
            filler_.stop();
            return serve();
        }
    }
    size_ += size;
    serve();
    if (size_ >= record_.context().ahead_max() && !filler_.was_cancelled()) {
        record_.context().count_ahead_stop();
        filler_.stop();
    }
}

// The filler has nothing more to say. Its bytes, if any, have arrived before.
void recv_queue::ended(std::int32_t result) noexcept {
    if (result == -ENOBUFS)
        pool_.count_starved();
    else if (result < 0 && result != -ECANCELED)
        failure_ = result;

    if (failure_ != 0 && size_ == 0)
        serve();
    if (!record_.has_waiting())
        return;
    if (result == 0)
        static_cast<queue_reader*>(record_.take_waiting())->finish(0);
    else
        go_on();
}

void recv_queue::close() noexcept {
    closed_ = true;
    starving_.unlink();
    returned_.reset();
    unread_.clear();
    first_ = size_ = 0;
    failure_ = 0;
}

bool recv_queue::keeps_bytes() noexcept {
    filler_.settle();
    return size_ > 0;
}

std::coroutine_handle<> recv_queue::starving::run() noexcept {
    if (!queue_.filler_.is_asking() && queue_.record_.has_waiting())
        queue_.go_on();
    queue_.pool_.pass_on();
    return nullptr;
}

// ---- what fills it -------------------------------------------------------------------------------------------------

recv_queue::filler::filler(recv_queue& queue)
    : operation({&queue.record_, queue.record_.generation(), 0},
                queue.record_.context().foreign_environment(), lane::any),
      queue_(queue) {}

void recv_queue::filler::ask(bool multishot) noexcept {
    multishot_ = multishot;
    reset();
    submit();
}

// What it was asked is over; its turn, which is still to come, finds nothing to do.
void recv_queue::filler::settle() noexcept {
    stop();
    retire();
}

void recv_queue::filler::prepare(io_uring_sqe& sqe) noexcept {
    if (multishot_)
        io_uring_prep_recv_multishot(&sqe, target().number(), nullptr, 0, 0);
    else
        io_uring_prep_recv(&sqe, target().number(), nullptr, 0, 0);
    sqe.flags |= IOSQE_BUFFER_SELECT;
    sqe.buf_group = queue_.pool_.group();
}

// Connections share the pool's entries: what each answer says of them is taken down in the order of the answers.
void recv_queue::filler::more(const coil::answer& given) noexcept {
    if (given.flags & IORING_CQE_F_BUFFER)
        queue_.arrived(queue_.pool_.take(given.result, given.flags));
}

std::coroutine_handle<> recv_queue::filler::run() noexcept {
    const std::int32_t result = answer().result;
    reset();
    queue_.ended(result);
    return nullptr;
}

}  // namespace coil::op
