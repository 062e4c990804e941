// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>

#include <coil/base/intrusive_list.hpp>
#include <coil/loop/buffer_pool.hpp>
#include <coil/loop/descriptor.hpp>
#include <coil/loop/event_loop.hpp>
#include <coil/loop/operation.hpp>
#include <coil/op/ahead_stream.hpp>
#include <coil/op/reader.hpp>

namespace coil::COIL_ABI::op {

/// Receives data for a record before a reader asks for the data. Holds the unread data and the receive that
/// is in flight. The record, and not this object, lists the waiting readers. The derived classes store bytes
/// (`recv_queue`) or datagrams (`recvfrom_queue`).
///
///     idle ----a reader waits----> in the kernel --arrival--> in the kernel, even without a reader
///       ^                             |     |
///       +-- enough is unread ---------+     | the pool is empty
///       +-- the streams are gone -----+     |
///       +-- end, error ---------------+     +--> waiting for a buffer --buffer free--> in the kernel
///
/// Unread data belongs to the record and not to a stream, so the next reader gets this data first. One object
/// is both the receive operation and the queue of unread data, which saves memory for each connection.
class read_ahead : public detail::descriptor_source, protected detail::operation {
public:
    [[nodiscard]] bool has_data() const noexcept final { return unread_ > 0 || failure_ != 0; }
    [[nodiscard]] bool serve(detail::operation& waiter) noexcept final;
    [[nodiscard]] std::int32_t give(detail::operation& waiter) noexcept final;
    [[nodiscard]] bool keeps_bytes() noexcept final;
    void close() noexcept final;
    void disconnect() noexcept final;

    void add(ahead_stream& stream) noexcept { streams_.push_back(stream); }
    /// Called after a stream has been unlinked because it is being destroyed or assigned to. If no stream is
    /// left, stops receiving. Data that arrives before the receive has ended is kept.
    void stream_gone() noexcept;

protected:
    explicit read_ahead(detail::descriptor& record) noexcept
        : operation({&record, record.generation(), 0}, record.context().foreign_environment(),
                    detail::lane::any) {}
    ~read_ahead() override = default;

    // ---- what the derived class decides -------------------------------------------------------------------

    /// Called when no data is unread. Returns true if this object receives the next data for the reader, and
    /// false if the reader must submit its own receive.
    [[nodiscard]] virtual bool receives_for(const reader& next) const noexcept = 0;
    /// Returns true if a receive for the first waiting reader may begin.
    [[nodiscard]] virtual bool may_receive() noexcept { return true; }
    /// Returns true if `next` submits its own receive to the ring, into its own buffer.
    [[nodiscard]] virtual bool receives_directly(const reader& next) const noexcept = 0;
    /// Returns the pool for the next receive.
    [[nodiscard]] virtual buffer_pool& pool() const noexcept = 0;
    /// Begins a receive for `next`, which is the first waiting reader.
    virtual void receive_for(const reader& next) noexcept = 0;
    /// Called when the pool has a buffer again. Begins a receive and returns true, or returns false if no
    /// receive is needed.
    [[nodiscard]] virtual bool receive_into_room() noexcept = 0;
    /// Called for a non-blocking reader when no data is unread. Collects data that has already arrived.
    virtual void poll_for(const reader& next) noexcept;
    /// Returns true if a receive with the result 0 means the end of the stream. In that case, the first
    /// waiting reader completes with 0.
    [[nodiscard]] virtual bool ends_with_zero() const noexcept = 0;
    virtual void drop_unread() noexcept = 0;

    // ---- for the derived class ----------------------------------------------------------------------------

    [[nodiscard]] detail::descriptor& record() const noexcept { return target(); }
    [[nodiscard]] reader* first_reader() const noexcept {
        return static_cast<reader*>(record().first_waiting());
    }
    [[nodiscard]] bool is_closed() const noexcept { return is_closed_; }
    [[nodiscard]] bool is_receiving() const noexcept { return !is_idle(); }
    [[nodiscard]] bool is_waiting_for_buffer() const noexcept { return is_idle() && is_linked(); }
    void leave_pool_queue() noexcept {
        if (is_waiting_for_buffer())
            unlink();
    }
    /// Submits the receive.
    void begin_receive() noexcept {
        reset();
        submit();
    }
    /// Begins a receive if a reader is waiting and no receive is in flight.
    void request_more(bool got_enobufs = false) noexcept;
    /// Gives the unread data to the waiting readers. If any data remains, notifies the pending wait()
    /// operations.
    void serve_waiting() noexcept;
    /// Called when this record or all streams together hold as many bytes as allowed. Stops receiving.
    void stop_at_limit() noexcept;
    /// Called when data has been lost. Readers get the unread data first and then `error`.
    void fail_with(std::int32_t error) noexcept {
        failure_ = error;
        stop();
    }

    std::uint32_t unread_ = 0;  // bytes, or datagrams

private:
    std::coroutine_handle<> run() noexcept override;
    void ended(std::int32_t result) noexcept;

    std::int32_t failure_ = 0;  // an error that is reported once, after the unread data
    detail::intrusive_list<ahead_stream> streams_;
    bool is_closed_ = false;  // last, so that derived classes can use the padding after it
};

}  // namespace coil::COIL_ABI::op
