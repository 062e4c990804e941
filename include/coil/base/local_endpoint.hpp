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

/// The address of a UNIX domain socket (unix(7)), without a protocol: a path, an abstract name, or unnamed.
/// Applications use types such as `local::stream_protocol::endpoint`, which name the protocol.
///
///     endpoint file("/run/app/control.sock");
///     endpoint no_file = endpoint::abstract("app");  // per network namespace; disappears with its socket
///     endpoint unnamed;                              // most clients, because they do not call bind()
///
/// bind() to a path creates the socket file. The file stays until it is unlinked. To connect, a client needs
/// write permission for the file. A relative path is resolved when bind() or connect() is called.
///
/// Order: by bytes. Cost: a 112-byte value; to_string() may allocate.
class endpoint {
public:
    using plain_type = endpoint;        // the type that does not name a protocol
    using sockaddr_type = sockaddr_un;  // the type that the kernel uses

    /// The maximum length of a path or an abstract name, in bytes.
    static constexpr std::size_t path_max = sizeof(sockaddr_un::sun_path) - 1;

    constexpr endpoint() noexcept = default;  // unnamed
    /// Makes an endpoint from a path, or from an abstract name if `path` begins with a NUL, as in the
    /// kernel's interface. Throws std::system_error: filename_too_long for more than path_max bytes (not
    /// counting the leading NUL), invalid_argument if a path has a NUL after its first character.
    endpoint(std::string_view path);
    endpoint(const char* path) : endpoint(std::string_view(path)) {}
    endpoint(const std::string& path) : endpoint(std::string_view(path)) {}
    /// Makes an endpoint from an abstract name. The bytes of `name` may have any value. Throws
    /// std::system_error (filename_too_long) if `name` has more than path_max bytes.
    static endpoint abstract(std::string_view name);

    [[nodiscard]] constexpr bool is_unnamed() const noexcept { return size_ == 0; }
    [[nodiscard]] constexpr bool is_abstract() const noexcept { return size_ > 0 && name_[0] == '\0'; }
    /// Returns the text in the form that the constructor accepts: an abstract name begins with a NUL. Returns
    /// an empty text if the endpoint is unnamed.
    [[nodiscard]] constexpr std::string_view path() const noexcept { return {name_, size_}; }
    [[nodiscard]] constexpr int family() const noexcept { return AF_UNIX; }
    /// Returns a text such as "/run/app.sock", "@name" if abstract, or "(unnamed)". Unprintable bytes are
    /// written in hexadecimal.
    [[nodiscard]] std::string to_string() const;

    /// Fills `target` and returns the number of bytes used, as bind(2) expects.
    socklen_t to_sockaddr(sockaddr_un& target) const noexcept;
    /// Converts a sockaddr of `size` bytes that the kernel wrote. `source` may be unaligned, because it is
    /// copied. Any family other than AF_UNIX gives an unnamed endpoint.
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

/// A local endpoint for one protocol, such as `local::stream_protocol::endpoint`. It adds no data.
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

/// Writes to_string() to a stream: `std::cout << peer`. Include <ostream> where you use this operator.
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
