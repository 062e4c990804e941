// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#pragma once

#include <memory>
#include <string>
#include <system_error>
#include <vector>

#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <coil/tls/certificate.hpp>
#include <coil/tls/error.hpp>

#include "tls/context_state.hpp"

/// Reads certificates and keys, and puts OpenSSL's errors into words.

namespace coil::COIL_ABI::detail {

using x509_ptr = std::unique_ptr<X509, free_by<X509_free>>;
using crl_ptr = std::unique_ptr<X509_CRL, free_by<X509_CRL_free>>;
using key_ptr = std::unique_ptr<EVP_PKEY, free_by<EVP_PKEY_free>>;

/// Reads all certificates from a file or text. Throws std::system_error if there is none. `purpose` says what
/// they are for, such as "trusted certificates".
[[nodiscard]] std::vector<x509_ptr> read_certificates(const tls::pem& from, const char* purpose);
/// Reads all certificate revocation lists from a file or text. Throws std::system_error if there is none.
[[nodiscard]] std::vector<crl_ptr> read_revocations(const tls::pem& from);
/// Reads an unencrypted private key. Throws std::system_error.
[[nodiscard]] key_ptr read_key(const tls::pem& from);

/// Returns the subject of a certificate, such as "CN=example.org,O=Example".
[[nodiscard]] std::string subject_of(const X509* certificate);

/// Returns what a certificate says. Throws std::bad_alloc.
[[nodiscard]] tls::certificate description_of(const X509* certificate);

/// Returns the code for a result of SSL_get_verify_result().
[[nodiscard]] tls::error::code code_of_verification(long result) noexcept;
/// Returns the code for an entry of OpenSSL's error queue.
[[nodiscard]] std::error_code code_of(unsigned long entry, bool is_connected) noexcept;
/// Returns OpenSSL's own text for an entry of its error queue.
[[nodiscard]] std::string reason_of(unsigned long entry);

/// Stores the session of a client's connection that has resumed a session in TLS 1.2. If the server has sent
/// a new ticket, OpenSSL has replaced the session without a call of on_session().
void keep_renewed_session(tls_context& context, SSL* connection, const std::string& host) noexcept;
/// Lets a client's connection resume a session of an earlier connection to the host, if there is one.
void resume_session(tls_context& context, SSL* connection, const std::string& host) noexcept;

}  // namespace coil::COIL_ABI::detail
