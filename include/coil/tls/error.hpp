// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#pragma once

#include <coil/version.hpp>

#include <system_error>

/// Error codes of TLS. An error of the stream below, such as connection_reset, keeps its own code.
///
///     if (failure.code() == coil::tls::error::wrong_host) ...

namespace coil::COIL_ABI::tls::error {

enum class code {
    // The peer's certificate is refused.
    certificate_expired = 1,
    certificate_not_yet_valid,
    certificate_revoked,
    wrong_host,           ///< the certificate is for other names than the one that was asked for
    wrong_purpose,        ///< for example, a server shows the certificate of a client
    self_signed,          ///< the certificate, or the last one of its chain, is self-signed and not trusted
    unknown_issuer,       ///< the issuer is not trusted, or an intermediate certificate is missing
    invalid_certificate,  ///< any other reason; the text of the error contains it
    no_certificate,       ///< the peer has shown no certificate, but this side requires one
    // The connection.
    handshake_failed,  ///< for example, no common version or cipher
    protocol_error,    ///< the peer has sent bytes that are not valid TLS, or an alert; in TLS 1.3, a client
                       ///< learns only after the handshake that the server has refused its certificate
    truncated,         ///< the stream below ended without the peer's close_notify, so bytes may be missing
    // Certificates and keys of this side.
    not_pem,        ///< the file or text contains no certificate, revocation list or key in PEM format
    encrypted_key,  ///< the key is encrypted with a passphrase
    key_mismatch,   ///< the key does not belong to the certificate
};
using enum code;

[[nodiscard]] const std::error_category& category() noexcept;

[[nodiscard]] inline std::error_code make_error_code(code value) noexcept {
    return {static_cast<int>(value), category()};
}

}  // namespace coil::COIL_ABI::tls::error

template <>
struct std::is_error_code_enum<coil::tls::error::code> : std::true_type {};
