// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#include "tls/authority.hpp"

#include <stdexcept>

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

namespace coil::COIL_ABI::test {

struct authority::pair {
    X509* certificate = nullptr;
    EVP_PKEY* key = nullptr;

    pair() = default;
    pair(const pair&) = delete;
    pair& operator=(const pair&) = delete;
    ~pair() {
        X509_free(certificate);
        EVP_PKEY_free(key);
    }
};

namespace {

void require(bool worked) {
    if (!worked)
        throw std::runtime_error("OpenSSL cannot make a certificate for a test");
}

template <class Write>
std::string pem_of(Write write) {
    BIO* bio = BIO_new(BIO_s_mem());
    require(bio && write(bio) == 1);
    char* text = nullptr;
    const long size = BIO_get_mem_data(bio, &text);
    std::string made(text, static_cast<std::size_t>(size));
    BIO_free(bio);
    return made;
}

void extend(X509* certificate, X509* issuer, int kind, const std::string& value) {
    if (value.empty())
        return;
    X509V3_CTX context;
    X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
    X509_EXTENSION* made = X509V3_EXT_conf_nid(nullptr, &context, kind, value.c_str());
    require(made && X509_add_ext(certificate, made, -1) == 1);
    X509_EXTENSION_free(made);
}

std::string pem_of(X509* certificate) {
    return pem_of([&](BIO* bio) { return PEM_write_bio_X509(bio, certificate); });
}
std::string pem_of(EVP_PKEY* key) {
    return pem_of(
        [&](BIO* bio) { return PEM_write_bio_PrivateKey(bio, key, nullptr, nullptr, 0, nullptr, nullptr); });
}

// Makes a certificate that `issuer` signs, or that is self-signed if `issuer` is null.
template <class Pair>
void make(Pair& into, const certificate_request& wanted, const Pair* issuer) {
    static long serial = 1;
    into.key = EVP_EC_gen("P-256");
    into.certificate = X509_new();
    require(into.key && into.certificate);
    X509* made = into.certificate;
    X509_set_version(made, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(made), serial++);
    X509_gmtime_adj(X509_getm_notBefore(made), wanted.begins);
    X509_gmtime_adj(X509_getm_notAfter(made), wanted.ends);
    X509_set_pubkey(made, into.key);
    X509_NAME* name = X509_get_subject_name(made);
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8,
                               reinterpret_cast<const unsigned char*>(wanted.subject.c_str()), -1, -1, 0);
    X509* const by = issuer ? issuer->certificate : made;
    X509_set_issuer_name(made, X509_get_subject_name(by));
    extend(made, by, NID_basic_constraints, wanted.is_authority ? "critical,CA:TRUE" : "CA:FALSE");
    extend(made, by, NID_subject_key_identifier, "hash");
    extend(made, by, NID_subject_alt_name, wanted.names);
    extend(made, by, NID_ext_key_usage, wanted.purpose);
    require(X509_sign(made, issuer ? issuer->key : into.key, EVP_sha256()) > 0);
}

certificate_request authority_named(const std::string& name) {
    certificate_request wanted;
    wanted.subject = name;
    wanted.names.clear();
    wanted.is_authority = true;
    return wanted;
}

}  // namespace

authority::authority(const std::string& name) : own_(std::make_unique<pair>()) {
    make<pair>(*own_, authority_named(name), nullptr);
    certificate_ = pem_of(own_->certificate);
}
authority::authority(const std::string& name, const authority& issuer) : own_(std::make_unique<pair>()) {
    make<pair>(*own_, authority_named(name), issuer.own_.get());
    certificate_ = pem_of(own_->certificate);
}
authority::authority(authority&&) noexcept = default;
authority::~authority() = default;

tls::identity authority::issue(const certificate_request& wanted) const {
    pair made;
    make<pair>(made, wanted, own_.get());
    return {tls::pem::text(pem_of(made.certificate)), tls::pem::text(pem_of(made.key))};
}

tls::identity authority::self_signed(const certificate_request& wanted) {
    pair made;
    make<pair>(made, wanted, nullptr);
    return {tls::pem::text(pem_of(made.certificate)), tls::pem::text(pem_of(made.key))};
}

std::string authority::revoke(const tls::identity& issued) const {
    BIO* bio = BIO_new_mem_buf(issued.chain.value().data(), static_cast<int>(issued.chain.value().size()));
    X509* certificate = PEM_read_bio_X509(bio, nullptr, nullptr, nullptr);
    X509_CRL* list = X509_CRL_new();
    ASN1_TIME* now = X509_gmtime_adj(nullptr, -60);
    ASN1_TIME* next = X509_gmtime_adj(nullptr, 86400);
    X509_REVOKED* entry = X509_REVOKED_new();
    require(certificate && list && now && next && entry);
    X509_CRL_set_version(list, 1);
    X509_CRL_set_issuer_name(list, X509_get_subject_name(own_->certificate));
    X509_CRL_set1_lastUpdate(list, now);
    X509_CRL_set1_nextUpdate(list, next);
    X509_REVOKED_set_serialNumber(entry, X509_get_serialNumber(certificate));
    X509_REVOKED_set_revocationDate(entry, now);
    X509_CRL_add0_revoked(list, entry);
    require(X509_CRL_sign(list, own_->key, EVP_sha256()) > 0);
    const std::string made = pem_of([&](BIO* into) { return PEM_write_bio_X509_CRL(into, list); });
    X509_CRL_free(list);
    ASN1_TIME_free(now);
    ASN1_TIME_free(next);
    X509_free(certificate);
    BIO_free(bio);
    return made;
}

tls::client_context authority::client(tls::client_context::options chosen) const {
    if (chosen.trusted.empty())
        chosen.trusted = tls::pem::text(certificate_);
    return tls::client_context(chosen);
}

tls::server_context authority::server(tls::server_context::options chosen) const {
    if (chosen.own.empty())
        chosen.own = {issue()};
    return tls::server_context(chosen);
}

const authority& trusted_authority() {
    static const authority made;
    return made;
}

const tls_contexts& usual_contexts() {
    static const tls_contexts made(trusted_authority());
    return made;
}

}  // namespace coil::COIL_ABI::test
