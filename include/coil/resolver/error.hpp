// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#pragma once

#include <coil/version.hpp>

#include <system_error>

namespace coil::COIL_ABI::error {

/// Lookup errors. Negative values are the codes of getaddrinfo(3), with Asio's names. Positive values are
/// errors that coil detects without calling getaddrinfo(3). A system error during a lookup (EAI_SYSTEM) has a
/// code in std::system_category instead. If an error below is equivalent to a std::errc, its comment names
/// the std::errc after a semicolon.
///
///     if (failure.code() == coil::error::host_not_found) ...
enum class resolver_code {
    host_not_found = -2,             ///< EAI_NONAME: the name does not exist
    host_not_found_try_again = -3,   ///< EAI_AGAIN: no name server answered; resource_unavailable_try_again
    no_recovery = -4,                ///< EAI_FAIL: a name server reported a failure
    no_data = -5,                    ///< EAI_NODATA: the name exists, but has no address
    family_not_supported = -6,       ///< EAI_FAMILY; address_family_not_supported
    socket_type_not_supported = -7,  ///< EAI_SOCKTYPE
    service_not_found = -8,          ///< EAI_SERVICE: no such service for this protocol
    no_address_of_family = -9,       ///< EAI_ADDRFAMILY: no address of the requested family
    no_memory = -10,                 ///< EAI_MEMORY; not_enough_memory
    wrong_flags = -1,                ///< EAI_BADFLAGS; invalid_argument
    name_too_long = -12,             ///< EAI_OVERFLOW; value_too_large

    no_host = 1,    ///< the host is empty, and AI_PASSIVE is not set; invalid_argument
    no_port,        ///< the service is an invalid port number; invalid_argument
    no_name,        ///< the name contains a NUL; invalid_argument
    resolver_busy,  ///< too many lookups are queued; resource_unavailable_try_again
};
using enum resolver_code;

[[nodiscard]] const std::error_category& resolver_category() noexcept;

[[nodiscard]] inline std::error_code make_error_code(resolver_code value) noexcept {
    return {static_cast<int>(value), resolver_category()};
}

}  // namespace coil::COIL_ABI::error

template <>
struct std::is_error_code_enum<coil::error::resolver_code> : std::true_type {};
