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

/// An address of any family, as the kernel has it: the bytes of its sockaddr. For IPv4 and IPv6 `ip::endpoint` says more, for
/// UNIX domain sockets `local::endpoint`; both convert to it.
///
///     sockaddr_nl address{};
///     address.nl_family = AF_NETLINK;
///     generic::endpoint kernel(&address, sizeof address);
///
/// Order: by bytes. Cost: a value of 132 bytes; to_string() allocates.
class endpoint {
public:
    using plain_type = endpoint;             // without the name of a protocol
    using sockaddr_type = sockaddr_storage;  // what the kernel calls it

    static constexpr std::size_t size_max = sizeof(sockaddr_storage);

    constexpr endpoint() noexcept = default;  // of no family: AF_UNSPEC
    /// A sockaddr of any kind, which begins with its family.
    /// Throws std::system_error (invalid_argument) for more than size_max bytes, or fewer than a family takes.
    endpoint(const void* address, std::size_t size);
    /// An endpoint of another kind, such as a `tcp::endpoint`.
    template <class Endpoint>
        requires(requires { typename Endpoint::sockaddr_type; } &&
                 !std::is_same_v<typename Endpoint::plain_type, endpoint>)
    endpoint(const Endpoint& other) noexcept;

    [[nodiscard]] int family() const noexcept;
    /// The sockaddr.
    [[nodiscard]] const void* data() const noexcept { return bytes_; }
    [[nodiscard]] std::size_t size() const noexcept { return size_; }
    /// As the endpoint of that family writes it; of others the number of the family, and the bytes that follow in hexadecimal:
    /// "family 16: 00002a00...".
    [[nodiscard]] std::string to_string() const;

    socklen_t to_sockaddr(sockaddr_storage& target) const noexcept;
    /// What the kernel wrote, and how much of it. `source` may be unaligned: it is copied.
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

/// A generic endpoint of one protocol.
template <class Protocol>
class basic_endpoint : public endpoint {
public:
    using protocol_type = Protocol;
    using endpoint::endpoint;

    basic_endpoint() noexcept = default;
    explicit basic_endpoint(const endpoint& other) noexcept : endpoint(other) {}

    /// Of the address's family, and the number 0, which stands for the usual one.
    [[nodiscard]] Protocol protocol() const noexcept { return Protocol(family(), 0); }
};

/// Writes to_string(): `std::cout << peer`. Include <ostream> where you use it.
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
