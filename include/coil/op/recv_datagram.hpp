// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#pragma once

#include <coil/version.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <sys/socket.h>
#include <type_traits>

#include <coil/base/buffer.hpp>
#include <coil/base/buffer_cursor.hpp>
#include <coil/base/endpoint.hpp>
#include <coil/base/outcome.hpp>
#include <coil/op/description.hpp>
#include <coil/op/msghdr_space.hpp>
#include <coil/op/reader.hpp>

namespace coil::COIL_ABI::op {

/// The result of receiving a datagram without its sender's address.
struct received {
    std::size_t size = 0;    ///< bytes stored in the buffers
    bool truncated = false;  ///< the datagram was larger; the remainder is lost
};

/// The result of receiving a datagram with its sender's address.
template <class Endpoint>
struct basic_received_from {
    std::size_t size = 0;    ///< bytes stored in the buffers
    bool truncated = false;  ///< the datagram was larger; the remainder is lost
    Endpoint from;
};

using received_from = basic_received_from<ip::endpoint>;

/// Selects the types for the sender's address and for the result.
template <class Endpoint>
struct datagram_sender {
    using address = typename Endpoint::sockaddr_type;
    using result = basic_received_from<Endpoint>;
};
/// Without an endpoint type, the sender's address is not stored.
template <>
struct datagram_sender<void> {
    struct address {};
    using result = received;
};

/// Receives one datagram. The derived class holds the buffers and the space for the sender's address.
class [[nodiscard("co_await it")]] recv_datagram_into : public buffer_reader {
public:
    std::int32_t take_from(detail::descriptor_source& source) noexcept override;

protected:
    recv_datagram_into(const detail::descriptor_use& from, detail::environment& task) noexcept
        : buffer_reader(from, task, datagram_lane(from.flags)) {}

    /// Space for the sender's address. `address` is null if the caller does not want the address.
    struct address_space {
        void* address = nullptr;
        socklen_t size = 0;
    };

    [[nodiscard]] virtual mutable_buffers space() const noexcept = 0;
    /// Returns false if there are more buffers than the kernel can fill in one call.
    [[nodiscard]] virtual bool fits_one_call() const noexcept = 0;
    /// Returns space for a msghdr. Returns null if the operation needs no msghdr, that is, if the caller has
    /// passed a single buffer and does not want the sender's address. IORING_OP_RECV is then used.
    [[nodiscard]] virtual msghdr* message() noexcept = 0;
    [[nodiscard]] virtual address_space sender() noexcept = 0;

    std::optional<std::int32_t> before_submit() override;
    void prepare(io_uring_sqe& sqe) noexcept override;  // fills in the SQE
    /// Interprets the completion. `room` is the total size of the buffers. Returns the number of bytes stored
    /// in the buffers, and whether the datagram was truncated.
    [[nodiscard]] outcome<received> received_in(std::size_t room) const noexcept;

private:
    bool is_cut_ = false;  // the datagram was already truncated in the recvfrom_queue
};

/// Receives one datagram (IORING_OP_RECV, IORING_OP_RECVMSG). If `Endpoint` is not void, also stores the
/// sender's address, as recvfrom(2) does. Even a receive into an empty buffer consumes a datagram. If there
/// are more than IOV_MAX (1024) buffers, the receive fails with message_size.
template <class Buffers, class Endpoint = void>
class [[nodiscard("co_await it")]] recv_datagram : public recv_datagram_into {
    static constexpr bool has_sender = !std::is_void_v<Endpoint>;
    using sender_of = datagram_sender<Endpoint>;

public:
    using result_type = typename sender_of::result;

    recv_datagram(const recv_request<Buffers>& what, detail::environment& task) noexcept
        : recv_datagram_into(what, task), cursor_(what.buffers) {}

    bool await_ready() noexcept { return fits_one_call() && serve_inline(); }

    outcome<result_type> await_outcome() noexcept {  // interprets the completion
        auto datagram = received_in(cursor_.next_size());
        if constexpr (!has_sender) {
            return datagram;
        } else {
            if (!datagram)
                return datagram.error();
            return result_type{datagram->size, datagram->truncated,
                               Endpoint(Endpoint::from_sockaddr(&address_, message_.address()->msg_namelen))};
        }
    }
    result_type await_resume() {
        const auto outcome = await_outcome();
        if (!outcome)
            fail(outcome.error());
        return *outcome;
    }

protected:
    mutable_buffers space() const noexcept override { return cursor_.next_span(); }
    bool fits_one_call() const noexcept override {
        if constexpr (detail::is_many<Buffers>)
            return cursor_.fits_one_step();
        else
            return true;
    }
    msghdr* message() noexcept override { return message_.address(); }
    address_space sender() noexcept override {
        if constexpr (has_sender)
            return {&address_, sizeof address_};
        else
            return {};
    }
    const char* name() const noexcept override { return has_sender ? "recvfrom" : "recv"; }

private:
    detail::cursor_of<Buffers> cursor_;
    [[no_unique_address]] msghdr_space<has_sender || detail::is_many<Buffers>> message_;
    [[no_unique_address]] typename sender_of::address address_;
};

template <class Buffers, class Endpoint = void>
using recv_datagram_description = description_of<recv_datagram<Buffers, Endpoint>, recv_request<Buffers>>;

static_assert(sizeof(recv_datagram<mutable_buffer>) <= 96 &&
              sizeof(recv_datagram<mutable_buffer, ip::endpoint>) <= 192);

}  // namespace coil::COIL_ABI::op
