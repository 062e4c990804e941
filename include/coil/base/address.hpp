// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#pragma once

#include <coil/version.hpp>

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <iosfwd>
#include <string>
#include <string_view>
#include <system_error>

namespace coil::COIL_ABI::ip {

/// An IPv4 address. Use `address` for an address of either family, and `endpoint` for an address with a port.
///
///     address_v4 here = address_v4::loopback();             // 127.0.0.1
///     address_v4 there = make_address_v4("192.0.2.1");
///
/// Order: numerical. Cost: a 4-byte value; only to_string() allocates.
class address_v4 {
public:
    using bytes_type = std::array<unsigned char, 4>;
    using uint_type = std::uint32_t;

    constexpr address_v4() noexcept = default;                        // 0.0.0.0
    constexpr explicit address_v4(const bytes_type& bytes) noexcept;  // network order: {127, 0, 0, 1}
    constexpr explicit address_v4(uint_type number) noexcept;         // host order: 0x7f000001

    static constexpr address_v4 any() noexcept { return address_v4(); }
    static constexpr address_v4 loopback() noexcept { return address_v4(0x7f000001u); }
    static constexpr address_v4 broadcast() noexcept { return address_v4(0xffffffffu); }

    constexpr bytes_type to_bytes() const noexcept { return bytes_; }
    constexpr uint_type to_uint() const noexcept;
    std::string to_string() const;

    constexpr bool is_unspecified() const noexcept { return to_uint() == 0; }
    constexpr bool is_loopback() const noexcept { return bytes_[0] == 127; }
    constexpr bool is_multicast() const noexcept { return (bytes_[0] & 0xf0) == 0xe0; }
    constexpr bool is_link_local() const noexcept { return bytes_[0] == 169 && bytes_[1] == 254; }

    friend constexpr bool operator==(const address_v4&, const address_v4&) noexcept = default;
    friend constexpr auto operator<=>(const address_v4& left, const address_v4& right) noexcept {
        return left.to_uint() <=> right.to_uint();
    }

private:
    bytes_type bytes_{};
};

/// An IPv6 address with its scope. The scope is the index of the network interface to which a link-local
/// address belongs, or 0 for no scope. Use `address` for an address of either family, and `endpoint` for an
/// address with a port.
///
///     address_v6 neighbour = make_address_v6("fe80::1%eth0");    // or %3
///     neighbour.to_string();                                    // "fe80::1%eth0"
///
/// The is_...() functions follow RFC 4291 strictly: 127.0.0.1 in its IPv4-mapped form is not a loopback
/// address. Before testing the peer address of a dual-stack socket, call `address::unmapped()`.
///
/// Order: by bytes, then by scope. Cost: a 20-byte value; only to_string() allocates. If the address has a
/// scope, to_string() also makes a system call for the interface's name.
class address_v6 {
public:
    using bytes_type = std::array<unsigned char, 16>;
    using scope_id_type = std::uint32_t;

    constexpr address_v6() noexcept = default;  // ::
    constexpr explicit address_v6(const bytes_type& bytes, scope_id_type scope = 0) noexcept;

    static constexpr address_v6 any() noexcept { return address_v6(); }
    static constexpr address_v6 loopback() noexcept;
    static constexpr address_v6 v4_mapped(const address_v4& inner) noexcept;  // ::ffff:192.0.2.1

    constexpr bytes_type to_bytes() const noexcept { return bytes_; }
    constexpr scope_id_type scope_id() const noexcept { return scope_; }
    constexpr void scope_id(scope_id_type scope) noexcept { scope_ = scope; }
    address_v4 to_v4() const;  // the IPv4 address inside a mapped address; otherwise throws std::system_error
    std::string to_string() const;

    constexpr bool is_unspecified() const noexcept { return bytes_ == bytes_type{}; }
    constexpr bool is_loopback() const noexcept { return bytes_ == loopback().bytes_; }
    constexpr bool is_multicast() const noexcept { return bytes_[0] == 0xff; }
    constexpr bool is_link_local() const noexcept { return bytes_[0] == 0xfe && (bytes_[1] & 0xc0) == 0x80; }
    constexpr bool is_v4_mapped() const noexcept;

    friend constexpr bool operator==(const address_v6&, const address_v6&) noexcept = default;
    friend constexpr std::strong_ordering operator<=>(const address_v6&, const address_v6&) noexcept;

private:
    bytes_type bytes_{};
    scope_id_type scope_ = 0;
};

/// An IPv4 or IPv6 address. address_v4 and address_v6 convert to `address` implicitly. Use `endpoint` for an
/// address with a port.
///
///     address peer = make_address("2001:db8::1");
///     if (peer.unmapped().is_loopback()) ...
///
/// Order: IPv4 before IPv6. Cost: a 24-byte value; only to_string() allocates.
class address {
public:
    constexpr address() noexcept = default;  // 0.0.0.0
    constexpr address(const address_v4& v4) noexcept;
    constexpr address(const address_v6& v6) noexcept;

    constexpr bool is_v4() const noexcept { return !v6_; }
    constexpr bool is_v6() const noexcept { return v6_; }

    address_v4 to_v4() const;                     // throws std::system_error for IPv6, unless mapped
    constexpr address_v6 to_v6() const noexcept;  // an IPv4 address becomes a mapped one
    constexpr address unmapped() const noexcept;  // a mapped address becomes IPv4; others are unchanged
    std::string to_string() const;                // RFC 5952: 192.0.2.1, 2001:db8::1, fe80::1%eth0

    constexpr bool is_unspecified() const noexcept { return bytes_ == address_v6::bytes_type{}; }
    constexpr bool is_loopback() const noexcept { return v6_ ? v6().is_loopback() : v4().is_loopback(); }
    constexpr bool is_multicast() const noexcept { return v6_ ? v6().is_multicast() : v4().is_multicast(); }
    constexpr bool is_link_local() const noexcept {
        return v6_ ? v6().is_link_local() : v4().is_link_local();
    }
    constexpr bool is_v4_mapped() const noexcept { return v6_ && v6().is_v4_mapped(); }

    friend constexpr bool operator==(const address&, const address&) noexcept = default;
    friend constexpr std::strong_ordering operator<=>(const address& left, const address& right) noexcept {
        if (left.v6_ != right.v6_)
            return left.v6_ <=> right.v6_;
        return left.v6() <=> right.v6();  // the unused bytes of an IPv4 address are 0
    }

private:
    friend class endpoint;

    constexpr address_v4 v4() const noexcept;
    constexpr address_v6 v6() const noexcept { return address_v6(bytes_, scope_); }

    address_v6::bytes_type bytes_{};  // IPv4 uses the first four bytes
    std::uint32_t scope_ = 0;
    bool v6_ = false;
};

/// Parses an address as inet_pton(3) does. An IPv6 address may end with '%' and a scope, which is either the
/// name of an interface (if_nametoindex(3)) or a number. The text must not contain anything else, such as
/// spaces, a port or brackets. For host names, use the resolver; for "address:port", use make_endpoint().
///
/// Errors: std::errc::invalid_argument if the text is not an address, no_such_device if no interface has the
///         name after '%', resource_unavailable_try_again if no descriptor is free for the lookup. The
///         overloads without an error_code parameter throw a std::system_error that quotes the text and says
///         what was expected. After an error, the overloads with an error_code parameter return an
///         unspecified address.
/// Cost:   no allocation; looking up an interface name takes system calls.
address make_address(std::string_view text);
address make_address(std::string_view text, std::error_code& error) noexcept;
address_v4 make_address_v4(std::string_view text);
address_v4 make_address_v4(std::string_view text, std::error_code& error) noexcept;
address_v6 make_address_v6(std::string_view text);
address_v6 make_address_v6(std::string_view text, std::error_code& error) noexcept;

/// Writes to_string() to a stream: `std::cout << peer`. Include <ostream> where you use this operator.
template <class Traits>
std::basic_ostream<char, Traits>& operator<<(std::basic_ostream<char, Traits>& out, const address& value) {
    return out << value.to_string();
}

// Implementation

constexpr address_v4::address_v4(const bytes_type& bytes) noexcept : bytes_(bytes) {}

constexpr address_v4::address_v4(uint_type number) noexcept
    : bytes_{static_cast<unsigned char>(number >> 24), static_cast<unsigned char>(number >> 16),
             static_cast<unsigned char>(number >> 8), static_cast<unsigned char>(number)} {}

constexpr address_v4::uint_type address_v4::to_uint() const noexcept {
    return uint_type{bytes_[0]} << 24 | uint_type{bytes_[1]} << 16 | uint_type{bytes_[2]} << 8 | bytes_[3];
}

constexpr address_v6::address_v6(const bytes_type& bytes, scope_id_type scope) noexcept
    : bytes_(bytes), scope_(scope) {}

constexpr address_v6 address_v6::loopback() noexcept {
    address_v6 result;
    result.bytes_[15] = 1;
    return result;
}

constexpr address_v6 address_v6::v4_mapped(const address_v4& inner) noexcept {
    address_v6 result;
    result.bytes_[10] = result.bytes_[11] = 0xff;
    for (std::size_t i = 0; i < 4; ++i)
        result.bytes_[12 + i] = inner.to_bytes()[i];
    return result;
}

constexpr bool address_v6::is_v4_mapped() const noexcept {
    for (std::size_t i = 0; i < 10; ++i)
        if (bytes_[i] != 0)
            return false;
    return bytes_[10] == 0xff && bytes_[11] == 0xff;
}

constexpr std::strong_ordering operator<=>(const address_v6& left, const address_v6& right) noexcept {
    for (std::size_t i = 0; i < left.bytes_.size(); ++i)
        if (left.bytes_[i] != right.bytes_[i])
            return left.bytes_[i] <=> right.bytes_[i];
    return left.scope_ <=> right.scope_;
}

constexpr address::address(const address_v4& v4) noexcept
    : bytes_{v4.to_bytes()[0], v4.to_bytes()[1], v4.to_bytes()[2], v4.to_bytes()[3]} {}

constexpr address::address(const address_v6& v6) noexcept
    : bytes_(v6.to_bytes()), scope_(v6.scope_id()), v6_(true) {}

constexpr address_v4 address::v4() const noexcept {
    return address_v4({bytes_[0], bytes_[1], bytes_[2], bytes_[3]});
}

constexpr address_v6 address::to_v6() const noexcept { return v6_ ? v6() : address_v6::v4_mapped(v4()); }

constexpr address address::unmapped() const noexcept {
    if (!is_v4_mapped())
        return *this;
    return address_v4({bytes_[12], bytes_[13], bytes_[14], bytes_[15]});
}

}  // namespace coil::COIL_ABI::ip

template <>
struct std::hash<coil::ip::address_v4> {
    std::size_t operator()(const coil::ip::address_v4& value) const noexcept;
};

template <>
struct std::hash<coil::ip::address_v6> {
    std::size_t operator()(const coil::ip::address_v6& value) const noexcept;
};

template <>
struct std::hash<coil::ip::address> {
    std::size_t operator()(const coil::ip::address& value) const noexcept;
};
