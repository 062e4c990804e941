// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#pragma once

#include <coil/version.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <sys/socket.h>

#include <coil/base/buffer.hpp>
#include <coil/base/buffer_cursor.hpp>
#include <coil/base/endpoint.hpp>
#include <coil/base/outcome.hpp>
#include <coil/loop/operation.hpp>
#include <coil/op/description.hpp>
#include <coil/op/msghdr_space.hpp>

namespace coil::COIL_ABI::op {

/// The bytes to send, and the lane, which determines how sends on the descriptor may overlap.
template <class Buffers>
struct send_request : detail::descriptor_use {
    Buffers buffers;
    coil::detail::lane lane = detail::lane::write;
};

/// The bytes to send and their destination. The endpoint `to` is read when the await begins.
template <class Buffers, class Endpoint>
struct sendto_request : detail::descriptor_use {
    Buffers buffers;
    const Endpoint* to = nullptr;

    static constexpr coil::detail::lane lane = coil::detail::lane::any;
};

/// A receiver's address. `address` is null if the receiver is the connected peer.
struct destination {
    const sockaddr* address = nullptr;
    socklen_t size = 0;
};

/// Returns the lane for sends on a socket that preserves message boundaries. A send with MSG_DONTWAIT does
/// not queue behind other sends.
[[nodiscard]] inline coil::detail::lane packet_lane(int flags) noexcept {
    return flags & MSG_DONTWAIT ? detail::lane::any : detail::lane::send_queue;
}

/// Base class for sends. A send uses the ring or, if may_send_directly() returns true, a direct system call.
/// A send never raises SIGPIPE.
///
/// With MSG_WAITALL, coil repeats a send on a stream until all bytes have been sent. coil does not leave the
/// repetition to the kernel, which may lose a cancel and hides the error that ends the send.
class [[nodiscard("co_await it")]] sender : public detail::operation {
public:
    std::string describe() const override;

    /// Returns the receiver's address.
    [[nodiscard]] virtual destination receiver() const noexcept { return {}; }

protected:
    sender(const detail::descriptor_use& target, detail::environment& task, coil::detail::lane lane) noexcept
        : operation(target, task, lane), flags_(target.flags) {
        takes_steps(is_whole());
    }

    /// Removes the given number of sent bytes from the remaining bytes. Returns true if bytes remain.
    [[nodiscard]] virtual bool skip(std::size_t) noexcept { return false; }

    bool next_step() noexcept override;
    const char* name() const noexcept override { return receiver().address ? "sendto" : "send"; }

    /// Returns true if the operation may complete inline and a direct system call is likely to be cheaper
    /// than the ring. A direct call is cheaper if the loop's last iteration collected few completions, the
    /// current iteration has sent few messages directly, and a send on a stream has at most 16 KiB.
    [[nodiscard]] bool may_send_directly(std::size_t size) noexcept;
    /// Sends with a direct system call, without waiting. Returns the result of the call.
    [[nodiscard]] std::int32_t send_now(const_buffer buffer, const destination& to) noexcept;
    [[nodiscard]] std::int32_t sendmsg_now(const msghdr& message) noexcept;
    /// Called by await_ready() with the result of a direct system call. Returns true if the operation has
    /// completed inline. Otherwise, the ring sends the remaining bytes.
    [[nodiscard]] bool completes_inline(std::int32_t result) noexcept;

    /// Fills in `message` for these buffers and this destination.
    static void fill(msghdr& message, const_buffers buffers, const destination& to) noexcept;
    void prepare_send(io_uring_sqe& sqe, const_buffer buffer, const destination& to) noexcept;
    void prepare_sendmsg(io_uring_sqe& sqe, const msghdr& message) noexcept;

    /// Interprets the completion of a send that had `size` bytes left to send.
    [[nodiscard]] outcome<std::size_t> outcome_of(std::size_t size) noexcept;
    /// Returns the number of bytes in `outcome`, or throws its error.
    std::size_t value_of(const outcome<std::size_t>& outcome) const;

private:
    [[nodiscard]] bool is_whole() const noexcept {
        return (flags_ & MSG_WAITALL) && !(flags_ & MSG_DONTWAIT) && lane() == detail::lane::write;
    }

    const int flags_;
    std::size_t moved_ = 0;  // bytes sent by earlier steps
};

/// The address type of a send to the connected peer. It stores no address.
struct no_address {
    template <class Request>
    explicit no_address(const Request&) noexcept {}
    [[nodiscard]] static destination view() noexcept { return {}; }
};

/// The destination of a sendto, as a sockaddr of the endpoint's family.
template <class Endpoint>
class stored_address {
public:
    template <class Request>
    explicit stored_address(const Request& what) noexcept : size_(what.to->to_sockaddr(address_)) {}
    [[nodiscard]] destination view() const noexcept {
        return {reinterpret_cast<const sockaddr*>(&address_), size_};
    }

private:
    typename Endpoint::sockaddr_type address_;
    socklen_t size_;
};

/// One send(2) or sendmsg(2) (IORING_OP_SEND, IORING_OP_SENDMSG). A send on a stream may be partial. A
/// datagram is sent whole. If a datagram has more than IOV_MAX buffers, the send fails with message_size.
template <class Buffers, class Address = no_address>
class [[nodiscard("co_await it")]] send : public sender {
    static constexpr bool is_many = detail::is_many<Buffers>;

public:
    template <class Request>
    send(const Request& what, detail::environment& task) noexcept
        : sender(what, task, what.lane), cursor_(what.buffers), address_(what) {}

    /// Returns true if the send has completed inline. This takes a direct system call or, for a send of no
    /// bytes on a stream, no system call at all.
    bool await_ready() noexcept {
        if (lane() == detail::lane::write && cursor_.is_done())
            return true;
        if (is_refused_size() || !may_send_directly(cursor_.next_size()))
            return false;
        if constexpr (is_many) {
            fill(*message_.address(), cursor_.next(), address_.view());
            return completes_inline(sendmsg_now(*message_.address()));
        } else {
            return completes_inline(send_now(cursor_.next(), address_.view()));
        }
    }
    outcome<std::size_t> await_outcome() noexcept {  // interprets the completion
        return outcome_of(is_done() ? cursor_.next_size() : 0);
    }
    std::size_t await_resume() { return value_of(await_outcome()); }

    destination receiver() const noexcept override { return address_.view(); }

protected:
    std::optional<std::int32_t> before_submit() override {
        return is_refused_size() ? std::optional<std::int32_t>(refused_size) : std::nullopt;
    }
    void prepare(io_uring_sqe& sqe) noexcept override {  // fills in the SQE
        if constexpr (is_many) {
            fill(*message_.address(), cursor_.next(), address_.view());
            prepare_sendmsg(sqe, *message_.address());
        } else {
            prepare_send(sqe, cursor_.next(), address_.view());
        }
    }
    bool skip(std::size_t n) noexcept override {
        cursor_.advance(n);
        return !cursor_.is_done();
    }

private:
    // Returns true if this is a message with more buffers than one system call accepts.
    [[nodiscard]] bool is_refused_size() const noexcept {
        if constexpr (is_many)
            return lane() != detail::lane::write && !cursor_.fits_one_step();
        else
            return false;
    }

    detail::cursor_of<Buffers> cursor_;
    [[no_unique_address]] msghdr_space<is_many> message_;
    [[no_unique_address]] Address address_;
};

template <class Buffers, class Endpoint>
using sendto = send<Buffers, stored_address<Endpoint>>;

template <class Buffers>
using send_description = description_of<send<Buffers>, send_request<Buffers>>;
template <class Buffers, class Endpoint>
using sendto_description = description_of<sendto<Buffers, Endpoint>, sendto_request<Buffers, Endpoint>>;

static_assert(sizeof(send<const_buffer>) <= 96 && sizeof(send_description<const_buffers>) <= 40);
static_assert(sizeof(sendto<const_buffer, ip::endpoint>) <= 128 &&
              sizeof(sendto_description<const_buffers, ip::endpoint>) <= 40);

}  // namespace coil::COIL_ABI::op
