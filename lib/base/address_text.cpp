// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#include "base/address_text.hpp"

#include <cstring>

#include <coil/base/endpoint.hpp>
#include <coil/base/local_endpoint.hpp>

#include "base/hex.hpp"

namespace coil::COIL_ABI {
namespace {

std::string bytes_text(const unsigned char* bytes, std::size_t size) {
    std::string text;
    for (std::size_t i = 0; i < size; ++i)
        append_hex(text, bytes[i]);
    return text;
}

}  // namespace

std::string address_text(const void* address, socklen_t size) {
    sa_family_t family = AF_UNSPEC;
    if (size < sizeof family)
        return "(no address)";
    std::memcpy(&family, address, sizeof family);
    switch (family) {
    case AF_INET:
    case AF_INET6: return ip::endpoint::from_sockaddr(address, size).to_string();
    case AF_UNIX: return local::endpoint::from_sockaddr(address, size).to_string();
    default:
        return "family " + std::to_string(family) + ": " +
               bytes_text(static_cast<const unsigned char*>(address) + sizeof family, size - sizeof family);
    }
}

}  // namespace coil::COIL_ABI
