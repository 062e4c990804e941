// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT

// A TLS server on Boost.Asio that uses coroutines. It sends back what it receives. It can also discard what
// it receives, or send characters without end.

#include <cstddef>
#include <vector>

#include <boost/asio/ssl.hpp>

#include "rivals/asio.hpp"
#include "support/certificate.hpp"
#include "support/chargen.hpp"
#include "support/tls_arguments.hpp"

namespace compare {
namespace {

using tls_stream = asio::ssl::stream<tcp_socket>;

class tls_server {
public:
    explicit tls_server(const arguments& given)
        : discards_(given.given("--discard")),
          generates_(given.given("--chargen")),
          buffer_size_(given.number("--buffer", 1, std::size_t{1} << 24)),
          text_(chargen_bytes()),
          tls_(asio::ssl::context::tls_server),
          context_(1),
          acceptor_(context_, {asio::ip::address_v4::loopback(), given.port()}) {
        const server_identity own = make_identity();
        tls_.use_certificate_chain(asio::buffer(own.certificate));
        tls_.use_private_key(asio::buffer(own.key), asio::ssl::context::pem);
        acceptor_.set_option(asio::ip::tcp::no_delay(true));  // connections inherit this option
    }

    void run() {
        announce(acceptor_);
        asio::co_spawn(context_, accept_all(), asio::detached);
        context_.run();
    }

private:
    task accept_all() {
        for (;;) {
            auto [error, socket] = co_await acceptor_.async_accept(as_tuple);
            if (!error)
                asio::co_spawn(context_, serve_client(tcp_socket(std::move(socket))), asio::detached);
        }
    }

    task serve_client(tcp_socket socket) {
        tls_stream client(std::move(socket), tls_);
        const auto [error] = co_await client.async_handshake(asio::ssl::stream_base::server, as_tuple);
        if (error)
            co_return;
        if (generates_)
            co_await generate(client);
        else
            co_await receive(client);
    }

    task generate(tls_stream& client) {
        for (;;) {
            const auto [error, sent] = co_await asio::async_write(client, asio::buffer(text_), as_tuple);
            if (error)
                co_return;
        }
    }

    task receive(tls_stream& client) {
        std::vector<std::byte> buffer(buffer_size_);
        for (;;) {
            const auto [error, received] = co_await client.async_read_some(asio::buffer(buffer), as_tuple);
            if (error)
                break;
            if (discards_)
                continue;
            const auto [failed, sent] =
                co_await asio::async_write(client, asio::buffer(buffer.data(), received), as_tuple);
            if (failed)
                co_return;
        }
        co_await client.async_shutdown(as_tuple);
    }

    bool discards_;
    bool generates_;
    std::size_t buffer_size_;
    std::vector<std::byte> text_;
    asio::ssl::context tls_;
    asio::io_context context_;
    tcp_acceptor acceptor_;
};

}  // namespace
}  // namespace compare

int main(int argc, char** argv) try {
    const compare::arguments given(argc, argv, compare::tls_arguments());
    compare::tls_server(given).run();
} catch (...) {
    return compare::explain_failure();
}
