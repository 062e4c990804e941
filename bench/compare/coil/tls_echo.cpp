// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT

// A TLS server that sends back what it receives. It can also discard what it receives, or send characters
// without end.

#include <cstddef>
#include <cstdio>
#include <span>
#include <system_error>
#include <utility>
#include <vector>

#include <coil/coil.hpp>
#include <coil/tls/stream.hpp>

#include "support/certificate.hpp"
#include "support/chargen.hpp"
#include "support/failure.hpp"
#include "support/tls_arguments.hpp"

using coil::ip::tcp;

namespace {

struct server {
    bool discards;
    bool generates;
    std::size_t buffer_size;
    std::vector<std::byte> text;
    coil::tls::server_context context;
};

coil::task<> receive(const server& with, tcp::socket socket) try {
    auto client = co_await coil::tls::accept(std::move(socket), with.context);
    std::vector<std::byte> buffer(with.buffer_size);
    while (const std::size_t n = co_await client.recv(buffer))
        if (!with.discards)
            co_await coil::write(client, std::span(buffer).first(n));
    co_await client.close();
} catch (const std::system_error&) {
    co_return;  // the load generator ends without close_notify
}

coil::task<> generate(const server& with, tcp::socket socket) try {
    auto client = co_await coil::tls::accept(std::move(socket), with.context);
    for (;;)
        co_await coil::write(client, with.text);
} catch (const std::system_error&) {
    co_return;  // the load generator has closed the connection
}

coil::task<> serve(coil::io_context& context, const server& with, tcp::acceptor acceptor) {
    for (;;) {
        tcp::socket socket = co_await acceptor.accept();
        coil::co_spawn(context,
                       with.generates ? generate(with, std::move(socket)) : receive(with, std::move(socket)),
                       coil::detached);
    }
}

coil::tls::server_context make_context() {
    const compare::server_identity own = compare::make_identity();
    coil::tls::server_context::options options;
    options.own = {{coil::tls::pem::text(own.certificate), coil::tls::pem::text(own.key)}};
    return coil::tls::server_context(options);
}

}  // namespace

int main(int argc, char** argv) try {
    const compare::arguments given(argc, argv, compare::tls_arguments());
    const server with{given.given("--discard"), given.given("--chargen"),
                      given.number("--buffer", 1, std::size_t{1} << 24), compare::chargen_bytes(),
                      make_context()};
    coil::io_context context;
    tcp::acceptor acceptor(context, {coil::ip::address_v4::loopback(), given.port()});
    acceptor.set_option(tcp::no_delay(true));
    std::printf("listening on %s\n", acceptor.local_endpoint().to_string().c_str());
    std::fflush(stdout);
    coil::co_spawn(context, serve(context, with, std::move(acceptor)), coil::detached);
    context.run();
} catch (...) {
    return compare::explain_failure();
}
