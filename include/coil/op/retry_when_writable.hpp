// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#pragma once

#include <coil/version.hpp>

#include <cerrno>
#include <cstdint>
#include <sys/socket.h>
#include <utility>

#include <coil/loop/operation.hpp>
#include <coil/loop/retry_timer.hpp>

/// Sends of datagrams over families other than IP, mainly UNIX domain sockets. Such a send has to wait while
/// its receiver has too many unread datagrams, but it can't wait in the kernel: io_uring takes the bytes
/// before it finds that there is no room, does not restore them, and later sends a datagram of 0 bytes and
/// reports success (measured on 6.18). So the send is submitted as non-blocking and, if there is no room,
/// submitted again after a poll.

namespace coil::COIL_ABI::op {

/// The state machine of a datagram send that waits for room.
///
///     send --no room--> poll_sender --connected------------------------------------------> send
///                        +--to an address--> connect_probe ----> poll_receiver --room----> send
///                                             +--no probe, or the receiver refuses it----> send
///
/// `poll_sender` polls the socket itself for room in its buffer and, if it is connected, in the receiver's.
/// For a datagram with an address a second socket, the probe, is connected to the receiver (`connect_probe`)
/// and polled (`poll_receiver`). In some families, such as netlink, the poll says nothing about the receiver,
/// and a context has at most 16 probes. So a send that finds no room again after a poll backs off
/// exponentially, from 1 ms up to 64 ms.
class room_for_datagram {
public:
    enum class step : std::uint8_t { send, poll_sender, connect_probe, poll_receiver };

    room_for_datagram(io_context* context, const sockaddr* receiver, socklen_t size) noexcept
        : context_(context), receiver_(receiver), size_(size) {}
    room_for_datagram(const room_for_datagram&) = delete;
    ~room_for_datagram() { close_probe(); }

    [[nodiscard]] step current() const noexcept { return step_; }
    /// Called when a send has found no room. Returns how long to pause before the next step; zero for no
    /// pause.
    [[nodiscard]] time_point::duration pause() noexcept;
    void prepare(io_uring_sqe& sqe, int sender) noexcept;
    /// Chooses the next step after a step with this result.
    void advance(std::int32_t answer) noexcept;

private:
    void open_probe() noexcept;
    void close_probe() noexcept;

    io_context* context_;
    const sockaddr* receiver_;
    socklen_t size_;
    int probe_ = -1;
    step step_ = step::send;
    std::uint8_t refusals_ = 0;  // consecutive sends that found no room
};

/// Repeats `Send` until there is room.
template <class Send>
class [[nodiscard("co_await it")]] retry_when_writable final : public Send {
public:
    template <class Request>
    retry_when_writable(const Request& once, bool waits_for_room, environment& task) noexcept
        : Send(once, task),
          waits_for_room_(waits_for_room),
          timer_(*this),
          room_(once.record ? &once.record->context() : nullptr, Send::receiver().address,
                Send::receiver().size) {}
    ~retry_when_writable() { Send::retire(); }  // before the probe is closed

protected:
    void prepare(io_uring_sqe& sqe) noexcept override {
        if (room_.current() == room_for_datagram::step::send)
            Send::prepare(sqe);
        else
            room_.prepare(sqe, Send::target().number());
    }
    [[nodiscard]] bool next_step() noexcept override {
        const std::int32_t result = Send::answer().result;
        const bool is_sending = room_.current() == room_for_datagram::step::send;
        if (!waits_for_room_ || (is_sending ? result != -EAGAIN : result == -ECANCELED || result == -EINTR))
            return Send::next_step();
        if (Send::should_stop())
            return Send::end_aborted();
        const time_point::duration pause = is_sending ? room_.pause() : time_point::duration::zero();
        room_.advance(result);
        Send::takes_steps(room_.current() != room_for_datagram::step::send);
        if (pause > pause.zero())
            Send::pause(timer_, pause);
        else
            Send::submit_to_ring();
        return true;
    }

private:
    bool waits_for_room_;
    retry_timer timer_;
    room_for_datagram room_;
};

/// The description of a send that waits for room, unless the user has set MSG_DONTWAIT.
template <class Description>
struct [[nodiscard("co_await it")]] retry_when_writable_description : Description {
    auto operation_in(environment& task) const noexcept {
        using send_type = decltype(Description::operation_in(task));
        Description once = *this;
        once.flags |= MSG_DONTWAIT;
        return retry_when_writable<send_type>(once, !(this->flags & MSG_DONTWAIT), task);
    }
};

}  // namespace coil::COIL_ABI::op
