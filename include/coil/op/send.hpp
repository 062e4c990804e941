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

/// The bytes to send, and how sends on the descriptor may overlap.
template <class Buffers>
struct send_request : descriptor_use {
    Buffers buffers;
    coil::lane lane = lane::write;
};

/// The bytes to send, and the destination. The endpoint is read when the operation starts.
template <class Buffers, class Endpoint>
struct sendto_request : descriptor_use {
    Buffers buffers;
    const Endpoint* to = nullptr;
};

/// The lane of a socket that preserves message boundaries. With MSG_DONTWAIT a send bypasses the queue.
[[nodiscard]] inline coil::lane packet_lane(int flags) noexcept {
    return flags & MSG_DONTWAIT ? lane::any : lane::send_queue;
}

/// An operation that sends: through the ring, or by a direct system call while the loop is quiet. With
/// MSG_WAITALL a send on a stream is repeated until all bytes are sent, because the kernel's own repetition may
/// lose a cancel, and hides the error that ends it. Never raises SIGPIPE.
class [[nodiscard("co_await it")]] sender : public operation {
public:
    outcome<std::size_t> await_outcome() noexcept;  // up: what the completion means
    std::size_t await_resume();

    std::string describe() const override;

protected:
    /// A sockaddr; `address` is null for the connected peer.
    struct destination {
        const sockaddr* address = nullptr;
        socklen_t size = 0;
    };

    sender(const descriptor_use& target, environment& task, coil::lane lane) noexcept
        : operation(target, task, lane), flags_(target.flags) {
        takes_steps(is_whole());
    }

    /// The bytes that are left, and the removal of those that are sent. Returns whether bytes are left.
    [[nodiscard]] virtual const_buffers next() const noexcept = 0;
    [[nodiscard]] virtual bool skip(std::size_t) noexcept { return false; }
    /// Returns the result if the kernel would refuse the send, or accept it only in part.
    [[nodiscard]] virtual std::optional<std::int32_t> refused() const noexcept { return std::nullopt; }
    /// Space for a msghdr; null if SEND suffices, for a single buffer.
    [[nodiscard]] virtual msghdr* message() noexcept = 0;
    /// Adds control data to the message.
    virtual void add_control(msghdr&) noexcept {}
    [[nodiscard]] virtual destination receiver() const noexcept { return {}; }

    std::optional<std::int32_t> before_submit() override { return refused(); }
    void prepare(io_uring_sqe& sqe) noexcept override;  // down: what we submit
    bool next_step() noexcept override;
    const char* name() const noexcept override { return receiver().address ? "sendto" : "send"; }

    /// For await_ready: sends directly if that is cheaper than the ring. Returns true if the operation has
    /// completed inline.
    [[nodiscard]] bool send_directly() noexcept;
    /// Returns true if a direct system call beats a ring slot: the last iteration brought few completions and, on
    /// a stream, the send has at most 16 KiB.
    [[nodiscard]] bool may_send_directly(std::size_t size) noexcept;
    [[nodiscard]] int flags() const noexcept { return flags_; }

private:
    [[nodiscard]] bool is_whole() const noexcept {
        return (flags_ & MSG_WAITALL) && !(flags_ & MSG_DONTWAIT) && lane() == lane::write;
    }
    void fill(msghdr& header) noexcept;

    const int flags_;
    std::size_t moved_ = 0;  // by earlier steps
};

/// One send(2) or sendmsg(2) (IORING_OP_SEND, SENDMSG). On a stream it may be short (partial write). A datagram
/// is sent whole; more than IOV_MAX buffers are refused with message_size.
template <class Buffers>
class [[nodiscard("co_await it")]] send : public sender {
    static constexpr bool is_many = detail::is_many<Buffers>;

public:
    send(const send_request<Buffers>& what, environment& task) noexcept
        : sender(what, task, what.lane), cursor_(what.buffers) {}

    /// On a stream, an empty buffer needs no system call.
    bool await_ready() noexcept { return (lane() == lane::write && cursor_.is_done()) || send_directly(); }

protected:
    const_buffers next() const noexcept override { return cursor_.next_span(); }
    bool skip(std::size_t n) noexcept override {
        cursor_.advance(n);
        return !cursor_.is_done();
    }
    std::optional<std::int32_t> refused() const noexcept override {
        if constexpr (is_many)
            if (lane() != lane::write && !cursor_.fits_one_step())
                return refused_size;
        return std::nullopt;
    }
    msghdr* message() noexcept override { return message_.address(); }

private:
    detail::cursor_of<Buffers> cursor_;
    [[no_unique_address]] msghdr_space<is_many> message_;
};

/// A send that holds an address of this endpoint's family.
template <class Buffers, class Endpoint>
class [[nodiscard("co_await it")]] sendto : public send<Buffers> {
public:
    sendto(const sendto_request<Buffers, Endpoint>& what, environment& task) noexcept
        : send<Buffers>({what, what.buffers, lane::any}, task), size_(what.to->to_sockaddr(address_)) {}

protected:
    sender::destination receiver() const noexcept override {
        return {reinterpret_cast<const sockaddr*>(&address_), size_};
    }

private:
    typename Endpoint::sockaddr_type address_;
    socklen_t size_;
};

template <class Buffers>
using send_description = description_of<send<Buffers>, send_request<Buffers>>;
template <class Buffers, class Endpoint>
using sendto_description = description_of<sendto<Buffers, Endpoint>, sendto_request<Buffers, Endpoint>>;

static_assert(sizeof(send<const_buffer>) <= 96 && sizeof(send_description<const_buffers>) <= 40);
static_assert(sizeof(sendto<const_buffer, ip::endpoint>) <= 128 &&
              sizeof(sendto_description<const_buffers, ip::endpoint>) <= 40);

}  // namespace coil::COIL_ABI::op
