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

/// The contents of a pool entry, as described by the kernel's header in the entry.
struct contents {
    ip::endpoint from;
    bool has_sender = false;
    bool truncated = false;
    std::size_t size = 0;          // size of the datagram or train
    std::size_t segment_size = 0;  // segment size of a train; 0 for a single datagram
};

/// Returns the segment size of a train from the control messages, or 0 if they contain no segment size.
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

/// Parses the kernel's header in a pool entry. Returns nullopt if the lengths in the header do not match the
/// entry.
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

recvfrom_queue::~recvfrom_queue() {
    close();
    retire();  // until the receive has ended, datagrams may still arrive
}

recvfrom_queue& recvfrom_queue::of(detail::descriptor& record) {
    if (!record.source())
        record.set_source(detail::make_owned<recvfrom_queue>(record));
    return static_cast<recvfrom_queue&>(*record.source());
}

// Reads the option UDP_GRO. A kernel without this option delivers no trains. If the pool cannot be created,
// throws and changes nothing.
void recvfrom_queue::detect_trains() {
    detail::event_loop& context = record().context();
    int option = 0;
    unsigned size = sizeof option;
    const bool trains =
        context.kernel().getsockopt(record().number(), IPPROTO_UDP, UDP_GRO, &option, &size) >= 0 &&
        option != 0;
    buffer_pool* chosen = &context.pools().datagrams(trains);
    trains_ = trains;
    if (std::exchange(pool_, chosen) == chosen)
        return;
    leave_pool_queue();  // this object may be waiting for a buffer of the old pool
    stop();
    request_more();
}

// ---- readers ----------------------------------------------------------------------------------------------

// Returns false if the reader submits its own receive. A reader does this only if receives_directly() returns
// true, no receive of this queue is in flight or waiting for a buffer, and no other reader is ahead of it.
bool recvfrom_queue::receives_for(const reader& next) const noexcept {
    return is_receiving() || is_waiting_for_buffer() || !receives_directly(next) || record().has_reader() ||
           record().has_waiting();
}

// Called for a non-blocking reader when no datagram is unread. Collects the datagrams that have already
// arrived. If no receive is in flight, no other reader is waiting, and `next` does not submit its own
// receive, first submits the multishot receive or, if no buffer is free, queues for a buffer.
void recvfrom_queue::poll_for(const reader& next) noexcept {
    if (record().has_reader())
        return;
    if (!is_receiving() && !record().has_waiting()) {
        if (receives_directly(next)) {
            leave_pool_queue();  // the reader that needed a buffer is gone
        } else if (is_waiting_for_buffer()) {
            is_polled_ = true;
        } else if (pool_->may_submit()) {
            receive();
        } else {
            is_polled_ = true;
            pool_->wait_for_room(*this);
        }
    }
    read_ahead::poll_for(next);
}

// ---- unread datagrams -------------------------------------------------------------------------------------

std::uint32_t recvfrom_queue::take(received_datagram& into) noexcept {
    arrival& first = arrivals_[first_];
    const std::uint32_t place = first.place;
    ahead_ -= cost_of(first.what);
    into = std::move(first.what);
    drop_first();
    return place;
}

// Joins datagrams that are contiguous in one pool entry. One receive has delivered them, so they are from one
// sender.
std::uint32_t recvfrom_queue::take(received_train& into) noexcept {
    received_datagram first;
    const std::uint32_t place = take(first);
    into.from = first.from;
    into.truncated = first.truncated;
    into.segment_size = first.size();
    static_cast<chunk&>(into) = std::move(first);
    for (std::size_t count = 1; count < segments::count_max && unread_ > 0; ++count) {
        received_datagram& next = arrivals_[first_].what;
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
    --unread_;
    ++first_;
    // Compacts the list from time to time. A list that never becomes empty would otherwise grow without
    // limit.
    if (first_ == arrivals_.size() || (first_ >= 32 && first_ >= arrivals_.size() / 2)) {
        arrivals_.erase(arrivals_.begin(), at_first());
        first_ = 0;
    }
}

void recvfrom_queue::put_back(received_datagram returned, std::uint32_t place) noexcept {
    insert({std::move(returned), place});
    serve_waiting();
}

void recvfrom_queue::put_back(received_train returned, std::uint32_t place) noexcept {
    do {
        arrival next{{}, place++};
        static_cast<chunk&>(next.what) = buffer_pool::share(returned, returned.segment_size);
        next.what.from = returned.from;
        next.what.truncated = returned.truncated && returned.empty();
        insert(std::move(next));
    } while (!returned.empty());
    serve_waiting();
}

// Inserts a datagram that a destroyed reader has returned. The datagram gets its original position, because
// several readers may return datagrams in any order. The comparison of positions allows for a wrap-around of
// the 32-bit number.
void recvfrom_queue::insert(arrival returned) noexcept {
    if (is_closed())
        return;
    const auto is_later = [&](const arrival& each) {
        return static_cast<std::int32_t>(each.place - returned.place) > 0;
    };
    const std::size_t cost = cost_of(returned.what);
    try {
        arrivals_.insert(std::find_if(at_first(), arrivals_.end(), is_later), std::move(returned));
        ++unread_;
        ahead_ += cost;
    } catch (...) {
        fail_with(-ENOMEM);
    }
}

recvfrom_queue::copied recvfrom_queue::copy(mutable_buffers into, bool peek) noexcept {
    const received_datagram& first = arrivals_[first_].what;
    const copied result{static_cast<std::int32_t>(first.size()), first.truncated, first.from};
    std::size_t done = 0;
    for (const mutable_buffer& each: into) {
        const std::size_t n = std::min(each.size(), first.size() - done);
        if (n > 0)
            std::memcpy(each.data(), first.data() + done, n);
        done += n;
    }
    if (!peek) {
        received_datagram taken;
        take(taken);
    }
    return result;
}

// ---- arrivals ---------------------------------------------------------------------------------------------

void recvfrom_queue::arrived(chunk entry) noexcept {
    if (is_closed())
        return;
    buffer_pool& pool = *receiving_from_;
    const std::optional<contents> found = parse(entry, layout_);
    if (!found) {
        fail_with(-EBADMSG);
    } else if (!shut_ || found->has_sender) {  // otherwise, the entry reports the program's own shutdown
        entry.remove_prefix(layout_.header_size());
        const std::size_t segment = found->segment_size > 0 ? found->segment_size : found->size;
        // The last segment holds the remaining bytes. It is the only segment that can be truncated.
        while (entry.size() > segment) {
            chunk next = buffer_pool::share(entry, segment);
            pool.copy_if_low(next);
            add(std::move(next), found->from, false);
        }
        pool.copy_if_low(entry);
        add(std::move(entry), found->from, found->truncated);
    }
    serve_waiting();
    if (has_enough())
        stop_at_limit();
}

// Returns true if further datagrams must stay in the kernel, because this socket or all sockets together have
// reached their limit.
bool recvfrom_queue::has_enough() const noexcept {
    detail::event_loop& context = record().context();
    if (ahead_ >= std::min(context.chosen().ahead_max, receiving_from_->size() / 4))
        return true;
    return unread_ > 0 && (receiving_from_->is_lending() || !context.pools().may_hold_more(true));
}

void recvfrom_queue::add(chunk bytes, const ip::endpoint& from, bool truncated) noexcept {
    const std::size_t size = bytes.size();
    try {
        arrival& added = arrivals_.emplace_back();
        static_cast<chunk&>(added.what) = std::move(bytes);
        added.what.from = from;
        added.what.truncated = truncated;
        added.place = places_++;
        ++unread_;
        ahead_ += sizeof(arrival) + size;
    } catch (...) {
        fail_with(-ENOMEM);  // the datagram is lost, and the readers get an error
    }
}

void recvfrom_queue::drop_unread() noexcept {
    arrivals_.clear();
    first_ = ahead_ = 0;
}

// ---- our own shutdown -------------------------------------------------------------------------------------

// Called by the program's own shutdown(). Stops the receive, because a shutdown does not end a multishot
// receive in the kernel.
void recvfrom_queue::interrupt() noexcept {
    shut_ = true;
    leave_pool_queue();
    stop();
    request_more();
}

// Called after the program has shut down receiving. Completes waiting readers that have no buffer of their
// own, up to the first reader that has its own buffer. That reader submits a receive, which the kernel
// completes.
void recvfrom_queue::finish_streams() noexcept {
    while (const reader* first = first_reader()) {
        if (has_own_buffer(*first))
            return;
        record().take_waiting()->finish(0);
    }
}

// ---- the receive ------------------------------------------------------------------------------------------

bool recvfrom_queue::may_receive() noexcept {
    if (record().has_reader())
        return false;
    if (shut_)
        finish_streams();
    return true;
}

void recvfrom_queue::receive_for(const reader&) noexcept { receive(); }

bool recvfrom_queue::receive_into_room() noexcept {
    const reader* first = first_reader();
    const bool is_polled = std::exchange(is_polled_, false) && trains_ && !shut_;
    if (record().has_reader() || (first ? receives_directly(*first) : !is_polled))
        return false;
    receive();
    return true;
}

void recvfrom_queue::receive() noexcept {
    receiving_from_ = pool_;
    layout_ = trains_ ? train_layout : single_layout;
    begin_receive();
}

// The kernel reads only the lengths of the name and of the control messages from this msghdr. It stores the
// data in pool entries.
void recvfrom_queue::prepare(io_uring_sqe& sqe) noexcept {
    message_.msg_namelen = static_cast<socklen_t>(layout_.name_room);
    message_.msg_controllen = layout_.control_room;
    io_uring_prep_recvmsg_multishot(&sqe, target().number(), &message_, 0);
    sqe.flags |= IOSQE_BUFFER_SELECT;
    sqe.buf_group = receiving_from_->group();
}

void recvfrom_queue::more(const coil::detail::answer& given) noexcept {
    if (!(given.flags & IORING_CQE_F_BUFFER))
        return;
    chunk entry = receiving_from_->take(given.result, given.flags);
    if (given.result >= 0)
        arrived(std::move(entry));
}

}  // namespace coil::COIL_ABI::op
