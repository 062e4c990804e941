// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#pragma once

#include <cerrno>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <poll.h>

#include <openssl/err.h>
#include <openssl/ssl.h>

#include "load/watchdog.hpp"
#include "load/workloads.hpp"
#include "support/certificate.hpp"
#include "support/sockets.hpp"

namespace compare {

/// The settings of the clients, and the sessions that they have received. The clients offer TLS 1.3 with one
/// cipher suite, so all servers use that one. They do not verify the server's certificate.
class tls_settings {
public:
    tls_settings() : context_(SSL_CTX_new(TLS_client_method())) {
        std::signal(SIGPIPE, SIG_IGN);  // OpenSSL writes without MSG_NOSIGNAL
        check_tls(context_ != nullptr, "SSL_CTX_new");
        SSL_CTX* context = context_.get();
        SSL_CTX_set_min_proto_version(context, TLS1_3_VERSION);
        check_tls(SSL_CTX_set_ciphersuites(context, "TLS_AES_128_GCM_SHA256") == 1, "set_ciphersuites");
        SSL_CTX_set_verify(context, SSL_VERIFY_NONE, nullptr);
        SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_AUTO_RETRY);
        SSL_CTX_set_read_ahead(context, 1);
        SSL_CTX_set_app_data(context, this);
        SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
        SSL_CTX_sess_set_new_cb(context, keep);
    }
    tls_settings(const tls_settings&) = delete;
    tls_settings& operator=(const tls_settings&) = delete;

    [[nodiscard]] ssl_ptr make() const {
        ssl_ptr made(SSL_new(context_.get()));
        check_tls(made != nullptr, "SSL_new");
        SSL_set_connect_state(made.get());
        return made;
    }

    /// Lets the connection resume the newest session, which is then used up. Returns false if there is none.
    bool resume(SSL* connection) {
        if (sessions_.empty())
            return false;
        SSL_set_session(connection, sessions_.back().get());
        sessions_.pop_back();
        return true;
    }

private:
    using session_ptr = std::unique_ptr<SSL_SESSION, free_by<SSL_SESSION_free>>;
    static constexpr std::size_t sessions_max = 256;

    // OpenSSL's callback. Returns 1 if it keeps the session.
    static int keep(SSL* connection, SSL_SESSION* session) {
        auto& of = *static_cast<tls_settings*>(SSL_CTX_get_app_data(SSL_get_SSL_CTX(connection)));
        if (of.sessions_.size() == sessions_max)
            return 0;
        of.sessions_.emplace_back(session);
        return 1;
    }

    ssl_ctx_ptr context_;
    std::vector<session_ptr> sessions_;
};

/// One end of a TLS connection. Errors are exceptions.
class tls_client {
public:
    /// The socket must be connected. It may be non-blocking.
    tls_client(const tls_settings& settings, descriptor socket)
        : socket_(std::move(socket)), tls_(settings.make()) {
        check_tls(SSL_set_fd(tls_.get(), socket_.get()) == 1, "SSL_set_fd");
    }

    /// Connects to the server on loopback, and performs the handshake.
    tls_client(const tls_settings& settings, std::uint16_t port)
        : tls_client(settings, connected_socket(SOCK_STREAM, port)) {
        while (!handshake())
            ;
    }

    [[nodiscard]] SSL* tls() const noexcept { return tls_.get(); }
    [[nodiscard]] int socket() const noexcept { return socket_.get(); }

    void set_non_blocking() { check(::fcntl(socket_.get(), F_SETFL, O_NONBLOCK) == 0, "O_NONBLOCK"); }

    /// Returns false if the handshake has to wait for the server.
    bool handshake() { return moved(SSL_do_handshake(tls_.get()), "handshake"); }

    /// Returns the number of bytes, or 0 if reading would block. Throws if the server has closed.
    std::size_t read(std::span<std::byte> into) {
        std::size_t n = 0;
        return moved(SSL_read_ex(tls_.get(), into.data(), into.size(), &n), "SSL_read") ? n : 0;
    }

    /// Returns the number of bytes, or 0 if writing would block. The next call must then have the same bytes.
    std::size_t write(std::span<const std::byte> from) {
        std::size_t n = 0;
        return moved(SSL_write_ex(tls_.get(), from.data(), from.size(), &n), "SSL_write") ? n : 0;
    }

    /// Writes all bytes, and waits if writing would block.
    void write_all(std::span<const std::byte> from) {
        while (!from.empty()) {
            const std::size_t n = write(from);
            from = from.subspan(n);
            if (n == 0) {
                pollfd writable{socket_.get(), POLLOUT, 0};
                ::poll(&writable, 1, -1);
            }
        }
    }

    /// Fills the buffer, and waits if reading would block.
    void read_all(std::span<std::byte> into) {
        while (!into.empty()) {
            const std::size_t n = read(into);
            into = into.subspan(n);
            if (n == 0) {
                pollfd readable{socket_.get(), POLLIN, 0};
                ::poll(&readable, 1, -1);
            }
        }
    }

    /// Sends close_notify and the end of the stream.
    void shut_down() {
        SSL_shutdown(tls_.get());
        check(::shutdown(socket_.get(), SHUT_WR) == 0, "shutdown");
    }

    /// Returns true if the server has closed the connection, and false if it has not closed it yet. Throws if
    /// the server has sent further data. Call it after shut_down().
    bool has_ended() {
        std::byte unexpected;
        std::size_t n = 0;
        const int returned = SSL_read_ex(tls_.get(), &unexpected, 1, &n);
        if (returned == 1)
            throw std::runtime_error("the server sent more than the echo");
        switch (SSL_get_error(tls_.get(), returned)) {
        case SSL_ERROR_WANT_READ: return false;
        case SSL_ERROR_ZERO_RETURN: break;
        default: fail("the end of the connection");
        }
        ssize_t received = 0;
        do {
            received = ::recv(socket_.get(), &unexpected, 1, 0);
        } while (received < 0 && errno == EINTR);
        check(received >= 0 || errno == EAGAIN, "recv");
        return received == 0;
    }

    /// Shuts down, and waits until the server has closed the connection. The socket must be blocking.
    void close() {
        shut_down();
        while (!has_ended())
            ;
    }

private:
    bool moved(int returned, const char* what) {
        if (returned == 1)
            return true;
        const int reason = SSL_get_error(tls_.get(), returned);
        if (reason == SSL_ERROR_WANT_READ || reason == SSL_ERROR_WANT_WRITE)
            return false;
        fail(what);
    }
    [[noreturn]] static void fail(const char* what) {
        const char* reason = ERR_reason_error_string(ERR_get_error());
        throw std::runtime_error(std::string(what) + ": " +
                                 (reason ? reason : "the server closed the connection"));
    }

    descriptor socket_;
    ssl_ptr tls_;
};

/// Opens the plan's number of connections, one after the other.
template <class Connection>
std::vector<std::unique_ptr<Connection>> connect_all(const tls_settings& settings, const plan& plan) {
    std::vector<std::unique_ptr<Connection>> made;
    for (std::size_t i = 0; i < plan.connections; ++i) {
        watchdog::expects("the handshake of connection " + std::to_string(i));
        made.push_back(std::make_unique<Connection>(settings, plan.port));
    }
    return made;
}

}  // namespace compare
