// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#pragma once

#include <memory>
#include <stdexcept>
#include <string>

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

namespace compare {

template <auto Free>
struct free_by {
    template <class T>
    void operator()(T* object) const noexcept {
        Free(object);
    }
};

using ssl_ptr = std::unique_ptr<SSL, free_by<SSL_free>>;
using ssl_ctx_ptr = std::unique_ptr<SSL_CTX, free_by<SSL_CTX_free>>;

/// If `holds` is false, throws an exception with `what`. OpenSSL's functions do not set errno.
inline void check_tls(bool holds, const char* what) {
    if (!holds)
        throw std::runtime_error(std::string(what) + " failed in OpenSSL");
}

/// A self-signed certificate for ECDSA with P-256, and its key, in PEM format.
struct server_identity {
    std::string certificate;
    std::string key;
};

namespace detail {

template <class Write>
std::string pem_text(Write write) {
    const std::unique_ptr<BIO, free_by<BIO_free>> bio(BIO_new(BIO_s_mem()));
    check_tls(bio && write(bio.get()) == 1, "a PEM text");
    char* text = nullptr;
    const long size = BIO_get_mem_data(bio.get(), &text);
    return {text, static_cast<std::size_t>(size)};
}

}  // namespace detail

/// Makes a new certificate. The clients of the load generator do not verify it.
inline server_identity make_identity() {
    const std::unique_ptr<EVP_PKEY, free_by<EVP_PKEY_free>> key(EVP_EC_gen("P-256"));
    const std::unique_ptr<X509, free_by<X509_free>> made(X509_new());
    check_tls(key && made, "a key");
    X509_set_version(made.get(), 2);
    ASN1_INTEGER_set(X509_get_serialNumber(made.get()), 1);
    X509_gmtime_adj(X509_getm_notBefore(made.get()), -3600);
    X509_gmtime_adj(X509_getm_notAfter(made.get()), 24 * 3600);
    X509_set_pubkey(made.get(), key.get());
    X509_NAME* name = X509_get_subject_name(made.get());
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, reinterpret_cast<const unsigned char*>("localhost"),
                               -1, -1, 0);
    X509_set_issuer_name(made.get(), name);
    check_tls(X509_sign(made.get(), key.get(), EVP_sha256()) > 0, "X509_sign");
    return {detail::pem_text([&](BIO* bio) { return PEM_write_bio_X509(bio, made.get()); }),
            detail::pem_text([&](BIO* bio) {
                return PEM_write_bio_PrivateKey(bio, key.get(), nullptr, nullptr, 0, nullptr, nullptr);
            })};
}

}  // namespace compare
