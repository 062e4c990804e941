// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#pragma once

#include <coil/version.hpp>

#include <system_error>

namespace coil::COIL_ABI::error {

/// Why a name could not be looked up. Those below zero are getaddrinfo(3)'s own, by the names that Asio's users compare with;
/// those above are told without asking it. What the system says while it looks (EAI_SYSTEM) is an error of
/// std::system_category instead.
///
///     if (failure.code() == coil::error::host_not_found) ...
enum class resolver_code {
    host_not_found = -2,             ///< EAI_NONAME: nobody knows the name
    host_not_found_try_again = -3,   ///< EAI_AGAIN: no server has answered; resource_unavailable_try_again
    no_recovery = -4,                ///< EAI_FAIL: a server has answered that it can't
    no_data = -5,                    ///< EAI_NODATA: the name is known, but has no address
    family_not_supported = -6,       ///< EAI_FAMILY; address_family_not_supported
    socket_type_not_supported = -7,  ///< EAI_SOCKTYPE
    service_not_found = -8,          ///< EAI_SERVICE: no such service, for this protocol
    no_address_of_family =
        -9,               ///< EAI_ADDRFAMILY: the name has addresses, but none of the family that was wanted
    no_memory = -10,      ///< EAI_MEMORY; not_enough_memory
    wrong_flags = -1,     ///< EAI_BADFLAGS; invalid_argument
    name_too_long = -12,  ///< EAI_OVERFLOW; value_too_large

    no_host = 1,    ///< the host was empty, and nobody asked for the addresses to listen on; invalid_argument
    no_port,        ///< the service is a number, but not one from 0 to 65535; invalid_argument
    no_name,        ///< there is a NUL in the name; invalid_argument
    resolver_busy,  ///< too many wait already; resource_unavailable_try_again
};
using enum resolver_code;

[[nodiscard]] const std::error_category& resolver_category() noexcept;

[[nodiscard]] inline std::error_code make_error_code(resolver_code value) noexcept {
    return {static_cast<int>(value), resolver_category()};
}

}  // namespace coil::COIL_ABI::error

template <>
struct std::is_error_code_enum<coil::error::resolver_code> : std::true_type {};
