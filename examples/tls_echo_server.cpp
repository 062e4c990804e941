// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT

// An echo server with TLS. To try it:
//
//     tools/make_test_certificates certificates
//     tls_echo_server --cert certificates/server.pem --key certificates/server.key
//     tls_echo_client --ca certificates/ca.pem localhost
//
// SIGHUP reloads the certificates: new connections use the new ones, earlier connections keep the old ones.

#include <array>
#include <chrono>
#include <csignal>
#include <cstddef>
#include <cstdio>
#include <exception>
#include <span>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include <coil/coil.hpp>
#include <coil/tls.hpp>

#include "command_line.hpp"
#include "tls_options.hpp"

using coil::ip::tcp;
namespace tls = coil::tls;

coil::task<> echo(tls::stream<tcp::socket>& client) {
    std::array<std::byte, 16384> buffer;
    while (const std::size_t n = co_await client.recv(buffer))  // 0: the client has sent close_notify
        co_await coil::write(client, std::span(buffer).first(n));
}

// Serves one client. A failed handshake or a broken connection ends only this task.
coil::task<> serve_client(tcp::socket socket, tls::server_context context, tls::connection_options how) {
    std::error_code is_gone;
    const std::string name = socket.remote_endpoint(is_gone).to_string();
    tls::stream<tcp::socket> client;
    try {
        client = co_await tls::accept(std::move(socket), context, how);
        co_await echo(client);
    } catch (const std::system_error& failure) {
        if (failure.code() != coil::error::operation_aborted)  // the server is not ending
            std::fprintf(stderr, "%s: %s\n", name.c_str(), failure.what());
    }
    // This task may have been stopped. shield() lets close() send close_notify anyway, within a second.
    co_await coil::shield(client.close());
}

coil::task<> serve(tcp::acceptor acceptor, const tls::server_context& context, tls::connection_options how) {
    co_await coil::with_group({.report_errors = true}, [&](coil::task_group& clients) -> coil::task<> {
        for (;;)
            clients.start(serve_client, co_await acceptor.accept(), context, how);
    });
}

// Replaces the context at each signal. The options name the files, which are read again.
coil::task<> reload(coil::signal_set& hangup, const tls::server_context::options& chosen,
                    tls::server_context& context) {
    for (;;) {
        co_await hangup.wait();
        try {
            context = tls::server_context(chosen);
            std::fprintf(stderr, "%s: reloaded the certificates\n", program_invocation_short_name);
        } catch (const std::exception& failure) {
            std::fprintf(stderr, "%s: %s; the server keeps its earlier certificates\n",
                         program_invocation_short_name, failure.what());
        }
    }
}

coil::task<> serve_until_signal(tcp::endpoint local, tls::server_context::options chosen,
                                tls::connection_options how) {
    auto& loop = co_await coil::this_coro::context;
    tls::server_context context(chosen);
    coil::signal_set ending(loop, SIGINT, SIGTERM);
    coil::signal_set hangup(loop, SIGHUP);
    tcp::acceptor acceptor(loop, local);
    acceptor.set_option(tcp::no_delay(true));  // accepted connections inherit the option
    std::printf("listening on %s\n", acceptor.local_endpoint().to_string().c_str());
    std::printf("engine: %s (%s)\n", to_string(loop.engine()), loop.engine_reason());
    std::fflush(stdout);
    auto first = co_await coil::when_any(serve(std::move(acceptor), context, how), ending.wait(),
                                         reload(hangup, chosen, context));
    if (first.index() == 0)
        first.get<0>().value();  // rethrows the server's failure
    if (first.index() == 2)
        first.get<2>().value();
}

tls::server_context::options options_of(const example::command_line& given) {
    const std::vector<std::string> chains = example::split(given.text("cert"));
    const std::vector<std::string> keys = example::split(given.text("key"));
    if (chains.empty() || chains.size() != keys.size())
        throw example::usage_error("--cert and --key are required, with one key for each certificate");
    if (given.has("require-client-cert") && !given.has("ca"))
        throw example::usage_error(
            "--require-client-cert wants --ca, the issuer of the clients' certificates");

    tls::server_context::options chosen;
    for (std::size_t i = 0; i < chains.size(); ++i)
        chosen.own.push_back({tls::pem::file(chains[i]), tls::pem::file(keys[i])});
    chosen.trusted = example::pem_file(given.text("ca"));
    if (given.has("ca"))
        chosen.clients = given.has("require-client-cert") ? tls::client_certificates::required
                                                          : tls::client_certificates::optional;
    if (given.has("known-names-only"))
        chosen.unknown = tls::unknown_name::refused;
    chosen.protocol.alpn = example::split(given.text("alpn"));
    return chosen;
}

int main(int argc, char** argv) try {
    const example::command_line given(
        argc, argv, "Sends back what TLS clients send, until Ctrl-C. SIGHUP reloads the certificates.",
        {{"host", "ADDRESS", "address to listen on", "127.0.0.1"},
         {"port", "NUMBER", "port to listen on; 0: any free port", "7777"},
         {"cert", "FILE,...", "certificate chains; the client's SNI chooses one, without SNI the first"},
         {"key", "FILE,...", "the key of each certificate"},
         {"known-names-only", nullptr, "refuse clients that send a name that no certificate contains"},
         {"ca", "FILE", "issuers of clients' certificates; asks clients for a certificate"},
         {"require-client-cert", nullptr, "refuse clients without a certificate"},
         {"alpn", "NAME,...", "protocols to agree on, in order of preference"},
         {"timeout", "MS", "how long a handshake may take", "10000"}});
    const tcp::endpoint local(given.address("host"), given.port("port", 0));
    tls::connection_options how;
    how.handshake_limit = given.milliseconds("timeout");
    coil::sync_wait(serve_until_signal(local, options_of(given), how));
} catch (...) {
    return example::explain_failure();
}
