// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT

// A TLS server with OpenSSL's own I/O. It sends back what it receives. It can also discard what it receives,
// or send characters without end. It has a thread with a blocking socket for each connection, or one thread
// for all connections with epoll.

#include <cstddef>
#include <memory>
#include <thread>
#include <utility>
#include <vector>

#include <csignal>
#include <fcntl.h>
#include <poll.h>

#include <openssl/err.h>
#include <openssl/ssl.h>

#include "support/certificate.hpp"
#include "support/chargen.hpp"
#include "support/epoll.hpp"
#include "support/sockets.hpp"
#include "support/tls_arguments.hpp"

namespace compare {
namespace {

ssl_ctx_ptr make_context() {
    ssl_ctx_ptr made(SSL_CTX_new(TLS_server_method()));
    check_tls(made != nullptr, "SSL_CTX_new");
    const server_identity own = make_identity();
    const std::unique_ptr<BIO, free_by<BIO_free>> certificate_text(
        BIO_new_mem_buf(own.certificate.data(), static_cast<int>(own.certificate.size())));
    const std::unique_ptr<BIO, free_by<BIO_free>> key_text(
        BIO_new_mem_buf(own.key.data(), static_cast<int>(own.key.size())));
    const std::unique_ptr<X509, free_by<X509_free>> certificate(
        PEM_read_bio_X509(certificate_text.get(), nullptr, nullptr, nullptr));
    const std::unique_ptr<EVP_PKEY, free_by<EVP_PKEY_free>> key(
        PEM_read_bio_PrivateKey(key_text.get(), nullptr, nullptr, nullptr));
    check_tls(SSL_CTX_use_certificate(made.get(), certificate.get()) == 1, "SSL_CTX_use_certificate");
    check_tls(SSL_CTX_use_PrivateKey(made.get(), key.get()) == 1, "SSL_CTX_use_PrivateKey");
    SSL_CTX_set_mode(made.get(), SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE);
    SSL_CTX_set_read_ahead(made.get(), 1);  // one read(2) per record instead of two
    return made;
}

struct connection {
    descriptor socket;
    ssl_ptr tls;
    std::vector<std::byte> buffer;
    std::size_t position = 0;  // in the text that a generating server sends
};

class tls_server {
public:
    explicit tls_server(const arguments& given)
        : discards_(given.given("--discard")),
          generates_(given.given("--chargen")),
          buffer_size_(given.number("--buffer", 1, std::size_t{1} << 24)),
          text_(chargen_bytes()),
          context_(make_context()) {}

    [[noreturn]] void run_threads(int listener) {
        for (;;)
            std::thread([this, made = accept(listener, 0)]() mutable { serve(*made); }).detach();
    }

    // One connection must not wait for another one, so the sockets do not block.
    [[noreturn]] void run_epoll(int listener) {
        epoll ready;
        ready.add(listener, EPOLLIN, nullptr);
        for (;;)
            for (const epoll_event& each: ready.wait()) {
                if (each.data.ptr == nullptr) {
                    connection* made = accept(listener, SOCK_NONBLOCK).release();
                    ready.add(made->socket.get(), EPOLLIN | (generates_ ? EPOLLOUT : 0u), made);
                } else if (auto* peer = static_cast<connection*>(each.data.ptr); !serve(*peer)) {
                    delete peer;
                }
            }
    }

private:
    std::unique_ptr<connection> accept(int listener, int flags) {
        auto made = std::make_unique<connection>();
        made->socket = descriptor(::accept4(listener, nullptr, nullptr, flags | SOCK_CLOEXEC));
        check(made->socket.get() >= 0, "accept4");
        made->tls.reset(SSL_new(context_.get()));
        check_tls(made->tls && SSL_set_fd(made->tls.get(), made->socket.get()) == 1, "SSL_new");
        SSL_set_accept_state(made->tls.get());
        made->buffer.resize(generates_ ? 0 : buffer_size_);
        return made;
    }

    // Returns false at the end of the connection, and true if the next step would block.
    bool serve(connection& peer) {
        if (generates_ ? generate(peer) : receive(peer.tls.get(), peer.buffer))
            return true;
        SSL_shutdown(peer.tls.get());
        return false;
    }

    static bool would_block(SSL* tls, int returned) {
        const int reason = SSL_get_error(tls, returned);
        ERR_clear_error();
        return reason == SSL_ERROR_WANT_READ || reason == SSL_ERROR_WANT_WRITE;
    }

    bool generate(connection& peer) {
        std::size_t n = 0;
        for (;;) {
            const int returned =
                SSL_write_ex(peer.tls.get(), text_.data() + peer.position, text_.size() - peer.position, &n);
            if (returned != 1)
                return would_block(peer.tls.get(), returned);
            peer.position = (peer.position + n) % text_.size();
        }
    }

    bool receive(SSL* tls, std::vector<std::byte>& buffer) {
        std::size_t n = 0;
        for (;;) {
            const int returned = SSL_read_ex(tls, buffer.data(), buffer.size(), &n);
            if (returned != 1)
                return would_block(tls, returned);
            if (!discards_ && !send(tls, buffer.data(), n))
                return false;
        }
    }

    static bool send(SSL* tls, const std::byte* data, std::size_t size) {
        std::size_t n = 0;
        while (size > 0) {
            const int returned = SSL_write_ex(tls, data, size, &n);
            if (returned == 1) {
                data += n;
                size -= n;
                continue;
            }
            if (!would_block(tls, returned))
                return false;
            pollfd writable{SSL_get_fd(tls), POLLOUT, 0};
            ::poll(&writable, 1, -1);
        }
        return true;
    }

    bool discards_;
    bool generates_;
    std::size_t buffer_size_;
    std::vector<std::byte> text_;
    ssl_ctx_ptr context_;
};

}  // namespace
}  // namespace compare

int main(int argc, char** argv) try {
    auto known = compare::tls_arguments();
    known.push_back({"--epoll", "no", "one thread for all connections"});
    const compare::arguments given(argc, argv, std::move(known));
    std::signal(SIGPIPE, SIG_IGN);
    const compare::descriptor listener = compare::listener(given.port());
    compare::tls_server server(given);
    compare::announce(listener.get());
    if (given.given("--epoll"))
        server.run_epoll(listener.get());
    else
        server.run_threads(listener.get());
} catch (...) {
    return compare::explain_failure();
}
