// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#pragma once

#include <coil/version.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include <coil/base/buffer.hpp>
#include <coil/tls/certificate.hpp>
#include <coil/tls/context.hpp>

struct ssl_st;
struct x509_store_ctx_st;

namespace coil::COIL_ABI::detail {

struct tls_context;

/// One TLS connection without any I/O: OpenSSL, with a BIO over coil's buffers.
///
///                 plaintext                               ciphertext
///     write() -----------------> OpenSSL --> output() -----------------> the stream below
///     read()  <----------------- OpenSSL <-- give() <------------------- the stream below
///
/// The output is a queue. OpenSSL may append to it in every step, also in read(): for example an alert, or
/// the answer to a KeyUpdate. The bytes that output() has returned stay at their address meanwhile.
class tls_engine {
public:
    enum class role : std::uint8_t { client, server };
    /// How a step ended.
    enum class state : std::uint8_t {
        done,
        needs_input,  // call give() with further ciphertext
        ended,        // the peer has sent close_notify
        failed,       // see error()
    };

    /// A client sends the name `host`, unless `host` is an IP address or empty. If `verifies`, the client
    /// verifies that the certificate is trusted and is for `host`. Throws std::bad_alloc, or invalid_argument
    /// if `host` cannot be the name of a host.
    tls_engine(std::shared_ptr<tls_context> context, role side, std::string host, bool verifies);
    tls_engine(const tls_engine&) = delete;
    tls_engine& operator=(const tls_engine&) = delete;
    ~tls_engine();

    [[nodiscard]] state handshake() noexcept;
    /// Decrypts all records that have been given, until the buffers are full. `bytes` is the number of bytes,
    /// even if the state is not `done`.
    [[nodiscard]] state read(mutable_buffers into, std::size_t& bytes) noexcept;
    /// Returns `done` if read() would return at least one byte.
    [[nodiscard]] state peek() noexcept;
    /// Encrypts at most `max` bytes. Small buffers share records. If the result is `needs_input`, OpenSSL has
    /// received only a part of a message, and no byte is encrypted: read(), and try again.
    [[nodiscard]] state write(const_buffers from, std::size_t max, std::size_t& bytes) noexcept;
    /// Queues close_notify, if the handshake is over and nothing has failed. If OpenSSL has received only a
    /// part of a message, read() queues it later. Do not call write() any more.
    void shut_down() noexcept;
    /// Returns true if close_notify is not queued yet, because OpenSSL waits for the rest of a message.
    [[nodiscard]] bool owes_close_notify() const noexcept;
    [[nodiscard]] bool is_shut_down() const noexcept { return is_shut_down_; }

    /// Provides ciphertext. It must stay valid until `has_input()` is false.
    void give(const_buffer ciphertext) noexcept {
        input_ = ciphertext;
        is_drained_ = false;
    }
    [[nodiscard]] bool has_input() const noexcept { return !input_.empty(); }
    [[nodiscard]] std::size_t input_size() const noexcept { return input_.size(); }
    [[nodiscard]] bool has_received_close_notify() const noexcept;

    /// Returns the ciphertext to send next.
    [[nodiscard]] const_buffer output() noexcept;
    void sent(std::size_t bytes) noexcept;
    [[nodiscard]] std::uint64_t unsent() const noexcept { return queued_total_ - sent_total_; }
    /// Returns the size of the messages that OpenSSL has queued in steps other than write(), such as answers
    /// to KeyUpdates, since the output was last empty.
    [[nodiscard]] std::size_t unsent_answers() const noexcept { return answers_; }
    /// Returns the number of bytes of ciphertext that were queued, or sent, since the beginning.
    [[nodiscard]] std::uint64_t queued_total() const noexcept { return queued_total_; }
    [[nodiscard]] std::uint64_t sent_total() const noexcept { return sent_total_; }

    /// Returns the error of the step that failed, and its text: the host, the certificate's subject and
    /// OpenSSL's reason, as far as they apply.
    [[nodiscard]] std::error_code error() const noexcept {
        return lacks_memory_ ? std::make_error_code(std::errc::not_enough_memory) : known_texts().error;
    }
    [[nodiscard]] const std::string& reason() const noexcept { return known_texts().reason; }

    [[nodiscard]] const std::string& host() const noexcept { return known_texts().host; }
    /// Returns true if sessions are kept for the host: a connection that verifies must not resume the session
    /// of one that does not.
    [[nodiscard]] bool keeps_sessions() const noexcept { return verifies_ && !host().empty(); }
    [[nodiscard]] ssl_st* native_handle() const noexcept { return ssl_; }
    /// Returns true after the handshake, even if the connection has failed since.
    [[nodiscard]] bool is_established() const noexcept { return is_established_; }
    /// Returns true on a server that sends its tickets after the handshake, as in TLS 1.3.
    [[nodiscard]] bool sends_tickets() const noexcept;
    [[nodiscard]] std::string_view alpn() const noexcept;
    [[nodiscard]] std::string_view cipher() const noexcept;
    [[nodiscard]] std::string_view server_name() const noexcept;
    [[nodiscard]] tls::version version() const noexcept;
    [[nodiscard]] bool session_resumed() const noexcept;
    /// Returns the peer's certificate and the others that it has sent, or nothing if there are none.
    [[nodiscard]] std::vector<tls::certificate> peer_certificates() const;

    /// Returns the engine that has made this connection, or null if a program has made it with SSL_new().
    static tls_engine* engine_of(const ssl_st* connection) noexcept;
    /// Stores the name that a client asks for and no certificate contains.
    void note_unknown_name(std::string_view name) noexcept;
    /// OpenSSL's verify callback: stores the subject of a certificate that is refused.
    static int note_refused(int accepted, x509_store_ctx_st* verification) noexcept;

private:
    friend struct buffer_bio;

    /// State that only a client needs, or a connection that has failed.
    struct texts {
        std::error_code error;
        std::string host;
        std::string reason;
        std::string refused;  // the subject of the certificate, or the name, that was refused
    };

    [[nodiscard]] bool has_failed() const noexcept { return lacks_memory_ || (texts_ && texts_->error); }
    void ask_for_host();
    texts& make_texts();
    [[nodiscard]] const texts& known_texts() const noexcept;
    [[nodiscard]] state write_record(const_buffer from, std::size_t& bytes) noexcept;
    void send_close_notify() noexcept;
    [[nodiscard]] state read_records(mutable_buffers into, std::size_t& bytes) noexcept;
    [[nodiscard]] state examine(int returned) noexcept;
    void fail() noexcept;
    void fail_by_certificate();

    std::shared_ptr<tls_context> context_;
    ssl_st* ssl_ = nullptr;
    std::unique_ptr<texts> texts_;
    const_buffer input_;
    // The output: first `sending_` from `sent_` on, then `queued_`.
    std::vector<std::byte> sending_;
    std::vector<std::byte> queued_;
    std::uint64_t queued_total_ = 0;
    std::uint64_t sent_total_ = 0;
    std::uint32_t sent_ = 0;
    std::uint32_t answers_ = 0;
    bool is_drained_ = false;  // OpenSSL has decrypted everything, so reading needs further input
    bool verifies_;
    bool lacks_memory_ = false;
    bool is_writing_ = false;
    bool is_established_ = false;
    bool is_shut_down_ = false;
};

}  // namespace coil::COIL_ABI::detail
