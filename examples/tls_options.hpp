// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdio>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include <coil/tls.hpp>

#include "command_line.hpp"

/// Code shared by the example programs that use TLS.
namespace example {

/// Splits a list at its commas. An empty text is an empty list.
inline std::vector<std::string> split(std::string_view list) {
    std::vector<std::string> parts;
    while (!list.empty()) {
        const std::size_t end = list.find(',');
        parts.emplace_back(list.substr(0, end));
        list.remove_prefix(end == list.npos ? list.size() : end + 1);
    }
    return parts;
}

/// Returns the certificates in a file, or nothing if no file was given.
inline coil::tls::pem pem_file(const std::string& path) {
    return path.empty() ? coil::tls::pem() : coil::tls::pem::file(path);
}

inline const char* to_string(coil::tls::version version) {
    return version == coil::tls::version::tls_1_2 ? "TLS 1.2" : "TLS 1.3";
}

/// Returns what the user of a client can do about an error, or an empty text.
inline std::string_view remedy(const std::error_code& error) {
    namespace tls_error = coil::tls::error;
    if (error == tls_error::self_signed || error == tls_error::unknown_issuer)
        return "if you trust it, pass the certificate of its root authority with --ca";
    if (error == tls_error::wrong_host)
        return "use one of the names that the certificate contains";
    if (error == tls_error::certificate_expired)
        return "the server needs a new certificate, unless the clock of this machine is wrong";
    if (error == tls_error::certificate_not_yet_valid)
        return "check the clock of this machine";
    return {};
}

/// Like explain_failure(), but adds a remedy to errors of TLS. Call it in a client's `catch (...)`.
[[nodiscard]] inline int explain_tls_failure() noexcept {
    try {
        throw;
    } catch (const std::system_error& failure) {
        const std::string_view advice = remedy(failure.code());
        if (advice.empty())
            return explain_failure();
        std::fprintf(stderr, "%s: %s; %.*s\n", program_invocation_short_name, failure.what(),
                     static_cast<int>(advice.size()), advice.data());
        return 1;
    } catch (...) {
        return explain_failure();
    }
}

}  // namespace example
