// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#include <coil/resolver/error.hpp>

#include <netdb.h>
#include <string>

namespace coil::COIL_ABI::error {
namespace {

constexpr bool is(resolver_code value, int number) { return static_cast<int>(value) == number; }
static_assert(is(host_not_found, EAI_NONAME) && is(host_not_found_try_again, EAI_AGAIN) &&
              is(no_recovery, EAI_FAIL) && is(no_data, EAI_NODATA) && is(family_not_supported, EAI_FAMILY) &&
              is(socket_type_not_supported, EAI_SOCKTYPE) && is(service_not_found, EAI_SERVICE) &&
              is(no_address_of_family, EAI_ADDRFAMILY) && is(no_memory, EAI_MEMORY) &&
              is(wrong_flags, EAI_BADFLAGS) && is(name_too_long, EAI_OVERFLOW));

// Returns the cause and the remedy, or null if the C library's text is sufficient.
const char* cause_and_remedy(resolver_code value) {
    switch (value) {
    case host_not_found_try_again: return "no name server answered: see /etc/resolv.conf";
    case no_recovery: return "a name server reported a failure";
    case service_not_found: return "/etc/services has no such service for this protocol: use a port number";
    case no_address_of_family: return "the name has addresses of the other family only";
    case wrong_flags: return "the flags are unknown, or cannot be combined";
    default: return nullptr;
    }
}

class names_category final : public std::error_category {
public:
    const char* name() const noexcept override { return "coil.resolver"; }

    std::string message(int value) const override {
        const auto code = static_cast<resolver_code>(value);
        switch (code) {
        case no_host: return "no host: name one, or set AI_PASSIVE for the addresses to listen on";
        case no_port: return "a port is a number from 0 to 65535, or the name of a service";
        case no_name: return "the name contains a NUL";
        case resolver_busy:
            return "too many lookups are queued: try again later, or raise the limit with "
                   "resolver_base::set_options";
        default: break;
        }
        std::string text = value < 0 ? ::gai_strerror(value) : "unknown error " + std::to_string(value);
        if (const char* more = cause_and_remedy(code))
            text.append(" (").append(more).append(1, ')');
        return text;
    }

    std::error_condition default_error_condition(int value) const noexcept override {
        switch (static_cast<resolver_code>(value)) {
        case host_not_found_try_again:
        case resolver_busy: return std::errc::resource_unavailable_try_again;
        case family_not_supported: return std::errc::address_family_not_supported;
        case no_memory: return std::errc::not_enough_memory;
        case name_too_long: return std::errc::value_too_large;
        case wrong_flags:
        case no_host:
        case no_port:
        case no_name: return std::errc::invalid_argument;
        default: return {value, *this};
        }
    }
};

}  // namespace

const std::error_category& resolver_category() noexcept {
    static const names_category instance;
    return instance;
}

}  // namespace coil::COIL_ABI::error
