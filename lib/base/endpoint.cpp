// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#include <coil/base/endpoint.hpp>

#include "base/quoted.hpp"

#include <charconv>
#include <cstring>

namespace coil::COIL_ABI::ip {

namespace {

/// The two halves of "address:port" before parsing.
struct halves {
    std::string_view address;
    std::string_view port;
    bool brackets = false;
    const char* fault = nullptr;  // why the text cannot be split and what to write instead, or null
};

halves split(std::string_view text) noexcept {
    // Split at the last colon, because an interface name may contain a ']' but never a ':'.
    const std::size_t colon = text.rfind(':');
    halves result;
    if (text.starts_with('[')) {
        result.brackets = true;
        if (colon == std::string_view::npos || colon < 2 || text[colon - 1] != ']') {
            result.fault = text.ends_with(']') ? "has no port: write one like [2001:db8::1]:80"
                                               : "is not an endpoint: write one like [2001:db8::1]:80";
            return result;
        }
        result.address = text.substr(1, colon - 2);
    } else if (colon == std::string_view::npos) {
        result.fault = "has no port: write one after a colon, like 192.0.2.1:80 or [2001:db8::1]:80";
        return result;
    } else {
        result.address = text.substr(0, colon);
        if (result.address.find(':') != std::string_view::npos) {
            result.fault = "has an IPv6 address without brackets: write it like [2001:db8::1]:80";
            return result;
        }
    }
    result.port = text.substr(colon + 1);
    return result;
}

bool to_port(std::string_view text, std::uint16_t& port) noexcept {
    const char* const end = text.data() + text.size();
    const auto [stop, failure] = std::from_chars(text.data(), end, port);
    return failure == std::errc() && stop == end && text.size() <= 5;
}

address to_address(const halves& from, std::error_code& error) noexcept {
    if (!from.brackets)
        return make_address_v4(from.address, error);
    const address_v6 v6 = make_address_v6(from.address, error);
    return error ? address() : address(v6);
}

}  // namespace

endpoint make_endpoint(std::string_view text, std::error_code& error) noexcept {
    error.clear();
    const halves parts = split(text);
    std::uint16_t port = 0;
    if (parts.fault != nullptr || !to_port(parts.port, port)) {
        error = std::make_error_code(std::errc::invalid_argument);
        return {};
    }
    const ip::address address = to_address(parts, error);
    return error ? endpoint() : endpoint(address, port);
}

endpoint make_endpoint(std::string_view text) {
    std::error_code error;
    const endpoint result = make_endpoint(text, error);
    if (!error)
        return result;

    const halves parts = split(text);
    std::uint16_t port = 0;
    const char* fault = parts.fault;
    if (fault == nullptr && error == std::errc::no_such_device)
        fault = "names a network interface that does not exist: see \"ip link\" for those that do, "
                "or write its number";
    else if (fault == nullptr && error != std::errc::invalid_argument)
        fault = "names a network interface that cannot be looked up now: write its number";
    else if (fault == nullptr && !to_port(parts.port, port))
        fault = "has a port that is not a number from 0 to 65535; names of services are for the resolver";
    else if (fault == nullptr && parts.brackets)
        fault = "has no IPv6 address in its brackets: write one like [2001:db8::1]:80 or [fe80::1%eth0]:80";
    else if (fault == nullptr)
        fault = "has no IPv4 address before its colon: write one like 192.0.2.1:80; "
                "names of hosts are for the resolver";
    throw std::system_error(error, "make_endpoint: " + quoted(text) + " " + fault);
}

std::string endpoint::to_string() const {
    const std::string text = address().to_string();
    return (v6_ ? "[" + text + "]:" : text + ":") + std::to_string(port_);
}

socklen_t endpoint::to_sockaddr(socket_address& target) const noexcept {
    if (v6_) {
        target.v6 = {};
        target.v6.sin6_family = AF_INET6;
        target.v6.sin6_port = htons(port_);
        std::memcpy(&target.v6.sin6_addr, bytes_.data(), sizeof target.v6.sin6_addr);
        target.v6.sin6_scope_id = scope_;
        return sizeof target.v6;
    }
    target.v4 = {};
    target.v4.sin_family = AF_INET;
    target.v4.sin_port = htons(port_);
    std::memcpy(&target.v4.sin_addr, bytes_.data(), sizeof target.v4.sin_addr);
    return sizeof target.v4;
}

endpoint endpoint::from_sockaddr(const socket_address& source, socklen_t size) noexcept {
    return from_sockaddr(static_cast<const void*>(&source), size);
}

endpoint endpoint::from_sockaddr(const void* source, socklen_t size) noexcept {
    endpoint result;
    sa_family_t family = AF_UNSPEC;
    if (size >= sizeof family)
        std::memcpy(&family, source, sizeof family);
    if (family == AF_INET && size >= sizeof(sockaddr_in)) {
        sockaddr_in v4;
        std::memcpy(&v4, source, sizeof v4);
        std::memcpy(result.bytes_.data(), &v4.sin_addr, sizeof v4.sin_addr);
        result.port_ = ntohs(v4.sin_port);
    } else if (family == AF_INET6 && size >= sizeof(sockaddr_in6)) {
        sockaddr_in6 v6;
        std::memcpy(&v6, source, sizeof v6);
        std::memcpy(result.bytes_.data(), &v6.sin6_addr, sizeof v6.sin6_addr);
        result.scope_ = v6.sin6_scope_id;
        result.port_ = ntohs(v6.sin6_port);
        result.v6_ = true;
    }
    return result;
}

}  // namespace coil::COIL_ABI::ip

std::size_t std::hash<coil::ip::endpoint>::operator()(const coil::ip::endpoint& value) const noexcept {
    // The hash of the address is well mixed, so it is enough to add the port times an odd number, which gives
    // adjacent ports different hash values.
    return std::hash<coil::ip::address>()(value.address()) + value.port() * std::size_t{0x9e3779b97f4a7c15u};
}
