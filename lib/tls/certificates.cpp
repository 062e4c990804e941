// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#include "tls/certificates.hpp"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <ctime>
#include <new>
#include <utility>

#include <arpa/inet.h>
#include <fcntl.h>
#include <unistd.h>

#include <openssl/err.h>
#include <openssl/x509v3.h>

#include <coil/base/error.hpp>
#include <coil/base/unique_descriptor.hpp>
#include <coil/tls/engine.hpp>

namespace coil::COIL_ABI::detail {
namespace {

using bio_ptr = std::unique_ptr<BIO, free_by<BIO_free_all>>;
// A file of certificates or keys is not larger than this.
constexpr std::size_t file_max = 16 << 20;

std::string file_contents(const std::string& path, const char* purpose) {
    // O_NONBLOCK, because the path may be that of a named pipe.
    const unique_descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
    std::string text;
    char part[16384];
    ssize_t n = file ? 1 : -1;
    while (n > 0 && text.size() <= file_max) {
        do
            n = ::read(file.get(), part, sizeof part);
        while (n < 0 && errno == EINTR);
        text.append(part, static_cast<std::size_t>(std::max<ssize_t>(n, 0)));
    }
    if (n < 0 || text.size() > file_max)
        throw_failure(system_error_code(n < 0 ? errno : EFBIG),
                      std::string(purpose) + ": cannot read " + path);
    return text;
}

std::string contents_of(const tls::pem& from, const char* purpose) {
    return from.is_file() ? file_contents(from.value(), purpose) : from.value();
}

std::string place_of(const tls::pem& from, const char* purpose) {
    return std::string(purpose) + ": " + (from.is_file() ? from.value() : "the text in memory");
}

bio_ptr reader_of(const std::string& text) {
    bio_ptr made(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
    if (!made)
        throw std::bad_alloc();
    return made;
}

// Reads all objects of one kind. Throws if there is none, or if one of them is damaged.
template <class Pointer, class Read>
std::vector<Pointer> read_all(const tls::pem& from, const char* purpose, Read read_one) {
    const std::string text = contents_of(from, purpose);
    const bio_ptr bio = reader_of(text);
    std::vector<Pointer> found;
    ERR_clear_error();
    const auto refuse = [](char*, int, int, void*) { return -1; };  // OpenSSL must not ask for a passphrase
    while (auto* next = read_one(bio.get(), nullptr, refuse, nullptr))
        found.emplace_back(next);
    const unsigned long entry = ERR_peek_last_error();
    const bool is_at_end = ERR_GET_LIB(entry) == ERR_LIB_PEM && ERR_GET_REASON(entry) == PEM_R_NO_START_LINE;
    ERR_clear_error();
    if (found.empty())
        throw_failure(tls::error::not_pem, place_of(from, purpose));
    if (!is_at_end)
        throw_failure(tls::error::not_pem,
                      place_of(from, purpose) + ", part " + std::to_string(found.size() + 1));
    return found;
}

template <class Print>
std::string printed(Print print) {
    const bio_ptr bio(BIO_new(BIO_s_mem()));
    if (!bio)
        throw std::bad_alloc();
    print(bio.get());
    char* text = nullptr;
    const long size = BIO_get_mem_data(bio.get(), &text);
    return size > 0 ? std::string(text, static_cast<std::size_t>(size)) : std::string();
}

std::string name_text(const X509_NAME* name) {
    // The names that people read are in UTF-8, so their bytes are not escaped.
    constexpr unsigned long format = XN_FLAG_RFC2253 & ~static_cast<unsigned long>(ASN1_STRFLGS_ESC_MSB);
    return printed([&](BIO* bio) { X509_NAME_print_ex(bio, name, 0, format); });
}

std::string address_text(const ASN1_OCTET_STRING* address) {
    char text[INET6_ADDRSTRLEN];
    const int family = ASN1_STRING_length(address) == 4 ? AF_INET : AF_INET6;
    const bool is_address = ASN1_STRING_length(address) == 4 || ASN1_STRING_length(address) == 16;
    return is_address && ::inet_ntop(family, ASN1_STRING_get0_data(address), text, sizeof text) ? text : "";
}

std::vector<std::string> names_in(const X509* certificate) {
    std::vector<std::string> names;
    const std::unique_ptr<GENERAL_NAMES, free_by<GENERAL_NAMES_free>> all(
        static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr)));
    for (int i = 0; all && i < sk_GENERAL_NAME_num(all.get()); ++i) {
        const GENERAL_NAME* each = sk_GENERAL_NAME_value(all.get(), i);
        if (each->type == GEN_DNS)
            names.emplace_back(reinterpret_cast<const char*>(ASN1_STRING_get0_data(each->d.dNSName)),
                               static_cast<std::size_t>(ASN1_STRING_length(each->d.dNSName)));
        else if (each->type == GEN_IPADD)
            names.push_back(address_text(each->d.iPAddress));
    }
    return names;
}

std::chrono::system_clock::time_point time_of(const ASN1_TIME* time) {
    using clock = std::chrono::system_clock;
    std::tm parts{};
    ASN1_TIME_to_tm(time, &parts);
    // Certificates that never end have the year 9999, which is out of the clock's range.
    constexpr auto least =
        std::chrono::ceil<std::chrono::seconds>(clock::time_point::min().time_since_epoch());
    constexpr auto most =
        std::chrono::floor<std::chrono::seconds>(clock::time_point::max().time_since_epoch());
    const std::chrono::seconds seconds(::timegm(&parts));
    return clock::time_point(std::clamp(seconds, least, most));
}

std::string hexadecimal(const unsigned char* bytes, std::size_t size) {
    static constexpr char digits[] = "0123456789abcdef";
    std::string text;
    for (std::size_t i = 0; i < size; ++i)
        text.append({digits[bytes[i] >> 4], digits[bytes[i] & 15]});
    return text;
}

}  // namespace

std::vector<x509_ptr> read_certificates(const tls::pem& from, const char* purpose) {
    return read_all<x509_ptr>(from, purpose, PEM_read_bio_X509);
}

std::vector<crl_ptr> read_revocations(const tls::pem& from) {
    return read_all<crl_ptr>(from, "certificate revocation list", PEM_read_bio_X509_CRL);
}

key_ptr read_key(const tls::pem& from) {
    const char* const purpose = "private key";
    const std::string text = contents_of(from, purpose);
    const bio_ptr bio = reader_of(text);
    bool is_encrypted = false;
    const auto refuse = [](char*, int, int, void* flag) {
        *static_cast<bool*>(flag) = true;
        return -1;
    };
    ERR_clear_error();
    key_ptr key(PEM_read_bio_PrivateKey(bio.get(), nullptr, refuse, &is_encrypted));
    ERR_clear_error();
    if (!key)
        throw_failure(is_encrypted ? tls::error::encrypted_key : tls::error::not_pem,
                      place_of(from, purpose));
    return key;
}

std::string subject_of(const X509* certificate) { return name_text(X509_get_subject_name(certificate)); }

tls::certificate description_of(const X509* certificate) {
    const ASN1_INTEGER* serial = X509_get0_serialNumber(certificate);
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned digest_size = 0;
    X509_digest(certificate, EVP_sha256(), digest, &digest_size);
    return {
        .subject = subject_of(certificate),
        .issuer = name_text(X509_get_issuer_name(certificate)),
        .serial =
            hexadecimal(ASN1_STRING_get0_data(serial), static_cast<std::size_t>(ASN1_STRING_length(serial))),
        .names = names_in(certificate),
        .begins = time_of(X509_get0_notBefore(certificate)),
        .ends = time_of(X509_get0_notAfter(certificate)),
        .fingerprint = hexadecimal(digest, digest_size),
        .pem = printed([&](BIO* bio) { PEM_write_bio_X509(bio, certificate); }),
    };
}

tls::error::code code_of_verification(long result) noexcept {
    switch (result) {
    case X509_V_ERR_CERT_HAS_EXPIRED: return tls::error::certificate_expired;
    case X509_V_ERR_CERT_NOT_YET_VALID: return tls::error::certificate_not_yet_valid;
    case X509_V_ERR_CERT_REVOKED: return tls::error::certificate_revoked;
    case X509_V_ERR_HOSTNAME_MISMATCH:
    case X509_V_ERR_IP_ADDRESS_MISMATCH: return tls::error::wrong_host;
    case X509_V_ERR_INVALID_PURPOSE: return tls::error::wrong_purpose;
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN: return tls::error::self_signed;
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE: return tls::error::unknown_issuer;
    default: return tls::error::invalid_certificate;
    }
}

std::error_code code_of(unsigned long entry, bool is_connected) noexcept {
    if (ERR_SYSTEM_ERROR(entry))
        return system_error_code(ERR_GET_REASON(entry));
    return is_connected ? tls::error::protocol_error : tls::error::handshake_failed;
}

std::string reason_of(unsigned long entry) {
    const char* text = ERR_reason_error_string(entry);
    std::string reason = text ? text : "no reason given";
    if (ERR_GET_LIB(entry) != ERR_LIB_SSL)
        return reason;
    switch (ERR_GET_REASON(entry)) {
    case SSL_R_WRONG_VERSION_NUMBER:
    case SSL_R_HTTP_REQUEST:
    case SSL_R_HTTPS_PROXY_REQUEST: reason += " (the peer does not use TLS on this port)"; break;
    default: break;
    }
    return reason;
}

}  // namespace coil::COIL_ABI::detail
