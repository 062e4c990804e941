// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#include <algorithm>
#include <new>
#include <system_error>

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <openssl/rand.h>

#include <coil/base/error.hpp>
#include <coil/tls/context.hpp>

#include "tls/certificates.hpp"
#include "tls/context_state.hpp"

namespace coil::COIL_ABI {
namespace detail {
namespace {

constexpr std::chrono::hours lifetime_max{24 * 365};

tls_ticket_keys::keys random_keys() {
    tls_ticket_keys::keys made{};
    auto* bytes = reinterpret_cast<unsigned char*>(&made);
    if (RAND_bytes(bytes, sizeof made) != 1)
        throw_failure(std::make_error_code(std::errc::io_error),
                      "tls: keys for tickets: " + reason_of(ERR_get_error()));
    return made;
}

// Sets up the cipher and the signature of a ticket. Returns false if OpenSSL refuses.
bool set_up(const tls_ticket_keys::keys& with, const unsigned char* iv, EVP_CIPHER_CTX* cipher,
            EVP_MAC_CTX* mac, bool encrypts) noexcept {
    char digest[] = "SHA256";
    auto* key = const_cast<unsigned char*>(with.signature.data());  // OpenSSL does not change it
    const OSSL_PARAM parameters[] = {
        OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_KEY, key, with.signature.size()),
        OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
        OSSL_PARAM_construct_end(),
    };
    return EVP_MAC_CTX_set_params(mac, parameters) == 1 &&
           EVP_CipherInit_ex(cipher, EVP_aes_256_cbc(), nullptr, with.secret.data(), iv, encrypts) == 1;
}

// OpenSSL's callback for tickets. Returns 0 if the ticket cannot be used, 1 if it can, 2 if the client should
// also get a new one, and a negative number on an error.
int on_ticket(SSL* connection, unsigned char* name, unsigned char* iv, EVP_CIPHER_CTX* cipher,
              EVP_MAC_CTX* mac, int encrypts) noexcept {
    tls_ticket_keys& all = *state_of(SSL_get_SSL_CTX(connection)).tickets;
    try {
        if (encrypts) {
            const tls_ticket_keys::keys with = all.current();
            std::copy(with.name.begin(), with.name.end(), name);
            return RAND_bytes(iv, EVP_MAX_IV_LENGTH) == 1 && set_up(with, iv, cipher, mac, true) ? 1 : -1;
        }
        tls_ticket_keys::keys with{};
        const auto age = all.find(name, with);
        if (age == tls_ticket_keys::age::unknown)
            return 0;
        if (!set_up(with, iv, cipher, mac, false))
            return -1;
        // In TLS 1.3, each connection uses its ticket once, so the client always needs a new one.
        const bool renews =
            age == tls_ticket_keys::age::previous || SSL_version(connection) >= TLS1_3_VERSION;
        return renews ? 2 : 1;
    } catch (const std::exception&) {
        return encrypts ? -1 : 0;
    }
}

}  // namespace

tls_ticket_keys::tls_ticket_keys(std::chrono::seconds lifetime)
    : lifetime_(std::min<std::chrono::seconds>(lifetime, lifetime_max)),
      made_(clock::now()),
      current_(random_keys()),
      previous_(random_keys()) {}

tls_ticket_keys::~tls_ticket_keys() {
    OPENSSL_cleanse(&current_, sizeof current_);
    OPENSSL_cleanse(&previous_, sizeof previous_);
}

void tls_ticket_keys::rotate() {
    const keys fresh = random_keys();
    const std::lock_guard held(lock_);
    replace(fresh);
}

tls_ticket_keys::keys tls_ticket_keys::current() {
    const std::lock_guard held(lock_);
    replace_if_old();
    return current_;
}

tls_ticket_keys::age tls_ticket_keys::find(const unsigned char* name, keys& found) {
    const std::lock_guard held(lock_);
    replace_if_old();
    const auto has_name = [&](const keys& each) {
        return std::equal(each.name.begin(), each.name.end(), name);
    };
    if (has_name(current_)) {
        found = current_;
        return age::current;
    }
    if (has_name(previous_)) {
        found = previous_;
        return age::previous;
    }
    return age::unknown;
}

void tls_ticket_keys::replace(const keys& by) noexcept {
    previous_ = current_;
    current_ = by;
    made_ = clock::now();
}

void tls_ticket_keys::replace_if_old() {
    const auto now = clock::now();
    if (now - made_ < lifetime_)
        return;
    if (now - made_ >= 2 * lifetime_)
        current_ = random_keys();  // too old to be the previous keys
    replace(random_keys());
}

void use_ticket_keys(SSL_CTX* context) noexcept { SSL_CTX_set_tlsext_ticket_key_evp_cb(context, on_ticket); }

}  // namespace detail

namespace tls {

ticket_keys::ticket_keys(std::chrono::seconds lifetime)
    : state_(std::make_shared<detail::tls_ticket_keys>(lifetime)) {}

void ticket_keys::rotate() { state_->rotate(); }

}  // namespace tls

}  // namespace coil::COIL_ABI
