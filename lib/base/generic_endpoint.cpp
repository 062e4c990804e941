// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#include <coil/base/generic_endpoint.hpp>

#include <algorithm>
#include <string_view>
#include <system_error>

#include "base/address_text.hpp"

namespace coil::COIL_ABI::generic {

endpoint::endpoint(const void* address, std::size_t size) {
    if (size > size_max || size < sizeof(sa_family_t))
        throw std::system_error(std::make_error_code(std::errc::invalid_argument),
                                "generic::endpoint: an address has from " +
                                    std::to_string(sizeof(sa_family_t)) + " to " + std::to_string(size_max) +
                                    " bytes, this one " + std::to_string(size));
    std::memcpy(bytes_, address, size);
    size_ = static_cast<unsigned>(size);
}

int endpoint::family() const noexcept {
    sa_family_t family = AF_UNSPEC;
    if (size_ >= sizeof family)
        std::memcpy(&family, bytes_, sizeof family);
    return family;
}

std::string endpoint::to_string() const { return address_text(bytes_, size_); }

socklen_t endpoint::to_sockaddr(sockaddr_storage& target) const noexcept {
    static_assert(sizeof target == size_max);
    std::memcpy(&target, bytes_, size_max);
    return size_;
}

endpoint endpoint::from_sockaddr(const void* source, socklen_t size) noexcept {
    endpoint result;
    result.size_ = std::min<socklen_t>(size, size_max);
    std::memcpy(result.bytes_, source, result.size_);
    return result;
}

}  // namespace coil::COIL_ABI::generic
