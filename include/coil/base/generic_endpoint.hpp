// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#pragma once

#include <coil/version.hpp>

#include <compare>
#include <cstddef>
#include <cstring>
#include <iosfwd>
#include <string>
#include <string_view>
#include <type_traits>

#include <sys/socket.h>

namespace coil::COIL_ABI::generic {

/// An address of any family, stored as the bytes of its sockaddr. Prefer `ip::endpoint` for IPv4 and IPv6,
/// and `local::endpoint` for UNIX domain sockets; both convert to this class.
///
///     sockaddr_nl address{};
///     address.nl_family = AF_NETLINK;
///     generic::endpoint kernel(&address, sizeof address);
///
/// Order: by bytes. Cost: a 132-byte value; to_string() allocates.
class endpoint {
public:
    using plain_type = endpoint;             // the type that does not name a protocol
    using sockaddr_type = sockaddr_storage;  // the type that the kernel uses

    static constexpr std::size_t size_max = sizeof(sockaddr_storage);

    constexpr endpoint() noexcept = default;  // the family is AF_UNSPEC
    /// Copies a sockaddr of any family. Throws std::system_error (invalid_argument) if the sockaddr has more
    /// than size_max bytes or is shorter than a sa_family_t.
    endpoint(const void* address, std::size_t size);
    /// Converts an endpoint of another kind, such as a `tcp::endpoint`.
    template <class Endpoint>
        requires(requires { typename Endpoint::sockaddr_type; } &&
                 !std::is_same_v<typename Endpoint::plain_type, endpoint>)
    endpoint(const Endpoint& other) noexcept;

    [[nodiscard]] int family() const noexcept;
    /// Returns the bytes of the sockaddr.
    [[nodiscard]] const void* data() const noexcept { return bytes_; }
    [[nodiscard]] std::size_t size() const noexcept { return size_; }
    /// For IP and UNIX domain addresses, returns the same text as the family's own endpoint type. For other
    /// families, the text contains the family's number and the remaining bytes in hexadecimal, such as
    /// "family 16: 00002a00...".
    [[nodiscard]] std::string to_string() const;

    socklen_t to_sockaddr(sockaddr_storage& target) const noexcept;
    /// Copies a sockaddr of `size` bytes that the kernel wrote. `source` may be unaligned.
    static endpoint from_sockaddr(const void* source, socklen_t size) noexcept;

    friend bool operator==(const endpoint& left, const endpoint& right) noexcept {
        return left.bytes() == right.bytes();
    }
    friend std::strong_ordering operator<=>(const endpoint& left, const endpoint& right) noexcept {
        return left.bytes() <=> right.bytes();
    }

private:
    [[nodiscard]] std::string_view bytes() const noexcept {
        return {reinterpret_cast<const char*>(bytes_), size_};
    }

    unsigned char bytes_[size_max]{};
    unsigned size_ = 0;
};

/// A generic endpoint for one protocol.
template <class Protocol>
class basic_endpoint : public endpoint {
public:
    using protocol_type = Protocol;
    using endpoint::endpoint;

    basic_endpoint() noexcept = default;
    explicit basic_endpoint(const endpoint& other) noexcept : endpoint(other) {}

    /// Returns the protocol with this endpoint's family and the number 0, which means the default protocol.
    [[nodiscard]] Protocol protocol() const noexcept { return Protocol(family(), 0); }
};

/// Writes to_string() to a stream: `std::cout << peer`. Include <ostream> where you use this operator.
template <class Traits>
std::basic_ostream<char, Traits>& operator<<(std::basic_ostream<char, Traits>& out, const endpoint& value) {
    return out << value.to_string();
}

// Implementation

template <class Endpoint>
    requires(requires { typename Endpoint::sockaddr_type; } &&
             !std::is_same_v<typename Endpoint::plain_type, endpoint>)
endpoint::endpoint(const Endpoint& other) noexcept {
    typename Endpoint::sockaddr_type address;
    size_ = other.to_sockaddr(address);
    static_assert(sizeof address <= size_max);
    std::memcpy(bytes_, &address, size_);
}

static_assert(std::is_trivially_copyable_v<endpoint>);

}  // namespace coil::COIL_ABI::generic
