// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#include "op/recvfrom_queue.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <optional>
#include <span>
#include <utility>

#include <liburing.h>

#include <coil/loop/io_context.hpp>
#include <coil/op/send_segments.hpp>

#include "ring/kernel.hpp"

namespace coil::COIL_ABI::op {
namespace {

/// The contents of an entry, according to the kernel's header in it.
struct contents {
    ip::endpoint from;
    bool has_sender = false;
    bool truncated = false;
    std::size_t size = 0;          // of the datagram or the train
    std::size_t segment_size = 0;  // of a train; 0 for a single datagram
};

/// The segment size of a train, from the control messages; 0 if there is none.
std::size_t segment_size_in(std::span<const std::byte> control) noexcept {
    while (control.size() >= sizeof(cmsghdr)) {
        cmsghdr head;
        std::memcpy(&head, control.data(), sizeof head);
        if (head.cmsg_len < sizeof head || head.cmsg_len > control.size())
            break;
        int size = 0;
        if (head.cmsg_level == IPPROTO_UDP && head.cmsg_type == UDP_GRO &&
            head.cmsg_len >= CMSG_LEN(sizeof size)) {
            std::memcpy(&size, control.data() + CMSG_LEN(0), sizeof size);
            return static_cast<std::size_t>(std::max(size, 0));
        }
        control = control.subspan(std::min(control.size(), CMSG_ALIGN(head.cmsg_len)));
    }
    return 0;
}

/// Returns nullopt if the lengths don't fit into the entry.
std::optional<contents> parse(std::span<const std::byte> entry, const datagram_layout& layout) noexcept {
    if (entry.size() < layout.header_size())
        return std::nullopt;
    io_uring_recvmsg_out head;
    std::memcpy(&head, entry.data(), sizeof head);
    const auto name = entry.subspan(sizeof head, layout.name_room);
    const auto control = entry.subspan(sizeof head + layout.name_room, layout.control_room);
    const std::size_t size = entry.size() - layout.header_size();
    const bool truncated = head.flags & MSG_TRUNC;
    if (head.namelen > name.size() || head.controllen > control.size() ||
        (truncated ? head.payloadlen < size : head.payloadlen != size))
        return std::nullopt;
    return contents{ip::endpoint::from_sockaddr(name.data(), head.namelen), head.namelen > 0, truncated, size,
                    segment_size_in(control.first(head.controllen))};
}

}  // namespace

recvfrom_queue::recvfrom_queue(descriptor& record)
    : record_(record), waiting_for_buffer_(*this), filler_(*this) {}

recvfrom_queue::~recvfrom_queue() { close(); }

recvfrom_queue& recvfrom_queue::of(descriptor& record) {
    if (!record.source())
        record.set_source(make_owned<recvfrom_queue>(record));
    return static_cast<recvfrom_queue&>(*record.source());
}

void recvfrom_queue::begin(recvfrom_stream& stream) {
    detect_trains();
    add(stream);
}

// A kernel that does not know the option sends no trains. If the pool can't be created, nothing changes.
void recvfrom_queue::detect_trains() {
    int option = 0;
    unsigned size = sizeof option;
    const bool trains =
        record_.context().kernel().getsockopt(record_.number(), IPPROTO_UDP, UDP_GRO, &option, &size) >= 0 &&
        option != 0;
    buffer_pool* chosen = &record_.context().datagram_pool(trains);
    trains_ = trains;
    if (std::exchange(pool_, chosen) == chosen)
        return;
    filler_.stop();
    waiting_for_buffer_.unlink();  // it waits in the old pool
    request_more();
}

void recvfrom_queue::stream_gone() noexcept {
    if (streams_.empty())
        filler_.stop();
}

// ---- readers ----------------------------------------------------------------------------------------------

bool recvfrom_queue::serve(operation& waiter) noexcept {
    auto& next = static_cast<reader&>(waiter);
    if (!next.may_wait()) {
        if (!has_data())
            poll_for(next);
        if (record_.has_reader() || (!has_data() && receives_for(next))) {
            next.finish(-EAGAIN);
            return true;
        }
    }
    next.wait_in(record_);
    serve_waiting();
    request_more();
    return true;
}

std::int32_t recvfrom_queue::give(operation& waiter) noexcept {
    return is_empty() ? std::exchange(failure_, 0) : static_cast<reader&>(waiter).take_from(*this);
}

// Whether a reader, for which nothing is unread, has to wait here instead of submitting a receive of its own.
bool recvfrom_queue::receives_for(const reader& next) const noexcept {
    return filler_.is_receiving() || waiting_for_buffer_.is_linked() || !receives_directly(next);
}

// For a reader that does not wait, if nothing is unread: lets the kernel deliver what is there now, or as soon as
// the pool has a buffer.
void recvfrom_queue::poll_for(const reader& next) noexcept {
    if (record_.has_reader())
        return;
    if (!filler_.is_receiving() && !record_.has_waiting()) {
        if (receives_directly(next)) {
            waiting_for_buffer_.unlink();  // the reader that needed a buffer is gone
        } else if (waiting_for_buffer_.is_linked()) {
            is_polled_ = true;
        } else if (pool_->may_submit()) {
            submit_receive();
        } else {
            is_polled_ = true;
            pool_->wait_for_room(waiting_for_buffer_);
        }
    }
    if (filler_.is_receiving())
        record_.context()
            .submissions()
            .collect_now();  // a datagram may have arrived that is not collected yet
}

// Serves the waiting readers. Remaining data completes the operations that wait for readiness.
void recvfrom_queue::serve_waiting() noexcept {
    while (has_data() && record_.has_waiting()) {
        operation& next = *record_.take_waiting();
        next.finish(give(next));
    }
    if (has_data())
        record_.source_has_data();
}

// If a reader waits and no receive is in flight, submits one: the reader's own, or the filler.
void recvfrom_queue::request_more(bool got_enobufs) noexcept {
    if (closed_ || record_.has_reader() || filler_.is_receiving() || waiting_for_buffer_.is_linked())
        return;
    if (shut_)
        finish_streams();
    if (!record_.has_waiting())
        return;
    if (receives_directly(*first_reader()))
        record_.take_waiting()->submit_to_ring();
    else if (pool_->may_submit())
        submit_receive();
    else
        pool_->wait_for_room(waiting_for_buffer_, got_enobufs);
}

std::uint32_t recvfrom_queue::take(datagram& into) noexcept {
    arrival& first = unread_[first_];
    const std::uint32_t place = first.place;
    ahead_ -= cost_of(first.what);
    into = std::move(first.what);
    drop_first();
    return place;
}

// Datagrams that follow in the same entry came with the same receive, so they are from the same sender.
std::uint32_t recvfrom_queue::take(datagram_train& into) noexcept {
    datagram first;
    const std::uint32_t place = take(first);
    into.from = first.from;
    into.truncated = first.truncated;
    into.segment_size = first.size();
    static_cast<chunk&>(into) = std::move(first);
    for (std::size_t count = 1; count < segments::count_max && !is_empty(); ++count) {
        datagram& next = unread_[first_].what;
        const std::size_t size = next.size();
        const std::size_t cost = cost_of(next);
        if (size > into.segment_size || into.size() + size > segments::bytes_max ||
            !buffer_pool::merge(into, next))
            break;
        into.truncated = next.truncated;
        ahead_ -= cost;
        drop_first();
        if (size < into.segment_size)
            break;
    }
    return place;
}

void recvfrom_queue::drop_first() noexcept {
    ++first_;
    // Compacts now and then: the list must not grow forever if there is always one more datagram.
    if (first_ == unread_.size() || (first_ >= 32 && first_ >= unread_.size() / 2)) {
        unread_.erase(unread_.begin(), at_first());
        first_ = 0;
    }
}

void recvfrom_queue::put_back(datagram returned, std::uint32_t place) noexcept {
    insert({std::move(returned), place});
    serve_waiting();
}

void recvfrom_queue::put_back(datagram_train returned, std::uint32_t place) noexcept {
    do {
        arrival next{{}, place++};
        static_cast<chunk&>(next.what) = buffer_pool::share(returned, returned.segment_size);
        next.what.from = returned.from;
        next.what.truncated = returned.truncated && returned.empty();
        insert(std::move(next));
    } while (!returned.empty());
    serve_waiting();
}

// Several readers that are destroyed may put datagrams back: sorts them by arrival, as far as the 32-bit
// places can tell.
void recvfrom_queue::insert(arrival returned) noexcept {
    if (closed_)
        return;
    const auto is_later = [&](const arrival& each) {
        return static_cast<std::int32_t>(each.place - returned.place) > 0;
    };
    const std::size_t cost = cost_of(returned.what);
    try {
        unread_.insert(std::find_if(at_first(), unread_.end(), is_later), std::move(returned));
        ahead_ += cost;
    } catch (...) {
        failure_ = -ENOMEM;
    }
}

recvfrom_queue::copied recvfrom_queue::copy(mutable_buffers into, bool peek) noexcept {
    const datagram& first = unread_[first_].what;
    const copied result{static_cast<std::int32_t>(first.size()), first.truncated, first.from};
    std::size_t done = 0;
    for (const mutable_buffer& each: into) {
        const std::size_t n = std::min(each.size(), first.size() - done);
        if (n > 0)
            std::memcpy(each.data(), first.data() + done, n);
        done += n;
    }
    if (!peek) {
        datagram taken;
        take(taken);
    }
    return result;
}

// ---- arrivals ---------------------------------------------------------------------------------------------

void recvfrom_queue::arrived(chunk entry, const datagram_layout& layout, buffer_pool& pool) noexcept {
    if (closed_)
        return;
    const std::optional<contents> found = parse(entry, layout);
    if (!found) {
        failure_ = -EBADMSG;
        filler_.stop();
    } else if (!shut_ || found->has_sender) {  // otherwise it is the end, after our own shutdown
        entry.remove_prefix(layout.header_size());
        const std::size_t segment = found->segment_size > 0 ? found->segment_size : found->size;
        // The last segment is what is left over, and the only one that can be truncated.
        while (entry.size() > segment) {
            chunk next = buffer_pool::share(entry, segment);
            pool.copy_if_low(next);
            add(std::move(next), found->from, false);
        }
        pool.copy_if_low(entry);
        add(std::move(entry), found->from, found->truncated);
    }
    serve_waiting();
    if (has_enough(pool) && !filler_.was_cancelled()) {
        record_.context().count_ahead_stop();
        filler_.stop();
    }
}

// Whether further datagrams stay in the kernel: the socket, or all sockets together, have reached their
// limit.
bool recvfrom_queue::has_enough(const buffer_pool& pool) const noexcept {
    const io_context& context = record_.context();
    if (ahead_ >= std::min(context.chosen().ahead_max, pool.size() / 4))
        return true;
    return !is_empty() && (pool.is_lending() || !context.may_hold_more(true));
}

void recvfrom_queue::add(chunk bytes, const ip::endpoint& from, bool truncated) noexcept {
    const std::size_t size = bytes.size();
    try {
        arrival& added = unread_.emplace_back();
        static_cast<chunk&>(added.what) = std::move(bytes);
        added.what.from = from;
        added.what.truncated = truncated;
        added.place = places_++;
        ahead_ += sizeof(arrival) + size;
    } catch (...) {
        failure_ = -ENOMEM;  // the datagram is lost, as datagrams may be, but not silently
        filler_.stop();
    }
}

// The filler has ended. Its datagrams, if any, have already arrived.
void recvfrom_queue::ended(std::int32_t result) noexcept {
    if (result == -ENOBUFS)
        pool_->count_starved();
    else if (result < 0 && result != -ECANCELED)
        failure_ = result;
    serve_waiting();
    request_more(result == -ENOBUFS);
}

void recvfrom_queue::submit_receive() noexcept {
    filler_.submit_receive(*pool_, trains_ ? train_layout : single_layout);
}

void recvfrom_queue::has_room() noexcept {
    const reader* first = first_reader();
    const bool is_polled = std::exchange(is_polled_, false) && trains_ && !shut_;
    if ((first ? !receives_directly(*first) : is_polled) && !record_.has_reader()) {
        submit_receive();
        return;
    }
    pool_->skip();
    request_more();
}

// A shutdown doesn't end the multishot: the kernel continues to wait for datagrams.
void recvfrom_queue::interrupt() noexcept {
    shut_ = true;
    filler_.stop();
    waiting_for_buffer_.unlink();
    request_more();
}

// Ends readers without a buffer of their own. The others submit their receive, and get the end from the
// kernel.
void recvfrom_queue::finish_streams() noexcept {
    while (const reader* first = first_reader()) {
        if (has_own_buffer(*first))
            return;
        record_.take_waiting()->finish(0);
    }
}

void recvfrom_queue::disconnect() noexcept {
    while (!streams_.empty())
        streams_.pop_front();
}

void recvfrom_queue::close() noexcept {
    closed_ = true;
    waiting_for_buffer_.unlink();
    unread_.clear();
    first_ = ahead_ = 0;
    failure_ = 0;
}

bool recvfrom_queue::keeps_bytes() noexcept {
    filler_.settle();
    return has_data();  // also an error: the kernel reports it only once
}

std::coroutine_handle<> recvfrom_queue::waiting_for_buffer::run() noexcept {
    queue_.has_room();
    return nullptr;
}

// ---- the filler -------------------------------------------------------------------------------------------

recvfrom_queue::filler::filler(recvfrom_queue& queue)
    : operation({&queue.record_, queue.record_.generation(), 0},
                queue.record_.context().foreign_environment(), lane::any),
      queue_(queue) {}

void recvfrom_queue::filler::submit_receive(buffer_pool& pool, const datagram_layout& layout) noexcept {
    pool_ = &pool;
    layout_ = layout;
    reset();
    submit();
}

// After this no receive is in flight. A run() that is still to come finds nothing to do.
void recvfrom_queue::filler::settle() noexcept {
    stop();
    retire();
}

// The kernel takes only the lengths of the name and of the control messages from this msghdr; data goes into
// pool entries.
void recvfrom_queue::filler::prepare(io_uring_sqe& sqe) noexcept {
    message_.msg_namelen = static_cast<socklen_t>(layout_.name_room);
    message_.msg_controllen = layout_.control_room;
    io_uring_prep_recvmsg_multishot(&sqe, target().number(), &message_, 0);
    sqe.flags |= IOSQE_BUFFER_SELECT;
    sqe.buf_group = pool_->group();
}

void recvfrom_queue::filler::more(const coil::answer& given) noexcept {
    if (!(given.flags & IORING_CQE_F_BUFFER))
        return;
    chunk entry = pool_->take(given.result, given.flags);
    if (given.result >= 0)
        queue_.arrived(std::move(entry), layout_, *pool_);
}

std::coroutine_handle<> recvfrom_queue::filler::run() noexcept {
    const std::int32_t result = answer().result;
    reset();
    queue_.ended(result);
    return nullptr;
}

}  // namespace coil::COIL_ABI::op
