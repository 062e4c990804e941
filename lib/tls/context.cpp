// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#include <coil/tls/context.hpp>

#include <algorithm>
#include <array>
#include <new>
#include <string>
#include <utility>

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <coil/base/error.hpp>
#include <coil/tls/engine.hpp>
#include <coil/tls/error.hpp>

#include "tls/certificates.hpp"
#include "tls/context_state.hpp"

namespace coil::COIL_ABI {
namespace detail {
namespace {

// The sessions that a client keeps at most, for all hosts together.
constexpr std::size_t sessions_max = 1024;
// The sessions that a client keeps at most for a host.
constexpr std::size_t sessions_per_host = 4;

int number_of(tls::version which) noexcept {
    return which == tls::version::tls_1_2 ? TLS1_2_VERSION : TLS1_3_VERSION;
}

int state_index() {
    static const int index = SSL_CTX_get_ex_new_index(0, nullptr, nullptr, nullptr, nullptr);
    return index;
}

[[noreturn]] void refuse_option(const std::string& what) {
    ERR_clear_error();
    throw_failure(std::make_error_code(std::errc::invalid_argument), what);
}

std::vector<unsigned char> alpn_format(const std::vector<std::string>& names) {
    std::vector<unsigned char> all;
    for (const std::string& each: names) {
        if (each.empty() || each.size() > 255)
            refuse_option("tls: the ALPN protocol '" + each + "' has not between 1 and 255 characters");
        all.push_back(static_cast<unsigned char>(each.size()));
        all.insert(all.end(), each.begin(), each.end());
    }
    return all;
}

int choose_alpn(SSL* connection, const unsigned char** chosen, unsigned char* size,
                const unsigned char* offered, unsigned offered_size, void*) noexcept {
    const tls_context& state = state_of(SSL_get_SSL_CTX(connection));
    if (state.alpn.empty())
        return SSL_TLSEXT_ERR_NOACK;
    unsigned char* found = nullptr;
    const int result = SSL_select_next_proto(&found, size, state.alpn.data(),
                                             static_cast<unsigned>(state.alpn.size()), offered, offered_size);
    *chosen = found;
    return result == OPENSSL_NPN_NEGOTIATED ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_ALERT_FATAL;
}

// Chooses the identity whose certificate has the name that the client asks for.
int choose_identity(SSL* connection, int* alert, void*) noexcept {
    const char* name = SSL_get_servername(connection, TLSEXT_NAMETYPE_host_name);
    if (!name)
        return SSL_TLSEXT_ERR_NOACK;
    const tls_context& state = state_of(SSL_get_SSL_CTX(connection));
    const auto has_name = [&](const SSL_CTX* context) {
        return X509_check_host(SSL_CTX_get0_certificate(context), name, 0, 0, nullptr) == 1;
    };
    if (has_name(state.context.get()))
        return SSL_TLSEXT_ERR_OK;
    const auto found = std::find_if(state.others.begin(), state.others.end(),
                                    [&](const ssl_ctx_ptr& each) { return has_name(each.get()); });
    if (found != state.others.end()) {
        SSL_set_SSL_CTX(connection, found->get());
        return SSL_TLSEXT_ERR_OK;
    }
    if (state.unknown == tls::unknown_name::uses_first)
        return SSL_TLSEXT_ERR_OK;
    if (tls_engine* of = tls_engine::engine_of(connection))
        of->note_unknown_name(name);
    *alert = SSL_AD_UNRECOGNIZED_NAME;
    return SSL_TLSEXT_ERR_ALERT_FATAL;
}

void log_key(const SSL* connection, const char* line) noexcept {
    try {
        state_of(SSL_get_SSL_CTX(connection)).key_log(line);
    } catch (...) {
        return;  // the log is for debugging; a connection does not fail with it
    }
}

// Adds a session of a client's connection. Returns false if the session is not kept.
bool add_session(tls_context& state, const std::string& host, SSL_SESSION* session) noexcept {
    if (!SSL_SESSION_is_resumable(session))
        return false;
    try {
        const std::lock_guard held(state.lock);
        if (state.sessions.count(host) >= sessions_per_host)
            state.sessions.erase(state.sessions.lower_bound(host));  // the oldest
        if (state.sessions.size() >= sessions_max) {  // one host after the other loses a session
            const auto next = state.sessions.upper_bound(state.evicted);
            const auto victim = next == state.sessions.end() ? state.sessions.begin() : next;
            state.evicted = victim->first;
            state.sessions.erase(victim);
        }
        state.sessions.emplace(host, nullptr)->second.reset(session);
        return true;
    } catch (const std::bad_alloc&) {
        return false;
    }
}

// Called when a client has received a session, in TLS 1.3 once per ticket. Returns 1 if it keeps the session.
int on_session(SSL* connection, SSL_SESSION* session) noexcept {
    const tls_engine* of = tls_engine::engine_of(connection);
    return of && of->keeps_sessions() &&
           add_session(state_of(SSL_get_SSL_CTX(connection)), of->host(), session);
}

ssl_ctx_ptr make_context(const SSL_METHOD* method, const tls::protocol_options& chosen, tls_context& state) {
    ssl_ctx_ptr made(SSL_CTX_new(method));
    if (!made)
        throw std::bad_alloc();
    SSL_CTX* context = made.get();
    SSL_CTX_set_ex_data(context, state_index(), &state);
    if (chosen.most < chosen.least)
        refuse_option("tls: the highest version is lower than the lowest");
    SSL_CTX_set_min_proto_version(context, number_of(chosen.least));
    SSL_CTX_set_max_proto_version(context, number_of(chosen.most));
    SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
    SSL_CTX_set_mode(context,
                     SSL_MODE_RELEASE_BUFFERS | SSL_MODE_NO_AUTO_CHAIN | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    if (!chosen.ciphers.empty() && SSL_CTX_set_cipher_list(context, chosen.ciphers.c_str()) != 1)
        refuse_option("tls: OpenSSL knows no cipher of the list '" + chosen.ciphers + "'");
    if (!chosen.cipher_suites.empty() && SSL_CTX_set_ciphersuites(context, chosen.cipher_suites.c_str()) != 1)
        refuse_option("tls: OpenSSL does not know all cipher suites of the list '" + chosen.cipher_suites +
                      "'");
    if (chosen.key_log)
        SSL_CTX_set_keylog_callback(context, log_key);
    return made;
}

void use_identity(SSL_CTX* context, const tls::identity& own) {
    const auto chain = read_certificates(own.chain, "certificate chain");
    const key_ptr key = read_key(own.key);
    if (SSL_CTX_use_certificate(context, chain.front().get()) != 1)
        throw_failure(tls::error::invalid_certificate, "certificate chain: " + reason_of(ERR_peek_error()));
    for (std::size_t i = 1; i < chain.size(); ++i)
        if (SSL_CTX_add1_chain_cert(context, chain[i].get()) != 1)
            throw_failure(tls::error::invalid_certificate,
                          "certificate chain: " + subject_of(chain[i].get()) + ": " +
                              reason_of(ERR_peek_error()));
    if (X509_check_private_key(chain.front().get(), key.get()) != 1) {
        ERR_clear_error();
        throw_failure(tls::error::key_mismatch, "private key for " + subject_of(chain.front().get()));
    }
    if (SSL_CTX_use_PrivateKey(context, key.get()) != 1)
        throw_failure(tls::error::invalid_certificate, "private key: " + reason_of(ERR_peek_error()));
}

// The certificates and revocation lists by which peers are verified.
struct verifiers {
    verifiers(const tls::pem& issuers, const tls::pem& lists)
        : trusted(issuers.empty() ? std::vector<x509_ptr>()
                                  : read_certificates(issuers, "trusted certificates")),
          revoked(lists.empty() ? std::vector<crl_ptr>() : read_revocations(lists)) {}

    std::vector<x509_ptr> trusted;
    std::vector<crl_ptr> revoked;
};

void verify_by(SSL_CTX* context, const verifiers& all) {
    X509_STORE* store = SSL_CTX_get_cert_store(context);
    // An intermediate certificate can be trusted, too.
    if (!all.trusted.empty())
        X509_STORE_set_flags(store, X509_V_FLAG_PARTIAL_CHAIN);
    for (const x509_ptr& each: all.trusted) {
        X509_STORE_add_cert(store, each.get());
        if (SSL_CTX_get_ssl_method(context) == TLS_server_method())
            SSL_CTX_add_client_CA(context, each.get());  // the server tells clients which issuers it trusts
    }
    for (const crl_ptr& each: all.revoked)
        X509_STORE_add_crl(store, each.get());
    if (!all.revoked.empty())
        X509_STORE_set_flags(store, X509_V_FLAG_CRL_CHECK);
}

// Returns a value that depends on how the server verifies clients. A session is only resumed by a context
// with the same value; otherwise, a client could avoid the verification by a session of another context.
std::array<unsigned char, 32> session_id_of(tls::client_certificates clients, const verifiers& all) {
    std::array<unsigned char, 32> digest{};
    std::string settings = std::to_string(static_cast<int>(clients));
    const auto check = [](int is_digested) {
        if (is_digested != 1)
            throw std::bad_alloc();
    };
    for (const x509_ptr& each: all.trusted) {
        check(X509_digest(each.get(), EVP_sha256(), digest.data(), nullptr));
        settings.append(digest.begin(), digest.end());
    }
    settings += '\n';
    for (const crl_ptr& each: all.revoked) {
        check(X509_CRL_digest(each.get(), EVP_sha256(), digest.data(), nullptr));
        settings.append(digest.begin(), digest.end());
    }
    check(EVP_Digest(settings.data(), settings.size(), digest.data(), nullptr, EVP_sha256(), nullptr));
    return digest;
}

// Makes a server's context for one identity.
ssl_ctx_ptr make_server(const tls::server_context::options& chosen, const tls::identity& own,
                        const verifiers& all, tls_context& state) {
    ssl_ctx_ptr made = make_context(TLS_server_method(), chosen.protocol, state);
    SSL_CTX* context = made.get();
    use_identity(context, own);
    SSL_CTX_set_alpn_select_cb(context, choose_alpn, nullptr);
    SSL_CTX_set_tlsext_servername_callback(context, choose_identity);
    const auto id = session_id_of(chosen.clients, all);
    SSL_CTX_set_session_id_context(context, id.data(), id.size());
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);  // the client keeps the session, as a ticket
    if (!chosen.resumes) {
        SSL_CTX_set_options(context, SSL_OP_NO_TICKET);
        SSL_CTX_set_num_tickets(context, 0);
    }
    use_ticket_keys(context);
    if (chosen.clients == tls::client_certificates::ignored)
        return made;
    verify_by(context, all);
    const bool is_required = chosen.clients == tls::client_certificates::required;
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER | (is_required ? SSL_VERIFY_FAIL_IF_NO_PEER_CERT : 0),
                       tls_engine::note_refused);
    return made;
}

}  // namespace

tls_context& state_of(const SSL_CTX* context) noexcept {
    return *static_cast<tls_context*>(SSL_CTX_get_ex_data(context, state_index()));
}

void resume_session(tls_context& context, SSL* connection, const std::string& host) noexcept {
    if (!context.resumes)
        return;
    const std::lock_guard held(context.lock);
    // Takes the newest session of the host.
    for (auto found = context.sessions.upper_bound(host); found != context.sessions.begin();) {
        --found;
        if (found->first != host)
            return;
        if (!SSL_SESSION_is_resumable(found->second.get())) {
            found = context.sessions.erase(found);
            continue;
        }
        SSL_set_session(connection, found->second.get());
        if (SSL_SESSION_get_protocol_version(found->second.get()) >= TLS1_3_VERSION)
            context.sessions.erase(found);  // so that no two connections can be linked by their ticket
        return;
    }
}

void keep_renewed_session(tls_context& context, SSL* connection, const std::string& host) noexcept {
    SSL_SESSION* session = SSL_get1_session(connection);
    if (!context.resumes || !session || !add_session(context, host, session))
        SSL_SESSION_free(session);
}

}  // namespace detail

namespace tls {

client_context::client_context(const options& chosen) : state_(std::make_shared<detail::tls_context>()) {
    detail::tls_context& state = *state_;
    state.key_log = chosen.protocol.key_log;
    state.resumes = chosen.resumes;
    state.alpn = detail::alpn_format(chosen.protocol.alpn);
    state.context = detail::make_context(TLS_client_method(), chosen.protocol, state);
    SSL_CTX* context = state.context.get();
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER, detail::tls_engine::note_refused);
    if (chosen.trusted.empty())
        SSL_CTX_set_default_verify_paths(context);
    detail::verify_by(context, detail::verifiers(chosen.trusted, chosen.revoked));
    if (!chosen.own.chain.empty() || !chosen.own.key.empty())
        detail::use_identity(context, chosen.own);
    const auto alpn_size = static_cast<unsigned>(state.alpn.size());
    if (alpn_size > 0 && SSL_CTX_set_alpn_protos(context, state.alpn.data(), alpn_size) != 0)
        throw std::bad_alloc();
    if (state.resumes) {
        SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
        SSL_CTX_sess_set_new_cb(context, detail::on_session);
    }
}

ssl_ctx_st* client_context::native_handle() const noexcept { return state_->context.get(); }

server_context::server_context(const options& chosen) : state_(std::make_shared<detail::tls_context>()) {
    detail::tls_context& state = *state_;
    if (chosen.own.empty())
        detail::refuse_option("tls: a server needs a certificate and a key (server_context::options::own)");
    const bool verifies = chosen.clients != client_certificates::ignored;
    if (verifies && chosen.trusted.empty())
        detail::refuse_option(
            "tls: to verify clients, a server needs their issuers (server_context::options::trusted)");
    if (!verifies && !(chosen.trusted.empty() && chosen.revoked.empty()))
        detail::refuse_option("tls: a server that ignores certificates of clients cannot use `trusted` or "
                              "`revoked`; set server_context::options::clients");
    state.key_log = chosen.protocol.key_log;
    state.unknown = chosen.unknown;
    state.tickets = chosen.tickets.state();
    state.alpn = detail::alpn_format(chosen.protocol.alpn);
    const detail::verifiers all(chosen.trusted, chosen.revoked);
    for (const identity& each: chosen.own) {
        detail::ssl_ctx_ptr made = detail::make_server(chosen, each, all, state);
        if (!state.context)
            state.context = std::move(made);
        else
            state.others.push_back(std::move(made));
    }
}

ssl_ctx_st* server_context::native_handle() const noexcept { return state_->context.get(); }

}  // namespace tls

}  // namespace coil::COIL_ABI
