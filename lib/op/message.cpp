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

// The kernel takes at most IOV_MAX buffers at a time; on a stream the next operation moves the rest.
template <class Buffer>
std::size_t count_of(std::span<const Buffer> buffers) noexcept {
    return std::min<std::size_t>(buffers.size(), IOV_MAX);
}

// Drops `n` bytes that were moved from the front of `part` or, if that is empty, of `rest`. Returns whether
// bytes are left.
template <class Buffer>
bool drop_front(std::span<const Buffer>& rest, Buffer& part, std::size_t n) noexcept {
    if (!part.empty()) {
        part += n;
        n = 0;
        if (!part.empty())
            return true;
    }
    while (!rest.empty() && n >= rest.front().size()) {
        n -= rest.front().size();
        rest = rest.subspan(1);
    }
    if (rest.empty())
        return false;
    if (n > 0) {
        part = rest.front() + n;
        rest = rest.subspan(1);
    }
    return true;
}

}  // namespace

std::int32_t recvmsg::take_from(recv_queue& queue) noexcept {
    return static_cast<std::int32_t>(queue.copy(next(), flags() & MSG_PEEK));
}

void recvmsg::prepare(io_uring_sqe& sqe) noexcept {
    message_ = message_of(next().data(), count_of(next()));
    io_uring_prep_recvmsg(&sqe, target().number(), &message_, static_cast<unsigned>(kernel_flags(flags())));
}

bool recvmsg::skip(std::size_t n) noexcept { return drop_front(buffers_, part_, n); }

outcome<std::size_t> recvmsg::await_outcome() noexcept { return bytes_received(); }

std::size_t recvmsg::await_resume() {
    const auto outcome = await_outcome();
    if (!outcome)
        fail(outcome.error(), true, outcome.bytes_transferred());
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

void recvmsg_from::prepare(io_uring_sqe& sqe) noexcept {
    prepare_recvmsg(sqe, buffers_.data(), buffers_.size());
}

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
        return true;  // needs no system call
    if ((lane() != lane::write && buffers_.size() > IOV_MAX) || !may_send_directly(total_size(buffers_)))
        return false;
    fill_message();
    if (!is_whole(flags_))
        return sendmsg_directly(message_, flags_);
    const std::int32_t result = try_sendmsg(message_, flags_);
    return finish_whole_directly(result, [this](std::size_t n) { return skip(n); });
}

bool sendmsg::next_step() noexcept {
    return send_rest([this](std::size_t n) { return skip(n); });
}

bool sendmsg::skip(std::size_t n) noexcept { return drop_front(buffers_, part_, n); }

void sendmsg::fill_message() noexcept {
    message_ = message_of(next().data(), count_of(next()));
    message_.msg_name = const_cast<sockaddr*>(to_);  // the kernel only reads it
    message_.msg_namelen = to_size_;
}

void sendmsg::prepare(io_uring_sqe& sqe) noexcept {
    fill_message();
    prepare_sendmsg(sqe, message_, flags_);
}

outcome<std::size_t> sendmsg::await_outcome() noexcept {
    return outcome_of(is_done() ? total_size(next()) : 0);  // not done: there was nothing to send
}

std::size_t sendmsg::await_resume() {
    const auto outcome = await_outcome();
    if (!outcome)
        fail(outcome.error(), lane() == lane::write, outcome.bytes_transferred());
    return *outcome;
}

std::string sendmsg::describe() const {
    return to_ ? "sendto " + address_text(to_, to_size_) : sender::describe();
}

}  // namespace coil::COIL_ABI::op
