// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#pragma once

#include <coil/version.hpp>

#include <compare>
#include <cstddef>
#include <iosfwd>
#include <string>
#include <string_view>
#include <type_traits>

#include <sys/socket.h>
#include <sys/un.h>

namespace coil::COIL_ABI::local {

/// The address of a UNIX domain socket, unix(7), of no particular protocol: a path, an abstract name, or nothing at all.
/// Applications write `local::stream_protocol::endpoint` and its like, which are this and the protocol's name.
///
///     endpoint in_the_file_system("/run/app/control.sock");
///     endpoint in_no_file_system = endpoint::abstract("app");      // visible in this network namespace, gone with its socket
///     endpoint nobody;                                             // most clients: they are not bound
///
/// A path is one of the file system: bind() makes the file, which stays until somebody removes it, and who may connect is who
/// may write it. Relative ones are looked up when they are used.
///
/// Order: by bytes. Cost: a value of 112 bytes; to_string() may allocate.
class endpoint {
public:
    using plain_type = endpoint;        // without the name of a protocol
    using sockaddr_type = sockaddr_un;  // what the kernel calls it

    /// The longest path, or abstract name, in bytes.
    static constexpr std::size_t path_max = sizeof(sockaddr_un::sun_path) - 1;

    constexpr endpoint() noexcept = default;  // unnamed
    /// A path; one that begins with a NUL is an abstract name, as in the kernel's interface.
    /// Throws std::system_error: filename_too_long for more than path_max bytes, invalid_argument for a path with a NUL in it.
    endpoint(std::string_view path);
    endpoint(const char* path) : endpoint(std::string_view(path)) {}
    endpoint(const std::string& path) : endpoint(std::string_view(path)) {}
    /// Any bytes, at most path_max of them. Throws std::system_error: filename_too_long.
    static endpoint abstract(std::string_view name);

    [[nodiscard]] constexpr bool is_unnamed() const noexcept { return size_ == 0; }
    [[nodiscard]] constexpr bool is_abstract() const noexcept { return size_ > 0 && name_[0] == '\0'; }
    /// As the constructor takes it: an abstract name with its NUL before it. Empty if unnamed.
    [[nodiscard]] constexpr std::string_view path() const noexcept { return {name_, size_}; }
    [[nodiscard]] constexpr int family() const noexcept { return AF_UNIX; }
    /// /run/app.sock, @name (abstract), (unnamed). Bytes that don't print are written in hexadecimal.
    [[nodiscard]] std::string to_string() const;

    /// Fills `target`, and returns the size of what is in it, as bind(2) wants it.
    socklen_t to_sockaddr(sockaddr_un& target) const noexcept;
    /// What the kernel wrote, and how much of it. `source` may be unaligned: it is copied.
    /// A family that isn't this one gives an unnamed endpoint.
    static endpoint from_sockaddr(const void* source, socklen_t size) noexcept;

    friend constexpr bool operator==(const endpoint& left, const endpoint& right) noexcept {
        return left.path() == right.path();
    }
    friend constexpr std::strong_ordering operator<=>(const endpoint& left, const endpoint& right) noexcept {
        return left.path() <=> right.path();
    }

private:
    void set(std::string_view name) noexcept;

    char name_[path_max + 1]{};
    unsigned char size_ = 0;
};

/// A local endpoint of one protocol, such as `local::stream_protocol::endpoint`. It adds no data.
template <class Protocol>
class basic_endpoint : public endpoint {
public:
    using protocol_type = Protocol;
    using endpoint::endpoint;

    constexpr basic_endpoint() noexcept = default;
    constexpr explicit basic_endpoint(const endpoint& other) noexcept : endpoint(other) {}
    static basic_endpoint abstract(std::string_view name) { return basic_endpoint(endpoint::abstract(name)); }

    [[nodiscard]] constexpr Protocol protocol() const noexcept { return {}; }
};

/// Writes to_string(): `std::cout << peer`. Include <ostream> where you use it.
template <class Traits>
std::basic_ostream<char, Traits>& operator<<(std::basic_ostream<char, Traits>& out, const endpoint& value) {
    return out << value.to_string();
}

static_assert(std::is_trivially_copyable_v<endpoint> && sizeof(endpoint) <= 112);

}  // namespace coil::COIL_ABI::local

template <>
struct std::hash<coil::local::endpoint> {
    std::size_t operator()(const coil::local::endpoint& value) const noexcept {
        return std::hash<std::string_view>()(value.path());
    }
};

template <class Protocol>
struct std::hash<coil::local::basic_endpoint<Protocol>> : std::hash<coil::local::endpoint> {};
