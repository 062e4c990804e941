// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#include "resolver/look_up.hpp"

#include <array>
#include <cerrno>
#include <charconv>
#include <memory>
#include <netdb.h>
#include <new>

#include <coil/base/error.hpp>
#include <coil/resolver/error.hpp>

#include "base/quoted.hpp"

namespace coil::COIL_ABI::detail {
namespace {

bool is_number(std::string_view text) noexcept {
    return !text.empty() && text.find_first_not_of("0123456789") == std::string_view::npos;
}

// Returns true if `service` is a number above 65535, or begins with a space or a sign. coil rejects such a
// service, because the C library would parse it with strtoul(3) and truncate the number to 16 bits.
bool is_invalid_port(std::string_view service) noexcept {
    if (!is_number(service))
        return !service.empty() &&
               std::string_view(" \t\n\v\f\r+-").find(service[0]) != std::string_view::npos;
    std::uint16_t port = 0;
    return std::from_chars(service.data(), service.data() + service.size(), port).ec != std::errc();
}

bool has_nul(std::string_view text) noexcept { return text.find('\0') != std::string_view::npos; }

struct free_list {
    void operator()(addrinfo* list) const noexcept { ::freeaddrinfo(list); }
};

}  // namespace

constinit std::atomic<look_up::function*> look_up::asked{&look_up::call_c_library};

bool look_up::has_invalid_arguments() noexcept {
    if (has_nul(host) || has_nul(service))
        status = static_cast<int>(error::no_name);
    else if (host.empty() && !(hints.flags & AI_PASSIVE))
        status = static_cast<int>(error::no_host);
    else if (is_invalid_port(service) ||
             (hints.flags & AI_NUMERICSERV && !service.empty() && !is_number(service)))
        status = static_cast<int>(error::no_port);
    return status != 0;
}

bool look_up::answer_inline() noexcept {
    try {
        if (way == direction::reverse) {
            constexpr int numeric = NI_NUMERICHOST | NI_NUMERICSERV;
            if ((hints.flags & numeric) != numeric)
                return false;
            call_getnameinfo();
            return true;
        }
        if (has_invalid_arguments())
            return true;
        if (!service.empty() && !is_number(service))
            return false;
        call_getaddrinfo(AI_NUMERICHOST | AI_NUMERICSERV);
        if (status != EAI_NONAME || hints.flags & AI_NUMERICHOST)
            return true;
        status = 0;  // the host is not an address, so it is a name
        return false;
    } catch (const std::bad_alloc&) {
        status = EAI_MEMORY;
        return true;
    }
}

void look_up::perform() noexcept {
    try {
        asked.load(std::memory_order_relaxed)(*this);
    } catch (const std::bad_alloc&) {
        status = EAI_MEMORY;
    }
}

void look_up::call_c_library(look_up& query) {
    if (query.way == direction::forward)
        query.call_getaddrinfo(0);
    else
        query.call_getnameinfo();
}

void look_up::call_getaddrinfo(int more_flags) {
    addrinfo wanted{};
    wanted.ai_flags = hints.flags | more_flags;
    wanted.ai_family = hints.family;
    wanted.ai_socktype = hints.type;
    wanted.ai_protocol = hints.protocol;
    // getaddrinfo(3) needs a host or a service.
    const char* const on = host.empty() ? nullptr : host.c_str();
    const char* const at = !service.empty() ? service.c_str() : on ? nullptr : "0";

    addrinfo* list = nullptr;
    status = ::getaddrinfo(on, at, &wanted, &list);
    system_error = errno;
    if (status != 0)
        return;
    const std::unique_ptr<addrinfo, free_list> owner(list);
    if (list->ai_canonname)
        found.canonical_name = list->ai_canonname;
    for (const addrinfo* each = list; each; each = each->ai_next)
        if (each->ai_family == AF_INET || each->ai_family == AF_INET6)
            found.endpoints.push_back(ip::endpoint::from_sockaddr(each->ai_addr, each->ai_addrlen));
    if (found.endpoints.empty())
        status = EAI_NODATA;
}

void look_up::call_getnameinfo() {
    ip::socket_address address;
    const socklen_t size = endpoint.to_sockaddr(address);
    std::array<char, NI_MAXHOST> host_name{};
    std::array<char, NI_MAXSERV> service_name{};
    status = ::getnameinfo(&address.any, size, host_name.data(), host_name.size(), service_name.data(),
                           service_name.size(), hints.flags);
    system_error = errno;
    if (status != 0)
        return;
    found.host_name = host_name.data();
    found.service_name = service_name.data();
}

std::error_code look_up::error() const noexcept {
    if (status == 0)
        return {};
    if (status != EAI_SYSTEM)
        return {status, error::resolver_category()};
    return system_error_code(system_error != 0 ? system_error : EIO);  // 0 would mean success
}

std::string look_up::describe() const {
    if (way == direction::reverse)
        return "resolve " + endpoint.to_string();
    return "resolve " + quoted(host) + (service.empty() ? "" : " " + quoted(service));
}

}  // namespace coil::COIL_ABI::detail
