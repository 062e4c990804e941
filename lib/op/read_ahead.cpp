// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#include "op/read_ahead.hpp"

#include <cerrno>
#include <utility>

namespace coil::COIL_ABI::op {

// ---- streams ----------------------------------------------------------------------------------------------

ahead_stream::ahead_stream(const detail::descriptor_use& from, const char* name) : from_(from) {
    if (from_.record && !from_.record->context().is_mine())
        detail::throw_wrong_thread(name, from_.record->context().owner());
}

ahead_stream& ahead_stream::operator=(ahead_stream&& other) noexcept {
    if (this != &other) {
        drop();
        take(other);
    }
    return *this;
}

void ahead_stream::join(read_ahead& source) noexcept { source.add(*this); }

void ahead_stream::take(ahead_stream& other) noexcept {
    from_ = other.from_;
    if (!other.is_linked())
        return;
    other.unlink();
    static_cast<read_ahead*>(from_.record->source())->add(*this);
}

// Unlinks this stream from its `read_ahead`. No-op if the stream is not linked, for example because it has
// been moved from, or because its `read_ahead` has been destroyed, which unlinks all streams.
void ahead_stream::drop() noexcept {
    if (!is_linked())
        return;
    from_.record->context().require_thread("recv_stream: destroyed or assigned to");
    unlink();
    static_cast<read_ahead*>(from_.record->source())->stream_gone();
}

void read_ahead::stream_gone() noexcept {
    if (streams_.empty())
        stop();
}

void read_ahead::disconnect() noexcept {
    while (!streams_.empty())
        streams_.pop_front();
}

// ---- readers ----------------------------------------------------------------------------------------------

bool read_ahead::serve(detail::operation& waiter) noexcept {
    auto& next = static_cast<reader&>(waiter);
    if (!has_data()) {
        if (!next.may_wait())
            poll_for(next);
        if (!has_data() && !receives_for(next))
            return false;
        if (!has_data() && !next.may_wait()) {
            next.finish(-EAGAIN);
            return true;
        }
    }
    next.wait_in(record());
    serve_waiting();
    request_more();
    return true;
}

// Gives unread data to the waiter. If no data is unread, returns and clears the stored error, so that the
// error is reported only once.
std::int32_t read_ahead::give(detail::operation& waiter) noexcept {
    return unread_ > 0 ? static_cast<reader&>(waiter).take_from(*this) : std::exchange(failure_, 0);
}

void read_ahead::poll_for(const reader&) noexcept {
    if (is_receiving())
        record().context().submissions().collect_now();  // data may have arrived but not been collected yet
}

void read_ahead::serve_waiting() noexcept {
    while (has_data() && record().has_waiting()) {
        auto& next = static_cast<reader&>(*record().take_waiting());
        const std::int32_t result = give(next);
        if (!next.try_continue(result))
            next.finish(result);
    }
    if (has_data())
        record().source_has_data();
}

void read_ahead::request_more(bool got_enobufs) noexcept {
    if (is_closed_ || is_receiving() || is_waiting_for_buffer() || !may_receive())
        return;
    const reader* next = first_reader();
    if (!next)
        return;
    if (receives_directly(*next))
        record().take_waiting()->submit_to_ring();
    else if (pool().may_submit())
        receive_for(*next);
    else
        pool().wait_for_room(*this, got_enobufs);
}

// ---- the receive ------------------------------------------------------------------------------------------

// Runs when the receive has ended, or when the pool has a buffer again.
std::coroutine_handle<> read_ahead::run() noexcept {
    if (is_idle()) {
        if (!receive_into_room()) {
            pool().skip();
            request_more();
        }
        return nullptr;
    }
    const std::int32_t result = answer().result;
    reset();
    ended(result);
    return nullptr;
}

// Called when the receive has ended with `result`. The data that the receive has delivered is already part of
// the unread data.
void read_ahead::ended(std::int32_t result) noexcept {
    if (result == -ENOBUFS)
        pool().count_starved();
    else if (result < 0 && result != -ECANCELED)
        failure_ = result;
    serve_waiting();
    if (result == 0 && ends_with_zero() && record().has_waiting())
        record().take_waiting()->finish(0);
    else
        request_more(result == -ENOBUFS);
}

void read_ahead::stop_at_limit() noexcept {
    if (was_cancelled())
        return;
    record().context().count_ahead_stop();
    stop();
}

void read_ahead::close() noexcept {
    is_closed_ = true;
    leave_pool_queue();
    drop_unread();
    unread_ = 0;
    failure_ = 0;
}

bool read_ahead::keeps_bytes() noexcept {
    // After these two calls, no receive is in flight.
    stop();
    retire();
    // The kernel reports an error, such as a reset, only once, so an error that has been reported counts as
    // unread data. Such an error is either in failure_, which has_data() checks, or in a completion that
    // run() has not processed yet.
    const std::int32_t result = is_done() ? answer().result : 0;
    return has_data() || (result < 0 && result != -ECANCELED && result != -ENOBUFS);
}

}  // namespace coil::COIL_ABI::op
