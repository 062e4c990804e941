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
                                    " contains a NUL: the kernel would cut the path there");
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

namespace {

// Returns the size of the first character of `text` if a terminal can print it safely, otherwise 0. A peer
// chooses its own name and may put control characters into it. Control characters are the bytes below 0x20,
// the byte 0x7f and, on a terminal that does not decode UTF-8, also 0x80 to 0x9f (C1, including CSI). A UTF-8
// character is therefore printed only if its encoding contains none of these bytes.
std::size_t printable_size(std::string_view text) noexcept {
    const auto byte = [&](std::size_t at) { return static_cast<unsigned char>(text[at]); };
    if (byte(0) < 0x80)
        return byte(0) >= 0x20 && byte(0) != 0x7f ? 1 : 0;
    const std::size_t size = byte(0) < 0xc3   ? 0
                             : byte(0) < 0xe0 ? 2
                             : byte(0) < 0xf0 ? 3
                             : byte(0) < 0xf5 ? 4
                                              : 0;
    if (size == 0 || size > text.size())
        return 0;
    for (std::size_t at = 1; at < size; ++at)
        if (byte(at) < 0xa0 || byte(at) > 0xbf)
            return 0;
    return size;
}

}  // namespace

std::string endpoint::to_string() const {
    if (is_unnamed())
        return "(unnamed)";
    std::string text;
    for (std::string_view left = path().substr(is_abstract() ? 1 : 0); !left.empty();) {
        const std::size_t printable = printable_size(left);
        if (printable == 0)
            append_hex(text.append("\\x"), static_cast<unsigned char>(left.front()));
        else
            text += left.substr(0, printable);
        left.remove_prefix(std::max<std::size_t>(printable, 1));
    }
    return is_abstract() ? "@" + text : text;
}

// Fills `target`. The size of an abstract address includes no NUL at the end, because an abstract name ends
// where the address ends. The size of a path address includes a NUL after the path, if there is space for
// one. The kernel accepts a path that fills sun_path and has no NUL.
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
