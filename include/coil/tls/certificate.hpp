// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#pragma once

#include <coil/version.hpp>

#include <chrono>
#include <string>
#include <vector>

namespace coil::COIL_ABI::tls {

/// The contents of a certificate. `stream::peer_certificates()` returns those that the peer has shown.
struct certificate {
    std::string subject;                           ///< such as "CN=example.org,O=Example" (RFC 2253)
    std::string issuer;                            ///< the subject of the certificate that signed this one
    std::string serial;                            ///< the serial number, in hexadecimal
    std::vector<std::string> names;                ///< the DNS names and IP addresses in subjectAltName
    std::chrono::system_clock::time_point begins;  ///< the certificate is not valid before
    std::chrono::system_clock::time_point ends;    ///< the certificate is not valid after
    std::string fingerprint;                       ///< SHA-256 of the whole certificate, in hexadecimal
    std::string pem;                               ///< the certificate in PEM format
};

}  // namespace coil::COIL_ABI::tls
