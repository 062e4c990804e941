// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#include <coil/op/recv_descriptors.hpp>

#include <algorithm>
#include <cstring>
#include <utility>

#include <liburing.h>

#include <coil/coro/frame_allocator.hpp>

#include "op/message.hpp"
#include "op/recv_queue.hpp"

namespace coil::COIL_ABI::op {

recv_descriptors::~recv_descriptors() {
    retire();
    const std::size_t size = control_size();
    descriptors_ = {};  // if the result was not taken, the received descriptors are closed
    received_descriptors unwanted;
    take_descriptors(unwanted);
    if (control_)
        detail::frame_deallocate(control_, size);
}

// Returns the size of the control buffer. This buffer has space for the descriptors and for the sender's
// credentials, which precede the descriptors if SO_PASSCRED is set.
std::size_t recv_descriptors::control_size() const noexcept {
    return CMSG_SPACE(sizeof(::ucred)) + CMSG_SPACE(descriptors_.size_bytes());
}

// Allocates the control buffer. Refuses MSG_WAITALL on a stream, because the control buffer has no space for
// descriptors that arrive with later bytes.
std::optional<std::int32_t> recv_descriptors::before_submit() {
    control_ = detail::frame_allocate(control_size());
    if ((flags() & MSG_WAITALL) && lane() == detail::lane::read)
        return refused_flags;
    return buffer_reader::before_submit();
}

// Copies unread bytes. A recv_queue never holds descriptors, so there are none to store.
std::int32_t recv_descriptors::take_from(detail::descriptor_source& source) noexcept {
    return static_cast<std::int32_t>(
        static_cast<recv_queue&>(source).copy({&buffer_, 1}, flags() & MSG_PEEK));
}

// Sets MSG_TRUNC for messages, so that the kernel returns the size of the whole message even if the buffer is
// smaller. On a stream, the flag would discard data.
void recv_descriptors::prepare(io_uring_sqe& sqe) noexcept {
    from_kernel_ = true;
    message_ = message_of(mutable_buffers(&buffer_, 1));
    message_.msg_control = control_;
    message_.msg_controllen = control_size();
    io_uring_prep_recvmsg(&sqe, target().number(), &message_,
                          static_cast<unsigned>(kernel_flags() | MSG_CMSG_CLOEXEC |
                                                (lane() == detail::lane::queue ? MSG_TRUNC : 0)));
}

outcome<received_descriptors> recv_descriptors::await_outcome() noexcept {
    if (const auto error = failure())
        return error;
    if (answer().result == 0 && was_interrupted())
        return error::operation_aborted;
    const auto size = static_cast<std::size_t>(answer().result);
    received_descriptors result{std::min(size, buffer_.size()), size > buffer_.size(), 0, false};
    take_descriptors(result);
    return result;
}

// Moves the received descriptors into the caller's array, and closes those that do not fit. Only the first
// call has an effect. The control buffer also has space for the sender's credentials. If no credentials have
// arrived, this space may contain more descriptors than fit into the array.
void recv_descriptors::take_descriptors(received_descriptors& into) noexcept {
    if (!std::exchange(from_kernel_, false) || !is_done() || answer().result < 0)
        return;
    into.dropped = message_.msg_flags & MSG_CTRUNC;
    for (cmsghdr* head = CMSG_FIRSTHDR(&message_); head; head = CMSG_NXTHDR(&message_, head)) {
        if (head->cmsg_level != SOL_SOCKET || head->cmsg_type != SCM_RIGHTS)
            continue;
        const std::size_t count = (head->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (std::size_t i = 0; i < count; ++i) {
            int number = -1;
            std::memcpy(&number, CMSG_DATA(head) + i * sizeof number, sizeof number);
            unique_descriptor arrived(number);
            if (into.descriptors < descriptors_.size())
                descriptors_[into.descriptors++] = std::move(arrived);
            else
                into.dropped = true;
        }
    }
}

received_descriptors recv_descriptors::await_resume() {
    const auto outcome = await_outcome();
    if (!outcome)
        fail(outcome.error(), lane() == detail::lane::read);
    return *outcome;
}

}  // namespace coil::COIL_ABI::op
