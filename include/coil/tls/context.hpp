// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#pragma once

#include <coil/version.hpp>

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

struct ssl_ctx_st;

namespace coil::COIL_ABI::detail {

struct tls_context;
class tls_ticket_keys;

}  // namespace coil::COIL_ABI::detail

namespace coil::COIL_ABI::tls {

enum class version { tls_1_2, tls_1_3 };

/// Certificates, revocation lists or a key in PEM format, in a file or in memory.
class pem {
public:
    pem() = default;
    [[nodiscard]] static pem file(std::string path) { return {std::move(path), true}; }
    [[nodiscard]] static pem text(std::string contents) { return {std::move(contents), false}; }

    [[nodiscard]] bool is_file() const noexcept { return is_file_; }
    [[nodiscard]] bool empty() const noexcept { return value_.empty(); }
    /// Returns the path or the contents.
    [[nodiscard]] const std::string& value() const noexcept { return value_; }

private:
    pem(std::string value, bool is_file) : value_(std::move(value)), is_file_(is_file) {}

    std::string value_;
    bool is_file_ = false;
};

/// A certificate and its private key. The certificate comes first in `chain`, and the intermediate
/// certificates follow.
struct identity {
    pem chain;
    pem key;
};

/// How a server treats the certificates of clients.
enum class client_certificates {
    ignored,   ///< clients are not asked for a certificate
    optional,  ///< a client may show no certificate, but not a wrong one
    required,  ///< the handshake fails without a certificate
};

/// How a server answers if a client asks for a name that none of its certificates has.
enum class unknown_name {
    uses_first,  ///< the server shows its first certificate, which the client then refuses
    refused,     ///< the handshake fails with the alert unrecognized_name
};

/// The settings of the protocol that clients and servers share.
struct protocol_options {
    version least = version::tls_1_2;
    version most = version::tls_1_3;
    /// The protocols for ALPN (RFC 7301), such as "h2" and "http/1.1", in the order of preference. If both
    /// sides have a list but no common protocol, the handshake fails.
    std::vector<std::string> alpn{};
    /// The ciphers for TLS 1.2, in OpenSSL's format. If empty, OpenSSL's default.
    std::string ciphers{};
    /// The cipher suites for TLS 1.3, in OpenSSL's format. If empty, OpenSSL's default.
    std::string cipher_suites{};
    /// Called with each line of an NSS key log, with which Wireshark decrypts a capture. May be called on any
    /// thread that uses the context. Anyone who reads these lines can read the connections.
    std::function<void(std::string_view line)> key_log{};
};

/// The keys with which a server encrypts session tickets. The keys are replaced regularly; a ticket of the
/// keys before the current ones is still accepted. To let several contexts resume each other's sessions,
/// give all of them the same keys. Copies share the keys. Thread-safe.
class ticket_keys {
public:
    /// Throws std::bad_alloc, or std::system_error if OpenSSL has no random numbers.
    explicit ticket_keys(std::chrono::seconds lifetime = std::chrono::hours(12));

    /// Replaces the keys now.
    void rotate();

    [[nodiscard]] const std::shared_ptr<coil::detail::tls_ticket_keys>& state() const noexcept {
        return state_;
    }

private:
    std::shared_ptr<coil::detail::tls_ticket_keys> state_;
};

/// The certificates that a client trusts, and its settings. By default, a client trusts the certificates of
/// the system, verifies the server's certificate and its name, and uses TLS 1.3 or 1.2.
///
///     coil::tls::client_context context;
///     auto stream = co_await coil::tls::connect(std::move(socket), context, "example.org");
///
/// Threads:  thread-safe. Copies share one state, including the sessions for resumption.
/// Cost:     the constructor reads files of certificates (a few milliseconds), so make one context for many
///           connections. OpenSSL reads certificates in SSL_CERT_DIR during handshakes.
class client_context {
public:
    struct options {
        /// The certificates to trust, instead of those of the system (OpenSSL's default paths, and the
        /// environment variables SSL_CERT_FILE and SSL_CERT_DIR).
        pem trusted{};
        /// Certificate revocation lists. If not empty, a server's certificate needs a list of its issuer.
        pem revoked{};
        /// The certificate that this client shows if a server asks for one.
        identity own{};
        /// If true, a connection resumes the session of an earlier connection to the same host, which saves
        /// both sides the costliest part of the handshake.
        bool resumes = true;
        protocol_options protocol{};
    };

    /// Throws std::system_error if a certificate, a key or a setting cannot be used. The text names it.
    client_context() : client_context(options()) {}
    explicit client_context(const options& chosen);

    /// Returns OpenSSL's SSL_CTX, for settings that coil does not have.
    [[nodiscard]] ssl_ctx_st* native_handle() const noexcept;

    [[nodiscard]] const std::shared_ptr<coil::detail::tls_context>& state() const noexcept { return state_; }

private:
    std::shared_ptr<coil::detail::tls_context> state_;
};

/// A server's certificates and settings.
///
///     coil::tls::server_context::options options;
///     options.own = {{coil::tls::pem::file("chain.pem"), coil::tls::pem::file("key.pem")}};
///     const coil::tls::server_context context(options);
///     auto stream = co_await coil::tls::accept(std::move(socket), context);
///
/// To use new certificates without a restart, make a new context and use it for new connections. Earlier
/// connections keep the old one.
///
/// Threads:  thread-safe. Copies share one state.
class server_context {
public:
    struct options {
        /// One identity for each name, or for several names. The name that a client sends (SNI) chooses the
        /// identity. A client that sends no name gets the first one.
        std::vector<identity> own{};
        unknown_name unknown = unknown_name::uses_first;
        client_certificates clients = client_certificates::ignored;
        /// The issuers of the certificates of clients.
        pem trusted{};
        /// Certificate revocation lists. If not empty, a client's certificate needs a list of its issuer.
        pem revoked{};
        /// If true, clients can resume sessions, by tickets. A client that resumes a session is not asked for
        /// its certificate again.
        bool resumes = true;
        /// The keys of the tickets. Servers that are made from copies of the same options share them. A
        /// session is only resumed by a server with the same `clients`, `trusted` and `revoked`.
        ticket_keys tickets{};
        protocol_options protocol{};
    };

    /// Throws std::system_error if a certificate, a key or a setting cannot be used. The text names it.
    explicit server_context(const options& chosen);

    /// Returns the SSL_CTX of the first identity, for settings that coil does not have.
    [[nodiscard]] ssl_ctx_st* native_handle() const noexcept;

    [[nodiscard]] const std::shared_ptr<coil::detail::tls_context>& state() const noexcept { return state_; }

private:
    std::shared_ptr<coil::detail::tls_context> state_;
};

}  // namespace coil::COIL_ABI::tls
