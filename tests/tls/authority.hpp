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
    /// Returns a client's context. If the options name no trusted certificate, it trusts this authority.
    [[nodiscard]] tls::client_context client(tls::client_context::options chosen = {}) const;
    /// Returns a server's context. If the options have no certificate, this authority issues one.
    [[nodiscard]] tls::server_context server(tls::server_context::options chosen = {}) const;
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
        : client(issuer.client(std::move(of_client))), server(issuer.server(std::move(of_server))) {}

    tls::client_context client;
    tls::server_context server;
};

/// The authority that the tests trust, and contexts with default options. They are made only once.
[[nodiscard]] const authority& trusted_authority();
[[nodiscard]] const tls_contexts& usual_contexts();

}  // namespace coil::COIL_ABI::test
