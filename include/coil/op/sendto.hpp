// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#pragma once

#include <coil/version.hpp>

#include <cstddef>
#include <string>
#include <sys/socket.h>

#include <coil/base/buffer.hpp>
#include <coil/base/endpoint.hpp>
#include <coil/base/outcome.hpp>
#include <coil/loop/operation.hpp>
#include <coil/op/send.hpp>

namespace coil::COIL_ABI::op {

/// The buffer to send, and the destination. The endpoint is read when the operation starts.
template <class Endpoint>
struct sendto_request : send_request {
    const Endpoint* to = nullptr;
};

/// One sendto(2) of a datagram (IORING_OP_SEND with an address, since 6.1). It is sent whole, and several may
/// overlap. The derived class, `basic_sendto`, holds the address, because it knows the address family.
class [[nodiscard("co_await it")]] sendto : public sender {
public:
    bool await_ready() noexcept;
    outcome<std::size_t> await_outcome() noexcept;  // up: what the completion means
    std::size_t await_resume();

    std::string describe() const override;

protected:
    sendto(const send_request& what, const void* to, environment& task) noexcept
        : sender(what, task, lane::any),
          flags_(what.flags),
          buffer_(what.buffer),
          to_(static_cast<const sockaddr*>(to)) {}

    [[nodiscard]] const sockaddr* receiver() const noexcept { return to_; }
    [[nodiscard]] socklen_t receiver_size() const noexcept { return size_; }
    void set_size(socklen_t size) noexcept { size_ = size; }

    void prepare(io_uring_sqe& sqe) noexcept override;  // down: what we submit
    const char* name() const noexcept override { return "sendto"; }

private:
    int flags_;
    socklen_t size_ = 0;
    const_buffer buffer_;
    const sockaddr* to_;
};

/// A sendto that holds an address of this endpoint's family.
template <class Endpoint>
class [[nodiscard("co_await it")]] basic_sendto : public sendto {
public:
    basic_sendto(const sendto_request<Endpoint>& what, environment& task) noexcept
        : sendto(what, &address_, task) {
        set_size(what.to->to_sockaddr(address_));
    }

private:
    typename Endpoint::sockaddr_type address_;
};

template <class Endpoint>
struct [[nodiscard("co_await it")]] sendto_description : sendto_request<Endpoint> {
    basic_sendto<Endpoint> operation_in(environment& task) const noexcept { return {*this, task}; }
};

static_assert(sizeof(basic_sendto<ip::endpoint>) <= 128 && sizeof(sendto_description<ip::endpoint>) <= 40);

}  // namespace coil::COIL_ABI::op
