// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#pragma once

#include <coil/version.hpp>

#include <coil/base/address.hpp>

#include <compare>
#include <cstddef>
#include <cstdint>
#include <iosfwd>
#include <string>
#include <string_view>
#include <system_error>
#include <type_traits>

#include <netinet/in.h>
#include <sys/socket.h>

namespace coil::COIL_ABI::detail {
struct write_make_address {};  // the compiler prints this name in its error
}  // namespace coil::COIL_ABI::detail

namespace coil::COIL_ABI::ip {

/// An IPv4 or IPv6 sockaddr, for system calls that take a `sockaddr*`. Pass the address of `any` to the call.
/// The rest of the library uses `endpoint`.
union socket_address {
    sockaddr any;
    sockaddr_in v4;
    sockaddr_in6 v6;
};

/// An address and a port without a protocol. The library uses this class internally. Applications use
/// `tcp::endpoint` or `udp::endpoint`, whose types name the protocol.
///
///     endpoint peer = make_endpoint("[2001:db8::1]:443");
///     peer.address();       // 2001:db8::1
///     peer.port();          // 443
///     peer.to_string();     // "[2001:db8::1]:443"
///
/// Order: by address, then by port. Cost: a 24-byte value; only to_string() allocates.
/// The IPv6 flow label (sin6_flowinfo) is not stored.
class endpoint {
public:
    using plain_type = endpoint;           // the type that does not name a protocol
    using sockaddr_type = socket_address;  // the type that the kernel uses

    constexpr endpoint() noexcept = default;  // 0.0.0.0:0
    constexpr endpoint(const ip::address& address, std::uint16_t port) noexcept;

    constexpr ip::address address() const noexcept;
    constexpr void address(const ip::address& address) noexcept { *this = endpoint(address, port_); }
    constexpr std::uint16_t port() const noexcept { return port_; }  // host order
    constexpr void port(std::uint16_t port) noexcept { port_ = port; }
    constexpr int family() const noexcept { return v6_ ? AF_INET6 : AF_INET; }
    std::string to_string() const;  // 192.0.2.1:80, [2001:db8::1]:80, [fe80::1%eth0]:80

    /// Fills all fields of the family's sockaddr in `target`. Returns the size of that sockaddr, which
    /// bind(2) expects.
    socklen_t to_sockaddr(socket_address& target) const noexcept;

    /// Converts a sockaddr of `size` bytes that the kernel wrote. `source` may be unaligned, because it is
    /// copied. An unknown family, or a sockaddr that is too short, gives an unspecified endpoint.
    static endpoint from_sockaddr(const socket_address& source, socklen_t size) noexcept;
    static endpoint from_sockaddr(const void* source, socklen_t size) noexcept;

    friend constexpr bool operator==(const endpoint&, const endpoint&) noexcept = default;
    friend constexpr std::strong_ordering operator<=>(const endpoint& left, const endpoint& right) noexcept {
        if (auto order = left.address() <=> right.address(); order != 0)
            return order;
        return left.port_ <=> right.port_;
    }

private:
    // The address is stored in parts, because a member of type ip::address and a port would take 28 bytes.
    address_v6::bytes_type bytes_{};  // IPv4 uses the first four bytes
    std::uint32_t scope_ = 0;
    std::uint16_t port_ = 0;
    bool v6_ = false;
};

/// An endpoint for one protocol, such as `tcp::endpoint`. It converts to `endpoint` and adds no data.
///
///     tcp::endpoint everywhere(tcp::v6(), 7777);           // any IPv6 address
///     tcp::endpoint here(address_v4::loopback(), 0);
///     tcp::endpoint there(make_endpoint("192.0.2.1:80"));
template <class Protocol>
class basic_endpoint : public endpoint {
public:
    using protocol_type = Protocol;

    constexpr basic_endpoint() noexcept = default;
    constexpr basic_endpoint(const ip::address& where, std::uint16_t port) noexcept : endpoint(where, port) {}
    constexpr basic_endpoint(const Protocol& protocol, std::uint16_t port) noexcept
        : endpoint(protocol.family() == AF_INET6 ? ip::address(address_v6()) : ip::address(), port) {}
    constexpr explicit basic_endpoint(const endpoint& other) noexcept : endpoint(other) {}
    basic_endpoint(std::string_view text, std::uint16_t, coil::detail::write_make_address = {}) = delete;

    constexpr Protocol protocol() const noexcept {
        return family() == AF_INET6 ? Protocol::v6() : Protocol::v4();
    }
};

/// Parses an endpoint such as 192.0.2.1:80, [2001:db8::1]:80 or [fe80::1%eth0]:80. The port is a number from
/// 0 to 65535. The text must not contain anything else. For host and service names, use the resolver.
///
/// Errors: those of make_address(), and std::errc::invalid_argument for an invalid port. The overload without
///         an error_code parameter throws a std::system_error that quotes the text and says what is wrong and
///         what was expected. After an error, the overload with an error_code parameter returns an
///         unspecified endpoint.
/// Cost:   no allocation; looking up an interface name takes system calls.
endpoint make_endpoint(std::string_view text);
endpoint make_endpoint(std::string_view text, std::error_code& error) noexcept;

/// Writes to_string() to a stream: `std::cout << peer`. Include <ostream> where you use this operator.
template <class Traits>
std::basic_ostream<char, Traits>& operator<<(std::basic_ostream<char, Traits>& out, const endpoint& value) {
    return out << value.to_string();
}

// Implementation

static_assert(std::is_trivially_copyable_v<address> && sizeof(address) <= 24);
static_assert(std::is_trivially_copyable_v<endpoint> && sizeof(endpoint) <= 24);
static_assert(sizeof(socket_address) == 28);

constexpr endpoint::endpoint(const ip::address& address, std::uint16_t port) noexcept
    : bytes_(address.bytes_), scope_(address.scope_), port_(port), v6_(address.v6_) {}

constexpr ip::address endpoint::address() const noexcept {
    if (v6_)
        return address_v6(bytes_, scope_);
    return address_v4({bytes_[0], bytes_[1], bytes_[2], bytes_[3]});
}

}  // namespace coil::COIL_ABI::ip

template <>
struct std::hash<coil::ip::endpoint> {
    std::size_t operator()(const coil::ip::endpoint& value) const noexcept;
};

template <class Protocol>
struct std::hash<coil::ip::basic_endpoint<Protocol>> : std::hash<coil::ip::endpoint> {};
