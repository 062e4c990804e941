// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#include <coil/base/local_endpoint.hpp>

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <system_error>

#include "base/hex.hpp"
#include "base/quoted.hpp"

namespace coil::COIL_ABI::local {
namespace {

constexpr socklen_t name_offset = offsetof(sockaddr_un, sun_path);

[[noreturn]] void throw_too_long(std::string_view name, std::size_t size_max, const char* remedy) {
    throw std::system_error(std::make_error_code(std::errc::filename_too_long),
                            "local::endpoint: " + quoted(name) + " has " + std::to_string(name.size()) +
                                " bytes, and the address of a UNIX domain socket has room for " +
                                std::to_string(size_max) + remedy);
}

}  // namespace

endpoint::endpoint(std::string_view path) {
    if (path.starts_with('\0')) {
        *this = abstract(path.substr(1));
        return;
    }
    if (path.size() > path_max)
        throw_too_long(
            path, path_max,
            ": use a shorter path, such as one in /run, or one that is relative to the current directory");
    if (path.find('\0') != std::string_view::npos)
        throw std::system_error(std::make_error_code(std::errc::invalid_argument),
                                "local::endpoint: " + quoted(path) +
                                    " has a NUL in it, at which the kernel would cut the path");
    set(path);
}

endpoint endpoint::abstract(std::string_view name) {
    if (name.size() > path_max)
        throw_too_long(name, path_max, " of an abstract name");
    endpoint result;
    std::ranges::copy(name, result.name_ + 1);
    result.size_ = static_cast<unsigned char>(name.size() + 1);
    return result;
}

void endpoint::set(std::string_view name) noexcept {
    std::ranges::copy(name, name_);
    size_ = static_cast<unsigned char>(name.size());
}

std::string endpoint::to_string() const {
    if (is_unnamed())
        return "(unnamed)";
    std::string text;
    for (const char each: path().substr(is_abstract() ? 1 : 0)) {
        const auto byte = static_cast<unsigned char>(each);
        if (byte >= 0x20 && byte != 0x7f) {
            text += each;  // of UTF-8, too
        } else {
            append_hex(text.append("\\x"), byte);
        }
    }
    return is_abstract() ? "@" + text : text;
}

// An abstract name ends where the address does. A path ends with a NUL; those of others may do without, where there is no room.
socklen_t endpoint::to_sockaddr(sockaddr_un& target) const noexcept {
    target.sun_family = AF_UNIX;
    std::memcpy(target.sun_path, name_, sizeof target.sun_path);
    if (is_unnamed())
        return name_offset;
    const bool ends_with_nul = !is_abstract() && size_ < sizeof target.sun_path;
    return static_cast<socklen_t>(name_offset + size_ + (ends_with_nul ? 1 : 0));
}

endpoint endpoint::from_sockaddr(const void* source, socklen_t size) noexcept {
    endpoint result;
    sa_family_t family = AF_UNSPEC;
    if (size >= sizeof family)
        std::memcpy(&family, source, sizeof family);
    if (family != AF_UNIX || size <= name_offset)
        return result;
    std::string_view name(static_cast<const char*>(source) + name_offset,
                          std::min<std::size_t>(size - name_offset, sizeof(sockaddr_un::sun_path)));
    if (name[0] != '\0')
        name = name.substr(0, name.find('\0'));
    result.set(name);
    return result;
}

}  // namespace coil::COIL_ABI::local
