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

/// Sends of datagrams over what isn't IP, first of all UNIX domain sockets. There a send waits while its receiver has too many unread; but the kernel can't be asked to:
/// it takes the bytes before it sees that there is no room, forgets to put them back, and when there is room again sends a
/// datagram of 0 bytes, as a success (measured on 6.18). So it is asked once, and then for room.

namespace coil::COIL_ABI::op {

/// What is asked of the kernel next.
///
///     send --no room--> ours --connected--------------------------------> send
///                        +-----to an address--> look --> theirs --room--> send
///                                                +--can't be looked at--> send
///
/// `ours`: a poll of the socket, for room in its own buffer, and in the receiver's if it is connected. The receiver of a single
/// datagram is looked at through a second socket, which is connected to it (`look`), and polled (`theirs`). Some families, such
/// as netlink, have a poll that says nothing of the receiver, and a context has at most 16 second sockets: a send that finds no room right after such a poll pauses, for 1, 2,
/// 4 ... 64 ms.
class room_for_datagram {
public:
    enum class step : std::uint8_t { send, ours, look, theirs };

    room_for_datagram(io_context* context, const sockaddr* receiver, socklen_t size) noexcept
        : context_(context), receiver_(receiver), size_(size) {}
    room_for_datagram(const room_for_datagram&) = delete;
    ~room_for_datagram() { look_away(); }

    [[nodiscard]] step current() const noexcept { return step_; }
    /// After a send that found no room: how long to pause before the next step. Zero: not at all.
    [[nodiscard]] time_point::duration pause() noexcept;
    void prepare(io_uring_sqe& sqe, int sender) noexcept;
    /// Goes on after this answer.
    void advance(std::int32_t answer) noexcept;

private:
    void begin_to_look() noexcept;
    void look_away() noexcept;

    io_context* context_;
    const sockaddr* receiver_;
    socklen_t size_;
    int onlooker_ = -1;
    step step_ = step::send;
    std::uint8_t refusals_ = 0;  // sends in a row that found no room
};

/// `Send`, until there is room.
template <class Send>
class [[nodiscard("co_await it")]] patient final : public Send {
public:
    template <class Description, class... Lane>
    patient(const Description& once, bool is_patient, environment& task, Lane... lane) noexcept
        : Send(once, task, lane...),
          is_patient_(is_patient),
          timer_(*this),
          room_(once.record ? &once.record->context() : nullptr, Send::receiver(), Send::receiver_size()) {}
    ~patient() { Send::retire(); }  // before its second socket goes

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
        if (!is_patient_ || (is_sending ? result != -EAGAIN : result == -ECANCELED || result == -EINTR))
            return Send::next_step();
        if (Send::is_asked_to_end())
            return Send::end_aborted();
        const time_point::duration pause = is_sending ? room_.pause() : time_point::duration::zero();
        room_.advance(result);
        Send::takes_steps(room_.current() != room_for_datagram::step::send);
        if (pause > pause.zero())
            Send::pause(timer_, pause);
        else
            Send::submit_again();
        return true;
    }

private:
    bool is_patient_;
    retry_timer timer_;
    room_for_datagram room_;
};

/// The description of a send that is patient, unless the user has said MSG_DONTWAIT.
template <class Description, coil::lane... Lane>
struct [[nodiscard("co_await it")]] patient_description : Description {
    auto operation_in(environment& task) const noexcept {
        using send_type = decltype(Description::operation_in(task));
        Description once = *this;
        once.flags |= MSG_DONTWAIT;
        return patient<send_type>(once, !(this->flags & MSG_DONTWAIT), task, Lane...);
    }
};

}  // namespace coil::COIL_ABI::op
