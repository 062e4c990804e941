// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#include <coil/tls/engine.hpp>

#include <algorithm>
#include <arpa/inet.h>
#include <climits>
#include <cstring>
#include <new>
#include <utility>

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <coil/base/error.hpp>
#include <coil/tls/error.hpp>

#include "tls/certificates.hpp"
#include "tls/context_state.hpp"

namespace coil::COIL_ABI::detail {

/// The BIO between OpenSSL and an engine's buffers.
struct buffer_bio {
    static int read(BIO* bio, char* into, int size) noexcept {
        tls_engine& of = *static_cast<tls_engine*>(BIO_get_data(bio));
        BIO_clear_retry_flags(bio);
        if (of.input_.empty()) {
            BIO_set_retry_read(bio);
            return -1;
        }
        const std::size_t n = std::min(of.input_.size(), static_cast<std::size_t>(size));
        std::memcpy(into, of.input_.data(), n);
        of.input_ += n;
        return static_cast<int>(n);
    }
    static int write(BIO* bio, const char* from, int size) noexcept {
        tls_engine& of = *static_cast<tls_engine*>(BIO_get_data(bio));
        BIO_clear_retry_flags(bio);
        const auto* bytes = reinterpret_cast<const std::byte*>(from);
        try {
            of.queued_.insert(of.queued_.end(), bytes, bytes + size);
        } catch (const std::bad_alloc&) {
            of.lacks_memory_ = true;
            return -1;
        }
        of.queued_total_ += static_cast<std::uint64_t>(size);
        if (of.is_established_ && !of.is_writing_)
            of.answers_ += static_cast<std::uint32_t>(size);
        return size;
    }
    static long control(BIO*, int command, long, void*) noexcept { return command == BIO_CTRL_FLUSH ? 1 : 0; }
    static int create(BIO* bio) noexcept {
        BIO_set_init(bio, 1);
        return 1;
    }

    static int type() {
        static const int made = BIO_get_new_index() | BIO_TYPE_SOURCE_SINK;
        return made;
    }
    static const BIO_METHOD* method() {
        static BIO_METHOD* const made = [] {
            BIO_METHOD* fresh = BIO_meth_new(type(), "coil");
            if (fresh) {
                BIO_meth_set_read(fresh, read);
                BIO_meth_set_write(fresh, write);
                BIO_meth_set_ctrl(fresh, control);
                BIO_meth_set_create(fresh, create);
            }
            return fresh;
        }();
        return made;
    }
};

namespace {

// One SSL_write() makes one record of at most this number of bytes.
constexpr std::size_t record_max = 16384;
// The bytes that a record has besides its plaintext, at most: header, nonce, padding and tag.
constexpr std::size_t record_overhead = 96;

// OpenSSL takes an error in its queue for the error of the next call. Clearing an empty queue is expensive.
void clear_errors() noexcept {
    if (ERR_peek_error() != 0)
        ERR_clear_error();
}

bool is_ip_address(const std::string& host) noexcept {
    in6_addr address{};
    if (host.find('\0') != std::string::npos)
        return false;
    return ::inet_pton(AF_INET, host.c_str(), &address) == 1 ||
           ::inet_pton(AF_INET6, host.c_str(), &address) == 1;
}

}  // namespace

tls_engine::tls_engine(std::shared_ptr<tls_context> context, role side, std::string host, bool verifies)
    : context_(std::move(context)), verifies_(verifies) {
    if (host.size() > 1 && host.ends_with('.'))
        host.pop_back();  // certificates contain names without the dot at the end
    if (!host.empty())
        make_texts().host = std::move(host);
    BIO* bio = buffer_bio::method() ? BIO_new(buffer_bio::method()) : nullptr;
    ssl_ = bio ? SSL_new(context_->context.get()) : nullptr;
    if (!ssl_) {
        BIO_free(bio);
        throw std::bad_alloc();
    }
    BIO_set_data(bio, this);
    SSL_set_bio(ssl_, bio, bio);
    if (side == role::server) {
        SSL_set_accept_state(ssl_);
        return;
    }
    SSL_set_connect_state(ssl_);
    if (texts_)
        ask_for_host();
    if (!verifies) {
        SSL_set_verify(ssl_, SSL_VERIFY_NONE, nullptr);
        return;
    }
    resume_session(*context_, ssl_, this->host());
}

// OpenSSL spoils the session of a connection that ends without a shutdown, although the session is as good as
// before.
tls_engine::~tls_engine() {
    if (ssl_ && !has_failed())
        SSL_set_shutdown(ssl_, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
    SSL_free(ssl_);
}

tls_engine::texts& tls_engine::make_texts() {
    if (!texts_)
        texts_ = std::make_unique<texts>();
    return *texts_;
}

tls_engine* tls_engine::engine_of(const SSL* connection) noexcept {
    BIO* bio = SSL_get_rbio(connection);
    const bool is_ours = bio && BIO_method_type(bio) == buffer_bio::type();
    return is_ours ? static_cast<tls_engine*>(BIO_get_data(bio)) : nullptr;
}

const tls_engine::texts& tls_engine::known_texts() const noexcept {
    static const texts none;
    return texts_ ? *texts_ : none;
}

// The name is sent to the server, and its certificate must contain the name. An IP address is not sent.
void tls_engine::ask_for_host() {
    const std::string& host = texts_->host;
    X509_VERIFY_PARAM* wanted = SSL_get0_param(ssl_);
    // As browsers do: a name in the subject (CN) does not count, and a wildcard stands for a whole label.
    X509_VERIFY_PARAM_set_hostflags(wanted, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS |
                                                X509_CHECK_FLAG_NEVER_CHECK_SUBJECT);
    const bool is_address = is_ip_address(host);
    // OpenSSL would take a name that begins with a dot for all subdomains.
    const bool is_name = host.find('\0') == std::string::npos && !host.starts_with('.');
    const bool is_set = is_address
                            ? X509_VERIFY_PARAM_set1_ip_asc(wanted, host.c_str()) == 1
                            : is_name && X509_VERIFY_PARAM_set1_host(wanted, host.data(), host.size()) == 1 &&
                                  SSL_set_tlsext_host_name(ssl_, host.c_str()) == 1;
    if (is_set)
        return;
    ERR_clear_error();
    SSL_free(std::exchange(ssl_, nullptr));
    throw_failure(std::make_error_code(std::errc::invalid_argument),
                  "tls: '" + host + "' is not the name of a host");
}

tls_engine::state tls_engine::handshake() noexcept {
    if (has_failed())
        return state::failed;
    clear_errors();
    const state reached = examine(SSL_do_handshake(ssl_));
    is_established_ = reached == state::done;
    if (is_established_ && keeps_sessions() && session_resumed() && version() == tls::version::tls_1_2)
        keep_renewed_session(*context_, ssl_, host());
    return reached;
}

tls_engine::state tls_engine::read(mutable_buffers into, std::size_t& bytes) noexcept {
    const state reached = read_records(into, bytes);
    send_close_notify();
    return reached;
}

tls_engine::state tls_engine::read_records(mutable_buffers into, std::size_t& bytes) noexcept {
    bytes = 0;
    for (mutable_buffer rest: into) {
        while (!rest.empty()) {
            if (has_failed())
                return state::failed;
            if (is_drained_)
                return state::needs_input;
            clear_errors();
            std::size_t n = 0;
            const int returned = SSL_read_ex(ssl_, rest.data(), rest.size(), &n);
            if (returned != 1) {
                const state reached = examine(returned);
                is_drained_ = reached == state::needs_input;
                return reached;
            }
            bytes += n;
            rest += n;
            is_drained_ = input_.empty() && SSL_has_pending(ssl_) == 0;
        }
    }
    return state::done;
}

tls_engine::state tls_engine::peek() noexcept {
    if (has_failed())
        return state::failed;
    if (is_drained_)
        return state::needs_input;
    clear_errors();
    char byte = 0;
    std::size_t n = 0;
    const state reached = examine(SSL_peek_ex(ssl_, &byte, 1, &n));
    send_close_notify();
    return reached;
}

tls_engine::state tls_engine::write(const_buffers from, std::size_t max, std::size_t& bytes) noexcept {
    bytes = 0;
    state reached = state::done;
    try {
        const std::size_t size = std::min(total_size(from), max);
        const std::size_t records = (size + record_max - 1) / record_max;
        queued_.reserve(queued_.size() + size + records * record_overhead);
        std::vector<std::byte> joined;  // the beginning of a record, from several buffers
        for (const_buffer rest: from) {
            rest = rest.first(size - bytes - joined.size());
            while (!rest.empty() && reached == state::done) {
                const std::size_t free = std::min(record_max - joined.size(), size - bytes - joined.size());
                if (joined.empty() && rest.size() >= free) {
                    reached = write_record(rest.first(free), bytes);
                    rest += free;
                    continue;
                }
                const const_buffer part = rest.first(free);
                const auto* begin = static_cast<const std::byte*>(part.data());
                joined.insert(joined.end(), begin, begin + part.size());
                rest += part.size();
                if (part.size() == free) {
                    reached = write_record(joined, bytes);
                    joined.clear();
                }
            }
            if (reached != state::done)
                break;
        }
    } catch (const std::bad_alloc&) {
        lacks_memory_ = lacks_memory_ || bytes == 0;
        reached = state::failed;
    }
    return bytes > 0 ? state::done : reached;
}

// Encrypts a record, or several if the peer accepts only short ones. Adds the size to `bytes`.
tls_engine::state tls_engine::write_record(const_buffer from, std::size_t& bytes) noexcept {
    if (has_failed())
        return state::failed;
    clear_errors();
    std::size_t n = 0;
    is_writing_ = true;
    const int returned = SSL_write_ex(ssl_, from.data(), from.size(), &n);
    is_writing_ = false;
    bytes += n;
    return examine(returned);
}

void tls_engine::shut_down() noexcept {
    is_shut_down_ = true;
    send_close_notify();
}

bool tls_engine::owes_close_notify() const noexcept {
    return is_shut_down_ && is_established_ && !has_failed() && !(SSL_get_shutdown(ssl_) & SSL_SENT_SHUTDOWN);
}

// Does nothing if OpenSSL has received only a part of a message. OpenSSL completes a message of its own
// first.
void tls_engine::send_close_notify() noexcept {
    if (!owes_close_notify())
        return;
    clear_errors();
    if (SSL_in_init(ssl_) == 0 || SSL_do_handshake(ssl_) == 1)
        SSL_shutdown(ssl_);
    clear_errors();
}

bool tls_engine::has_received_close_notify() const noexcept {
    return SSL_get_shutdown(ssl_) & SSL_RECEIVED_SHUTDOWN;
}

const_buffer tls_engine::output() noexcept {
    if (sent_ == sending_.size()) {
        sending_.clear();
        sent_ = 0;
        std::swap(sending_, queued_);
    }
    return {sending_.data() + sent_, sending_.size() - sent_};
}

void tls_engine::sent(std::size_t bytes) noexcept {
    sent_ += static_cast<std::uint32_t>(bytes);
    sent_total_ += bytes;
    if (unsent() > 0)
        return;
    std::vector<std::byte>().swap(sending_);  // an idle connection holds no buffer
    std::vector<std::byte>().swap(queued_);
    sent_ = 0;
    answers_ = 0;
}

bool tls_engine::sends_tickets() const noexcept {
    return SSL_is_server(ssl_) == 1 && SSL_version(ssl_) >= TLS1_3_VERSION;
}

std::string_view tls_engine::alpn() const noexcept {
    const unsigned char* name = nullptr;
    unsigned size = 0;
    SSL_get0_alpn_selected(ssl_, &name, &size);
    return {reinterpret_cast<const char*>(name), size};
}

std::string_view tls_engine::cipher() const noexcept {
    const char* name = SSL_get_cipher_name(ssl_);
    return name ? name : "";
}

std::string_view tls_engine::server_name() const noexcept {
    const char* name = SSL_get_servername(ssl_, TLSEXT_NAMETYPE_host_name);
    return name ? name : "";
}

tls::version tls_engine::version() const noexcept {
    return SSL_version(ssl_) == TLS1_2_VERSION ? tls::version::tls_1_2 : tls::version::tls_1_3;
}

bool tls_engine::session_resumed() const noexcept { return SSL_session_reused(ssl_) == 1; }

std::vector<tls::certificate> tls_engine::peer_certificates() const {
    std::vector<tls::certificate> all;
    X509* own = SSL_get0_peer_certificate(ssl_);
    if (!own)
        return all;
    all.push_back(description_of(own));
    // On a server, the chain does not contain the client's own certificate.
    const STACK_OF(X509)* chain = SSL_get_peer_cert_chain(ssl_);
    for (int i = SSL_is_server(ssl_) ? 0 : 1; i < sk_X509_num(chain); ++i)
        all.push_back(description_of(sk_X509_value(chain, i)));
    return all;
}

tls_engine::state tls_engine::examine(int returned) noexcept {
    if (returned == 1)
        return state::done;
    switch (SSL_get_error(ssl_, returned)) {
    case SSL_ERROR_WANT_READ: return state::needs_input;
    case SSL_ERROR_ZERO_RETURN: return state::ended;
    default: fail(); return state::failed;
    }
}

void tls_engine::fail() noexcept {
    const unsigned long first = ERR_peek_error();
    const unsigned long last = ERR_peek_last_error();  // follows the errors of the certificate's signature
    const bool is_of_tls = ERR_GET_LIB(last) == ERR_LIB_SSL;
    try {
        texts& own = make_texts();
        if (is_of_tls && ERR_GET_REASON(last) == SSL_R_CERTIFICATE_VERIFY_FAILED)
            fail_by_certificate();
        else if (is_of_tls && ERR_GET_REASON(last) == SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE)
            own.error = tls::error::no_certificate;
        else if (is_of_tls && ERR_GET_REASON(last) == SSL_R_CALLBACK_FAILED && !own.refused.empty()) {
            own.error = tls::error::handshake_failed;
            own.reason = "no certificate is for " + own.refused;
        } else {
            own.error = code_of(first, is_established());
            own.reason = reason_of(first);
        }
    } catch (const std::bad_alloc&) {
        lacks_memory_ = true;
    }
    ERR_clear_error();
}

void tls_engine::fail_by_certificate() {
    const long result = SSL_get_verify_result(ssl_);
    texts& own = *texts_;
    own.error = code_of_verification(result);
    own.reason = own.refused.empty() ? "" : own.refused + ": ";
    own.reason += X509_verify_cert_error_string(result);
}

void tls_engine::note_unknown_name(std::string_view name) noexcept {
    try {
        std::string& refused = make_texts().refused = name;
        // A log shows the text, so the client must not choose its control characters.
        std::replace_if(
            refused.begin(), refused.end(), [](char each) { return each < ' ' || each > '~'; }, '?');
    } catch (const std::bad_alloc&) {
        return;  // the text of the error lacks the name
    }
}

int tls_engine::note_refused(int accepted, X509_STORE_CTX* verification) noexcept {
    const auto* connection = static_cast<const SSL*>(
        X509_STORE_CTX_get_ex_data(verification, SSL_get_ex_data_X509_STORE_CTX_idx()));
    auto* of = engine_of(connection);
    const X509* refused = X509_STORE_CTX_get_current_cert(verification);
    if (accepted || !of || !refused)
        return accepted;
    try {
        of->make_texts().refused = subject_of(refused);
    } catch (const std::bad_alloc&) {
        if (of->texts_)
            of->texts_->refused.clear();  // the text of the error lacks the subject
    }
    return accepted;
}

}  // namespace coil::COIL_ABI::detail
