// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#pragma once

#include <coil/version.hpp>

#include <cstddef>
#include <sys/socket.h>

#include <coil/base/buffer.hpp>
#include <coil/base/endpoint.hpp>
#include <coil/base/outcome.hpp>
#include <coil/loop/operation.hpp>
#include <coil/op/recv.hpp>

namespace coil::COIL_ABI::op {

/// A datagram that a socket has received, and its sender.
template <class Endpoint>
struct basic_received_from {
    std::size_t size = 0;    ///< bytes in the buffer, or in all the buffers
    bool truncated = false;  ///< the datagram was larger, and the rest is lost
    Endpoint from;
};

using received_from = basic_received_from<ip::endpoint>;

/// Common part of recvfrom and recvmsg_from: room for the sender's address, unless it is not requested.
class [[nodiscard("co_await it")]] sender_reader : public datagram_reader {
protected:
    sender_reader(const descriptor_use& from, void* sender, socklen_t room, environment& task) noexcept
        : datagram_reader(from, task), room_(room), sender_(sender) {}

    void prepare_recvmsg(io_uring_sqe& sqe, const mutable_buffer* buffers, std::size_t count) noexcept;
    [[nodiscard]] std::int32_t take_into(recvfrom_queue& queue, mutable_buffers buffers) noexcept;

    /// The outcome, if the buffers have room for `room` bytes.
    [[nodiscard]] outcome<received> received_in(std::size_t room) noexcept;
    [[nodiscard]] socklen_t sender_size() const noexcept { return message_.msg_namelen; }

    const char* name() const noexcept override { return "recvfrom"; }

private:
    bool cut_before_ = false;  // the datagram was received ahead, and truncated then
    socklen_t room_;
    void* sender_;
    msghdr message_;
};

/// One recvfrom(2) (IORING_OP_RECVMSG). An empty buffer takes a datagram too. Several may wait, in FIFO
/// order. The derived class, `basic_recvfrom`, holds the sender's address, because it knows the address
/// family.
class [[nodiscard("co_await it")]] recvfrom : public sender_reader {
protected:
    recvfrom(const recv_request& what, void* sender, socklen_t room, environment& task) noexcept
        : sender_reader(what, sender, room, task), buffer_(what.buffer) {}

    [[nodiscard]] outcome<received> received_datagram() noexcept { return received_in(buffer_.size()); }

    void prepare(io_uring_sqe& sqe) noexcept override;  // down: what we submit
    std::int32_t take_from(recvfrom_queue& queue) noexcept override;

private:
    mutable_buffer buffer_;
};

/// `Operation`, with room for the address of a sender of this endpoint's family.
template <class Operation, class Endpoint>
class [[nodiscard("co_await it")]] with_sender final : public Operation {
public:
    using result_type = basic_received_from<Endpoint>;

    template <class Request>
    with_sender(const Request& what, environment& task) noexcept
        : Operation(what, &address_, sizeof address_, task) {}

    outcome<result_type> await_outcome() noexcept {  // up: what the completion means
        const auto outcome = Operation::received_datagram();
        if (!outcome)
            return outcome.error();
        const op::received datagram = *outcome;
        return result_type{datagram.size, datagram.truncated,
                           Endpoint::from_sockaddr(&address_, Operation::sender_size())};
    }
    result_type await_resume() {
        const auto outcome = await_outcome();
        if (!outcome)
            this->fail(outcome.error());
        return *outcome;
    }

private:
    typename Endpoint::sockaddr_type address_;
};

template <class Endpoint>
using basic_recvfrom = with_sender<recvfrom, Endpoint>;

template <class Endpoint>
struct [[nodiscard("co_await it")]] recvfrom_description : recv_request {
    basic_recvfrom<Endpoint> operation_in(environment& task) const noexcept { return {*this, task}; }
};

static_assert(sizeof(basic_recvfrom<ip::endpoint>) <= 192 &&
              sizeof(recvfrom_description<ip::endpoint>) <= 40);

}  // namespace coil::COIL_ABI::op
