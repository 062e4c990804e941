// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#include <coil/tls/error.hpp>

#include <string>

namespace coil::COIL_ABI::tls::error {
namespace {

class tls_category final : public std::error_category {
public:
    const char* name() const noexcept override { return "coil.tls"; }

    std::string message(int value) const override {
        switch (static_cast<code>(value)) {
        case certificate_expired: return "the certificate has expired";
        case certificate_not_yet_valid: return "the certificate is not valid yet";
        case certificate_revoked: return "the certificate has been revoked";
        case wrong_host: return "the certificate is for another host";
        case wrong_purpose: return "the certificate is for another purpose";
        case self_signed: return "the certificate is self-signed and not trusted";
        case unknown_issuer:
            return "the issuer of the certificate is not trusted, or an intermediate certificate is missing";
        case invalid_certificate: return "the certificate is invalid";
        case no_certificate: return "the peer has shown no certificate";
        case handshake_failed: return "the TLS handshake failed";
        case protocol_error:
            return "the peer has broken the TLS protocol, or has ended the connection with an alert";
        case truncated: return "the connection ended without close_notify, so bytes may be missing";
        case not_pem: return "there is nothing of this kind in PEM format";
        case encrypted_key: return "the key is encrypted; decrypt it with `openssl pkey`";
        case key_mismatch: return "the key does not belong to the certificate";
        }
        return "no such code: " + std::to_string(value);
    }
};

}  // namespace

const std::error_category& category() noexcept {
    static const tls_category instance;
    return instance;
}

}  // namespace coil::COIL_ABI::tls::error
