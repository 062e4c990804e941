// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <coil/tls/context.hpp>

namespace coil::COIL_ABI::test {

/// The contents of a certificate of a test.
struct certificate_request {
    std::string subject = "example.org";
    std::string names = "DNS:example.org";  // subjectAltName; empty: none
    std::string purpose{};                  // extendedKeyUsage, such as "clientAuth"; empty: any
    long begins = -3600;                    // seconds from now
    long ends = 86400;
    bool is_authority = false;
};

/// Issues certificates for tests. Keys are on the curve P-256, so they are made quickly.
class authority {
public:
    /// A self-signed authority.
    explicit authority(const std::string& name = "Test Authority");
    /// An authority whose certificate another one has issued.
    authority(const std::string& name, const authority& issuer);
    authority(authority&&) noexcept;
    ~authority();

    [[nodiscard]] tls::identity issue(const certificate_request& wanted = {}) const;
    [[nodiscard]] static tls::identity self_signed(const certificate_request& wanted = {});
    /// Returns a list that revokes this certificate, in PEM format.
    [[nodiscard]] std::string revoke(const tls::identity& issued) const;
    /// Returns the authority's certificate in PEM format.
    [[nodiscard]] const std::string& certificate() const noexcept { return certificate_; }

private:
    struct pair;

    std::unique_ptr<pair> own_;
    std::string certificate_;
};

/// Contexts of a client and a server that trust the same authority.
struct tls_contexts {
    explicit tls_contexts(const authority& issuer, tls::client_context::options of_client = {},
                          tls::server_context::options of_server = {})
        : client(complete(std::move(of_client), issuer)), server(complete(std::move(of_server), issuer)) {}

    tls::client_context client;
    tls::server_context server;

private:
    static tls::client_context::options complete(tls::client_context::options chosen,
                                                 const authority& issuer) {
        if (chosen.trusted.empty())
            chosen.trusted = tls::pem::text(issuer.certificate());
        return chosen;
    }
    static tls::server_context::options complete(tls::server_context::options chosen,
                                                 const authority& issuer) {
        if (chosen.own.empty())
            chosen.own = {issuer.issue()};
        return chosen;
    }
};

}  // namespace coil::COIL_ABI::test
