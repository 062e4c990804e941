// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT

// Looks up the addresses of a name, or the name of an address, in the same way as other programs on this
// machine.

#include <chrono>
#include <cstddef>
#include <cstdio>
#include <string>
#include <system_error>

#include <netdb.h>

#include <coil/coil.hpp>

#include "command_line.hpp"

using coil::ip::tcp;

coil::task<> find_addresses(std::string name, std::string service, std::size_t family,
                            std::chrono::milliseconds time_limit) {
    tcp::resolver resolver(co_await coil::this_coro::context);
    const int flags = tcp::resolver::canonical_name;
    auto look_up = family == 4   ? resolver.resolve(tcp::v4(), name, service, flags)
                   : family == 6 ? resolver.resolve(tcp::v6(), name, service, flags)
                                 : resolver.resolve(name, service, flags);
    const auto found = co_await coil::timeout(std::move(look_up), time_limit);
    if (found.canonical_name() != name)
        std::printf("%s is %s\n", name.c_str(), found.canonical_name().c_str());
    for (const tcp::endpoint& each: found)
        std::printf("%s\n", service.empty() ? each.address().to_string().c_str() : each.to_string().c_str());
}

coil::task<> find_name(coil::ip::address address, std::chrono::milliseconds time_limit) {
    tcp::resolver resolver(co_await coil::this_coro::context);
    const tcp::endpoint endpoint(address, 0);
    const auto name = co_await coil::timeout(resolver.resolve(endpoint, NI_NAMEREQD), time_limit);
    std::printf("%s\n", name.host_name().c_str());
}

int main(int argc, char** argv) try {
    const example::command_line given(
        argc, argv, "Looks up the addresses of a name, or the name of an address.",
        {{"name", "NAME", "host whose addresses to look up", "", true},
         {"service", "SERVICE", "service or port, to print endpoints", "", true},
         {"family", "NUMBER", "only addresses of IPv4 (4), or IPv6 (6)", "0"},
         {"address", "ADDRESS", "address whose name to look up"},
         {"timeout", "MS", "how long to wait", "10000"}});
    if (given.has("name") == given.has("address"))
        throw example::usage_error("either --name or --address is required");
    const std::size_t family = given.number("family", 0, 6);
    if (family != 0 && family != 4 && family != 6)
        throw example::usage_error("--family wants 4 or 6");
    const auto time_limit = given.milliseconds("timeout");

    if (given.has("address"))
        coil::sync_wait(find_name(given.address("address"), time_limit));
    else
        coil::sync_wait(find_addresses(given.text("name"), given.text("service"), family, time_limit));
} catch (const std::system_error& failure) {
    if (failure.code() != coil::error::no_port)
        return example::explain_failure();
    std::fprintf(stderr, "%s: %s (see --help)\n", program_invocation_short_name, failure.what());
    return 2;
} catch (...) {
    return example::explain_failure();
}
