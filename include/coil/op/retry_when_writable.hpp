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

/// Datagram sends for address families other than IP, mainly UNIX domain sockets. Such a send has to wait
/// while its receiver has too many unread datagrams. The send must not wait in the kernel, because io_uring
/// consumes the bytes before it finds that the receiver has no space, and does not restore them. io_uring
/// later sends a datagram of 0 bytes and reports success (measured on 6.18). coil therefore submits the send
/// as non-blocking. If the send finds no space, coil polls for space and then submits the send again.

namespace coil::COIL_ABI::op {

/// The state machine of a datagram send that waits until its receiver has space.
///
///     send --no space--> poll_sender --connected------------------------------------------> send
///                         +--to an address--> connect_probe ----> poll_receiver --space---> send
///                                              +--no probe, or the receiver refuses it----> send
///
/// `poll_sender` polls the sending socket for space in its send buffer and, if the socket is connected, in
/// the receiver's queue. For a UNIX domain datagram with an address, a second socket, called the probe, is
/// connected to the receiver (`connect_probe`) and polled (`poll_receiver`).
///
/// A send may find no space although a poll has completed, for two reasons. In some families, such as
/// netlink, a poll does not consider the receiver. A UNIX domain receiver is not polled if the context's
/// probes (at most 16) are all in use. After the second failed send and each later one, the operation
/// therefore pauses before the next poll. The pause starts at 1 ms and doubles up to 64 ms.
class room_for_datagram {
public:
    enum class step : std::uint8_t { send, poll_sender, connect_probe, poll_receiver };

    room_for_datagram(detail::event_loop* context, const sockaddr* receiver, socklen_t size) noexcept
        : context_(context), receiver_(receiver), size_(size) {}
    room_for_datagram(const room_for_datagram&) = delete;
    ~room_for_datagram() { close_probe(); }

    [[nodiscard]] step current() const noexcept { return step_; }
    /// Called when a send has found no space. Returns the length of the pause before the next step, which
    /// may be zero.
    [[nodiscard]] time_point::duration pause() noexcept;
    void prepare(io_uring_sqe& sqe, int sender) noexcept;
    /// Selects the next step from the result of the current step.
    void advance(std::int32_t answer) noexcept;

private:
    void open_probe() noexcept;
    void close_probe() noexcept;

    detail::event_loop* context_;
    const sockaddr* receiver_;
    socklen_t size_;
    int probe_ = -1;
    step step_ = step::send;
    std::uint8_t refusals_ = 0;  // number of sends that found no space so far
};

/// Repeats `Send` until the receiver has space.
template <class Send>
class [[nodiscard("co_await it")]] retry_when_writable final : public Send {
public:
    template <class Request>
    retry_when_writable(const Request& once, bool waits_for_room, detail::environment& task) noexcept
        : Send(once, task),
          waits_for_room_(waits_for_room),
          timer_(*this),
          room_(once.record ? &once.record->context() : nullptr, Send::receiver().address,
                Send::receiver().size) {}
    ~retry_when_writable() override { Send::retire(); }  // the send must end before the probe is closed

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
    detail::retry_timer timer_;
    room_for_datagram room_;
};

/// The description of a send that waits until the receiver has space, unless the user has set MSG_DONTWAIT.
template <class Description>
struct [[nodiscard("co_await it")]] retry_when_writable_description : Description {
    auto operation_in(detail::environment& task) const noexcept {
        using send_type = decltype(Description::operation_in(task));
        Description once = *this;
        once.flags |= MSG_DONTWAIT;
        return retry_when_writable<send_type>(once, !(this->flags & MSG_DONTWAIT), task);
    }
};

}  // namespace coil::COIL_ABI::op
