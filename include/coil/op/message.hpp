// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#pragma once

#include <coil/version.hpp>

#include <array>
#include <cstddef>
#include <string>
#include <sys/socket.h>

#include <coil/base/buffer.hpp>
#include <coil/base/endpoint.hpp>
#include <coil/base/outcome.hpp>
#include <coil/loop/operation.hpp>
#include <coil/op/recv.hpp>
#include <coil/op/recvfrom.hpp>
#include <coil/op/send.hpp>

/// Operations on several buffers (scatter/gather I/O).

namespace coil::COIL_ABI::op {

/// The buffers to receive into: an array that the caller owns.
struct recvmsg_request : descriptor_use {
    mutable_buffers buffers;
};

/// The buffers to send: an array that the caller owns.
struct sendmsg_request : descriptor_use {
    const_buffers buffers;
};

/// The buffers to send, and the destination. The endpoint is read when the operation starts.
template <class Endpoint>
struct sendmsg_to_request : sendmsg_request {
    const Endpoint* to = nullptr;
};

/// One recvmsg(2) on a stream (IORING_OP_RECVMSG): fills the buffers in order.
class [[nodiscard("co_await it")]] recvmsg : public stream_reader {
public:
    recvmsg(const recvmsg_request& what, environment& task) noexcept
        : stream_reader(what, task), buffers_(what.buffers) {}

    bool await_ready() noexcept { return total_size(buffers_) == 0 || serve_inline(); }
    void await_suspend(std::coroutine_handle<> caller) { receive(caller); }
    outcome<std::size_t> await_outcome() noexcept;
    std::size_t await_resume();

protected:
    void prepare(io_uring_sqe& sqe) noexcept override;
    std::int32_t take_from(recv_queue& queue) noexcept override;
    bool skip(std::size_t n) noexcept override;
    const char* name() const noexcept override { return "recv"; }

private:
    /// The buffers to fill next: the rest of a partly filled buffer, alone; otherwise the remaining buffers.
    [[nodiscard]] mutable_buffers next() const noexcept {
        return part_.empty() ? buffers_ : mutable_buffers(&part_, 1);
    }

    mutable_buffers buffers_;
    mutable_buffer part_;
    msghdr message_;
};

/// One recvmsg(2) of a datagram into several buffers. More than IOV_MAX (1024) buffers are refused with
/// message_size.
class [[nodiscard("co_await it")]] recvmsg_from : public sender_reader {
public:
    bool await_ready() noexcept;
    void await_suspend(std::coroutine_handle<> caller);

protected:
    recvmsg_from(const recvmsg_request& what, void* sender, socklen_t room, environment& task) noexcept
        : sender_reader(what, sender, room, task), buffers_(what.buffers) {}

    [[nodiscard]] outcome<received> received_datagram() noexcept { return received_in(total_size(buffers_)); }

    void prepare(io_uring_sqe& sqe) noexcept override;
    std::int32_t take_from(recvfrom_queue& queue) noexcept override;

private:
    mutable_buffers buffers_;
};

template <class Endpoint>
using basic_recvmsg_from = with_sender<recvmsg_from, Endpoint>;

/// A recvmsg_from of a connected socket: the sender's address is not requested.
class [[nodiscard("co_await it")]] recvmsg_datagram final : public recvmsg_from {
public:
    recvmsg_datagram(const recvmsg_request& what, environment& task) noexcept
        : recvmsg_from(what, nullptr, 0, task) {}

    outcome<received> await_outcome() noexcept { return received_datagram(); }
    received await_resume();

protected:
    const char* name() const noexcept override { return "recv"; }
};

/// One sendmsg(2) (IORING_OP_SENDMSG, or a direct system call while the loop is quiet): sends the bytes of
/// the buffers in order. It never raises SIGPIPE. On a stream it may be short (partial write). A datagram is
/// sent whole; more than IOV_MAX buffers are refused with message_size.
class [[nodiscard("co_await it")]] sendmsg : public whole_sender {
public:
    sendmsg(const sendmsg_request& what, environment& task, coil::lane lane = lane::write) noexcept
        : whole_sender(what, task, lane), flags_(what.flags), buffers_(what.buffers) {
        takes_steps(is_whole(flags_));
    }

    bool await_ready() noexcept;
    void await_suspend(std::coroutine_handle<> caller);
    outcome<std::size_t> await_outcome() noexcept;
    std::size_t await_resume();

    std::string describe() const override;

protected:
    [[nodiscard]] const sockaddr* receiver() const noexcept { return to_; }
    [[nodiscard]] socklen_t receiver_size() const noexcept { return to_size_; }
    void set_address(const void* to, socklen_t size) noexcept {
        to_ = static_cast<const sockaddr*>(to), to_size_ = size;
    }

    void prepare(io_uring_sqe& sqe) noexcept override;
    bool next_step() noexcept override;
    const char* name() const noexcept override { return to_ ? "sendto" : "send"; }

private:
    void fill_message() noexcept;
    /// The buffers to send next: the rest of a partly sent buffer, alone; otherwise the remaining buffers.
    [[nodiscard]] const_buffers next() const noexcept {
        return part_.empty() ? buffers_ : const_buffers(&part_, 1);
    }
    [[nodiscard]] bool skip(std::size_t n) noexcept;

    int flags_;
    socklen_t to_size_ = 0;
    const sockaddr* to_ = nullptr;
    const_buffers buffers_;
    const_buffer part_;
    msghdr message_;
};

/// A sendmsg of a datagram that holds an address of this endpoint's family.
template <class Endpoint>
class [[nodiscard("co_await it")]] basic_sendmsg_to : public sendmsg {
public:
    basic_sendmsg_to(const sendmsg_to_request<Endpoint>& what, environment& task) noexcept
        : sendmsg(what, task, lane::any) {
        set_address(&address_, what.to->to_sockaddr(address_));
    }

private:
    typename Endpoint::sockaddr_type address_;
};

// Descriptions over an array that the caller owns.

struct [[nodiscard("co_await it")]] recvmsg_description : recvmsg_request {
    recvmsg operation_in(environment& task) const noexcept { return {*this, task}; }
};

struct [[nodiscard("co_await it")]] recvmsg_datagram_description : recvmsg_request {
    recvmsg_datagram operation_in(environment& task) const noexcept { return {*this, task}; }
};

template <class Endpoint>
struct [[nodiscard("co_await it")]] recvmsg_from_description : recvmsg_request {
    basic_recvmsg_from<Endpoint> operation_in(environment& task) const noexcept { return {*this, task}; }
};

struct [[nodiscard("co_await it")]] sendmsg_description : sendmsg_request {
    sendmsg operation_in(environment& task) const noexcept { return {*this, task}; }
};

struct [[nodiscard("co_await it")]] sendmsg_datagram_description : sendmsg_request {
    sendmsg operation_in(environment& task) const noexcept { return {*this, task, lane::any}; }
};

struct [[nodiscard("co_await it")]] sendmsg_packet_description : sendmsg_request {
    sendmsg operation_in(environment& task) const noexcept { return {*this, task, packet_lane(flags)}; }
};

template <class Endpoint>
struct [[nodiscard("co_await it")]] sendmsg_to_description : sendmsg_to_request<Endpoint> {
    basic_sendmsg_to<Endpoint> operation_in(environment& task) const noexcept { return {*this, task}; }
};

static_assert(sizeof(recvmsg_description) <= 40 && sizeof(sendmsg_to_description<ip::endpoint>) <= 40);

// Descriptions that hold the array of buffers themselves.

/// An operation on buffers that it holds itself.
template <class Operation, class Buffer, std::size_t N>
class [[nodiscard("co_await it")]] holding {
public:
    template <class Make>
    holding(const std::array<Buffer, N>& buffers, Make&& make)
        : buffers_(buffers), operation_(make(buffers_)) {}
    holding(const holding&) = delete;

    bool await_ready() noexcept { return operation_.await_ready(); }
    void await_suspend(std::coroutine_handle<> caller) { operation_.await_suspend(caller); }
    auto await_outcome() noexcept { return operation_.await_outcome(); }
    auto await_resume() { return operation_.await_resume(); }
    std::string describe() const { return operation_.describe(); }

private:
    std::array<Buffer, N> buffers_;
    Operation operation_;
};

/// A `Description` that holds its array of buffers itself.
template <class Description, class Buffer, std::size_t N>
struct [[nodiscard("co_await it")]] holding_description : Description {
    std::array<Buffer, N> held;

    auto operation_in(environment& task) const {
        using operation = decltype(Description::operation_in(task));
        return holding<operation, Buffer, N>(held, [&](const std::array<Buffer, N>& inside) {
            Description what = *this;
            what.buffers = inside;
            return what.operation_in(task);
        });
    }
};

}  // namespace coil::COIL_ABI::op
