// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#include <coil/base/address.hpp>

#include "base/quoted.hpp"

#include <arpa/inet.h>
#include <net/if.h>

#include <cerrno>
#include <charconv>
#include <cstring>

namespace coil::COIL_ABI::ip {

namespace {

constexpr std::size_t npos = std::string_view::npos;

/// Copies `text` and adds a NUL for the C library. Returns false if `text` is empty, too long or contains a
/// NUL.
template <std::size_t Size>
bool to_c_string(std::string_view text, char (&target)[Size]) noexcept {
    if (text.empty() || text.size() >= Size || text.find('\0') != npos)
        return false;
    std::memcpy(target, text.data(), text.size());
    target[text.size()] = '\0';
    return true;
}

/// Returns the index of the interface that `text`, the part after '%', specifies. Tries `text` as a name
/// first, because a name may look like a number.
address_v6::scope_id_type make_scope_id(std::string_view text, std::error_code& error) noexcept {
    // No interface name contains these characters. The kernel would look up "lo:1" as "lo", so reject them
    // here.
    constexpr std::string_view never_in_a_name(":/ \t\n\v\f\r\0", 9);
    if (text.empty() || text.find_first_of(never_in_a_name) != npos) {
        error = std::make_error_code(std::errc::invalid_argument);
        return 0;
    }

    int failure = ENODEV;
    char name[IF_NAMESIZE];
    if (to_c_string(text, name)) {
        if (const unsigned index = if_nametoindex(name); index != 0)
            return index;
        failure = errno;
    }

    address_v6::scope_id_type number = 0;
    const char* const end = text.data() + text.size();
    const auto [stop, fault] = std::from_chars(text.data(), end, number);
    if (stop == end && fault == std::errc())
        return number;
    if (stop == end)  // a number, but out of range
        error = std::make_error_code(std::errc::invalid_argument);
    else if (failure == ENOENT)  // glibc could not open a socket for the lookup
        error = std::make_error_code(std::errc::resource_unavailable_try_again);
    else
        error.assign(failure, std::system_category());  // ENODEV
    return 0;
}

[[noreturn]] void refuse(const char* function, std::string_view text, std::error_code error,
                         const char* expected) {
    std::string message = function;
    message += ": ";
    message += quoted(text);
    if (error == std::errc::no_such_device) {
        message += " names a network interface that does not exist: see \"ip link\" for those that do, "
                   "or write its number";
    } else if (error != std::errc::invalid_argument) {
        message += " names a network interface that cannot be looked up now: write its number";
    } else {
        message += expected;
    }
    throw std::system_error(error, message);
}

[[noreturn]] void refuse_to_v4(const std::string& text) {
    throw std::system_error(std::make_error_code(std::errc::invalid_argument),
                            "to_v4: " + text + " is not an IPv4 address; check is_v4() or is_v4_mapped()");
}

/// Hashes 64 bits. The multiplications and shifts give different hash values to adjacent addresses, and to
/// addresses that differ only in their first or last bits.
std::size_t mix(std::uint64_t seed, std::uint64_t value) noexcept {
    std::uint64_t x = (seed ^ value) * 0x9e3779b97f4a7c15u;
    x ^= x >> 32;
    x *= 0xd6e8feb86659fd93u;
    return static_cast<std::size_t>(x ^ (x >> 32));
}

}  // namespace

address_v4 make_address_v4(std::string_view text, std::error_code& error) noexcept {
    error.clear();
    address_v4::bytes_type bytes;
    char copy[INET_ADDRSTRLEN];
    if (!to_c_string(text, copy) || inet_pton(AF_INET, copy, bytes.data()) != 1) {
        error = std::make_error_code(std::errc::invalid_argument);
        return {};
    }
    return address_v4(bytes);
}

address_v6 make_address_v6(std::string_view text, std::error_code& error) noexcept {
    error.clear();
    address_v6::bytes_type bytes;
    char copy[INET6_ADDRSTRLEN];
    const std::size_t percent = text.find('%');
    if (!to_c_string(text.substr(0, percent), copy) || inet_pton(AF_INET6, copy, bytes.data()) != 1) {
        error = std::make_error_code(std::errc::invalid_argument);
        return {};
    }
    if (percent == npos)
        return address_v6(bytes);
    const auto scope = make_scope_id(text.substr(percent + 1), error);
    return error ? address_v6() : address_v6(bytes, scope);
}

address make_address(std::string_view text, std::error_code& error) noexcept {
    if (text.find(':') != npos) {
        const address_v6 v6 = make_address_v6(text, error);
        return error ? address() : address(v6);
    }
    return make_address_v4(text, error);
}

address_v4 make_address_v4(std::string_view text) {
    std::error_code error;
    const address_v4 result = make_address_v4(text, error);
    if (error)
        refuse("make_address_v4", text, error,
               " is not an IPv4 address: write four numbers from 0 to 255 without leading zeros, "
               "like 192.0.2.1");
    return result;
}

address_v6 make_address_v6(std::string_view text) {
    std::error_code error;
    const address_v6 result = make_address_v6(text, error);
    if (error)
        refuse("make_address_v6", text, error,
               " is not an IPv6 address: write one like 2001:db8::1 or fe80::1%eth0, "
               "without brackets and port");
    return result;
}

address make_address(std::string_view text) {
    std::error_code error;
    const address result = make_address(text, error);
    if (error)
        refuse("make_address", text, error,
               " is not an IP address: write one like 192.0.2.1, 2001:db8::1 or fe80::1%eth0, "
               "without a port; names of hosts are for the resolver");
    return result;
}

std::string address_v4::to_string() const {
    char text[INET_ADDRSTRLEN];
    return inet_ntop(AF_INET, bytes_.data(), text, sizeof text);
}

std::string address_v6::to_string() const {
    char text[INET6_ADDRSTRLEN];
    std::string result = inet_ntop(AF_INET6, bytes_.data(), text, sizeof text);
    if (scope_ != 0) {
        char name[IF_NAMESIZE];
        result += '%';
        result += if_indextoname(scope_, name) != nullptr ? name : std::to_string(scope_);
    }
    return result;
}

std::string address::to_string() const { return v6_ ? v6().to_string() : v4().to_string(); }

address_v4 address_v6::to_v4() const {
    if (!is_v4_mapped())
        refuse_to_v4(to_string());
    return address_v4({bytes_[12], bytes_[13], bytes_[14], bytes_[15]});
}

address_v4 address::to_v4() const { return v6_ ? v6().to_v4() : v4(); }

}  // namespace coil::COIL_ABI::ip

std::size_t std::hash<coil::ip::address_v4>::operator()(const coil::ip::address_v4& value) const noexcept {
    return coil::ip::mix(4, value.to_uint());
}

std::size_t std::hash<coil::ip::address_v6>::operator()(const coil::ip::address_v6& value) const noexcept {
    std::uint64_t halves[2];
    static_assert(sizeof halves == sizeof(coil::ip::address_v6::bytes_type));
    const auto bytes = value.to_bytes();
    std::memcpy(halves, bytes.data(), sizeof halves);
    return coil::ip::mix(coil::ip::mix(coil::ip::mix(6, halves[0]), halves[1]), value.scope_id());
}

std::size_t std::hash<coil::ip::address>::operator()(const coil::ip::address& value) const noexcept {
    if (value.is_v4())
        return std::hash<coil::ip::address_v4>()(value.to_v4());
    return std::hash<coil::ip::address_v6>()(value.to_v6());
}
