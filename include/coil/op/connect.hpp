// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#pragma once

#include <coil/version.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <sys/socket.h>

#include <coil/base/endpoint.hpp>
#include <coil/base/outcome.hpp>
#include <coil/loop/operation.hpp>
#include <coil/op/description.hpp>

namespace coil::COIL_ABI::op {

/// A connect's destination, and the type of socket to open if the socket is closed.
template <class Endpoint>
struct connect_request {
    detail::descriptor* record = nullptr;
    std::uint32_t generation = 0;
    std::uint8_t type = 0;  // SOCK_STREAM, SOCK_DGRAM
    std::uint16_t protocol = 0;
    Endpoint to;

    detail::environment& foreign_environment() const {
        return detail::descriptor_use{record, generation}.foreign_environment();
    }
};

/// One connect(2) (IORING_OP_CONNECT), which opens the socket first if it is closed. If the connect of a
/// connection-oriented socket fails or is cancelled, the socket is closed, because the kernel may continue
/// the connection attempt. The next connect opens a new socket. However, the socket stays open if the connect
/// failed because the socket was already connected, or because another connect or send was in progress.
///
/// The derived class `basic_connect` holds the address, because only that class knows the address family.
class [[nodiscard("co_await it")]] connect : public detail::operation {
public:
    outcome<void> await_outcome() noexcept;  // interprets the completion
    void await_resume();

    std::string describe() const override;

protected:
    connect(const detail::descriptor_use& target, int type, std::uint16_t protocol,
            detail::environment& task) noexcept
        : operation(target, task, detail::lane::write),
          type_(static_cast<std::uint8_t>(type)),
          protocol_(protocol) {}
    ~connect() override = default;

    struct destination {
        const sockaddr* address;
        socklen_t size;
    };
    [[nodiscard]] virtual destination to() const noexcept = 0;

    /// If the connect has succeeded, marks the socket as connected. If the connect has failed, closes a
    /// connection-oriented socket. Called by await_outcome() and by the destructor of the derived class. The
    /// destructor of this class could not call settle(), because settle() calls to(), which only the derived
    /// class implements.
    void settle() noexcept;

    std::optional<std::int32_t> before_submit() override;
    void prepare(io_uring_sqe& sqe) noexcept override;  // fills in the SQE
    const char* name() const noexcept override { return "connect"; }

private:
    std::uint8_t type_;
    bool settled_ = false;
    std::uint16_t protocol_;
};

/// A connect that stores the destination as a sockaddr of the endpoint's family.
template <class Endpoint>
class [[nodiscard("co_await it")]] basic_connect final : public connect {
public:
    basic_connect(const connect_request<Endpoint>& what, detail::environment& task) noexcept
        : connect({what.record, what.generation, 0}, what.type, what.protocol, task),
          size_(what.to.to_sockaddr(address_)) {}
    ~basic_connect() override { settle(); }

protected:
    destination to() const noexcept override { return {reinterpret_cast<const sockaddr*>(&address_), size_}; }

private:
    typename Endpoint::sockaddr_type address_;
    socklen_t size_;
};

template <class Endpoint>
using connect_description = description_of<basic_connect<Endpoint>, connect_request<Endpoint>>;

static_assert(sizeof(basic_connect<ip::endpoint>) <= 128 && sizeof(connect_description<ip::endpoint>) <= 40);

}  // namespace coil::COIL_ABI::op
