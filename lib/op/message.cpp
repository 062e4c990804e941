// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#include <coil/op/message.hpp>

#include <liburing.h>

#include <coil/loop/io_context.hpp>

#include "base/address_text.hpp"
#include "op/message.hpp"
#include "op/recv_queue.hpp"
#include "op/recvfrom_queue.hpp"
#include "ring/kernel.hpp"

namespace coil::COIL_ABI::op {
namespace {

// More than the kernel takes at once: on a stream the rest is for the next operation.
template <class Buffer>
std::size_t count_of(std::span<const Buffer> buffers) noexcept {
    return std::min<std::size_t>(buffers.size(), IOV_MAX);
}

}  // namespace

std::int32_t recvmsg::take_from(recv_queue& queue) noexcept {
    return static_cast<std::int32_t>(queue.copy(buffers_, flags_ & MSG_PEEK));
}

void recvmsg::prepare(io_uring_sqe& sqe) noexcept {
    message_ = message_of(buffers_.data(), count_of(buffers_));
    io_uring_prep_recvmsg(&sqe, target().number(), &message_, static_cast<unsigned>(flags_));
}

outcome<std::size_t> recvmsg::await_outcome() noexcept {
    if (const auto error = failure())
        return error;
    if (is_done() && answer().result == 0 && was_interrupted())
        return error::operation_aborted;
    return static_cast<std::size_t>(answer().result);
}

std::size_t recvmsg::await_resume() {
    const auto outcome = await_outcome();
    if (!outcome)
        fail(outcome.error(), true);
    return *outcome;
}

bool recvmsg_from::await_ready() noexcept {
    return buffers_.size() <= IOV_MAX && datagram_reader::await_ready();
}

void recvmsg_from::await_suspend(std::coroutine_handle<> caller) {
    if (buffers_.size() <= IOV_MAX)
        receive(caller);
    else if (begin(caller))
        finish(refused_size);
}

std::int32_t recvmsg_from::take_from(recvfrom_queue& queue) noexcept { return take_into(queue, buffers_); }

void recvmsg_from::prepare(io_uring_sqe& sqe) noexcept { ask_of(sqe, buffers_.data(), buffers_.size()); }

received recvmsg_datagram::await_resume() {
    const auto outcome = await_outcome();
    if (!outcome)
        fail(outcome.error());
    return *outcome;
}

void sendmsg::await_suspend(std::coroutine_handle<> caller) {
    if (!begin(caller))
        return;
    if (lane() != lane::write && buffers_.size() > IOV_MAX)
        finish(refused_size);
    else
        submit();
}

bool sendmsg::await_ready() noexcept {
    if (lane() == lane::write && total_size(buffers_) == 0)
        return true;  // nothing to ask
    if ((lane() != lane::write && buffers_.size() > IOV_MAX) || !may_send_directly(total_size(buffers_)))
        return false;
    fill_message();
    return sendmsg_directly(message_, flags_);
}

void sendmsg::fill_message() noexcept {
    message_ = message_of(buffers_.data(), count_of(buffers_));
    message_.msg_name = const_cast<sockaddr*>(to_);  // it is only read
    message_.msg_namelen = to_size_;
}

void sendmsg::prepare(io_uring_sqe& sqe) noexcept {
    fill_message();
    prepare_sendmsg(sqe, message_, flags_);
}

outcome<std::size_t> sendmsg::await_outcome() noexcept {
    return outcome_of(is_done() ? total_size(buffers_) : 0);  // of nothing, nothing was asked
}

std::size_t sendmsg::await_resume() {
    const auto outcome = await_outcome();
    if (!outcome)
        fail(outcome.error(), lane() == lane::write);
    return *outcome;
}

std::string sendmsg::describe() const {
    return to_ ? "sendto " + address_text(to_, to_size_) : sender::describe();
}

}  // namespace coil::COIL_ABI::op
