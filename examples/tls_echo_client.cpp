// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT

// Sends standard input to a TLS server, and prints what comes back. Start tls_echo_server first.

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <unistd.h>
#include <utility>

#include <coil/coil.hpp>
#include <coil/tls.hpp>

#include "command_line.hpp"
#include "tls_options.hpp"

using coil::ip::tcp;
using coil::posix::stream_descriptor;
namespace tls = coil::tls;
using tls_stream = tls::stream<tcp::socket>;

struct plan {
    std::string host;
    std::string port;
    std::string name;  // the certificate must contain this name
    bool is_insecure;
    bool reconnects;
    std::chrono::milliseconds time_limit;
};

coil::task<tls_stream> connect(const plan& plan, const tls::client_context& trust) {
    auto& context = co_await coil::this_coro::context;
    tcp::resolver resolver(context);
    const auto addresses = co_await coil::timeout(resolver.resolve(plan.host, plan.port), plan.time_limit);
    tcp::socket socket = co_await coil::timeout(coil::connect(context, addresses), plan.time_limit);
    socket.set_option(tcp::no_delay(true));
    tls::connection_options how;
    how.handshake_limit = plan.time_limit;
    if (plan.is_insecure)
        co_return co_await tls::connect(std::move(socket), trust, tls::unverified(plan.name), how);
    co_return co_await tls::connect(std::move(socket), trust, plan.name, how);
}

// The state that the sending and the receiving task share.
struct progress {
    std::uint64_t sent = 0;
    std::uint64_t received = 0;
    bool has_sent_all = false;
    std::exception_ptr send_failure;

    // An echo of something is still to come, or at least the server's close_notify.
    [[nodiscard]] bool is_waiting() const { return has_sent_all || received < sent; }
};

coil::task<> send_input(const plan& plan, tls_stream& server, progress& state) {
    auto input = stream_descriptor::borrow(co_await coil::this_coro::context, STDIN_FILENO);
    std::array<std::byte, 16384> buffer;
    try {
        while (const std::size_t n = co_await input.recv(buffer)) {
            state.sent += n;
            co_await coil::timeout(coil::write(server, std::span(buffer).first(n)), plan.time_limit);
        }
        co_await server.shutdown(plan.time_limit);  // the server reads the end of the stream
    } catch (const std::system_error&) {
        // A server that refuses a client sends the reason, and closes the connection. print_echo() receives
        // the reason, so this failure must not stop it.
        state.send_failure = std::current_exception();
    }
    state.has_sent_all = true;
}

coil::task<> print_echo(const plan& plan, tls_stream& server, progress& state) {
    auto output = stream_descriptor::borrow(co_await coil::this_coro::context, STDOUT_FILENO);
    std::array<std::byte, 16384> buffer;
    for (;;) {
        // If nothing is due, the limit does not apply: standard input may be a terminal.
        const bool is_due = state.is_waiting();
        std::size_t n = 0;
        try {
            n = co_await coil::timeout(server.recv(buffer), plan.time_limit);
        } catch (const std::system_error& failure) {
            if (failure.code() != coil::error::timed_out || is_due)
                throw;
            continue;
        }
        if (n == 0)
            co_return;  // the server has sent close_notify
        state.received += n;
        co_await coil::write(output, std::span(buffer).first(n));
    }
}

void describe(const tls_stream& server) {
    const std::string cipher(server.cipher()), alpn(server.alpn());
    std::fprintf(stderr, "%s, cipher %s, ALPN %s, %s session\n", example::to_string(server.version()),
                 cipher.c_str(), alpn.empty() ? "none" : alpn.c_str(),
                 server.session_resumed() ? "resumed" : "new");
}

// Connects and disconnects. The context keeps the session, which the next connection resumes.
coil::task<> make_session(const plan& plan, const tls::client_context& trust) {
    tls_stream server = co_await connect(plan, trust);
    describe(server);
    co_await server.shutdown(plan.time_limit);
    std::array<std::byte, 1024> unwanted;
    // In TLS 1.3, the session arrives after the handshake.
    while (co_await coil::timeout(server.recv(unwanted), plan.time_limit) > 0)
        continue;
    co_await server.close();
}

coil::task<> talk(const plan& plan, const tls::client_context& trust) {
    if (plan.reconnects)
        co_await make_session(plan, trust);
    tls_stream server = co_await connect(plan, trust);
    describe(server);
    progress state;
    co_await coil::when_all(send_input(plan, server, state), print_echo(plan, server, state));
    if (state.send_failure)
        std::rethrow_exception(state.send_failure);
    co_await server.close();
}

int main(int argc, char** argv) try {
    const example::command_line given(
        argc, argv, "Sends standard input to a TLS server until both have ended, and prints what comes back.",
        {{"host", "NAME", "the server's name, or its address", "127.0.0.1", true},
         {"port", "PORT", "the server's port, or service", "7777", true},
         {"name", "NAME", "the name that the certificate must contain, if it is not the host"},
         {"ca", "FILE", "certificates to trust, instead of those of the system"},
         {"insecure", nullptr, "do not verify the server's certificate: anyone may read and change the data"},
         {"cert", "FILE", "this client's certificate chain"},
         {"key", "FILE", "the key of this client's certificate"},
         {"alpn", "NAME,...", "protocols to agree on, in order of preference"},
         {"reconnect", nullptr, "connect twice; the second connection resumes the session of the first"},
         {"timeout", "MS", "how long to wait for each step", "10000"}});
    if (given.has("cert") != given.has("key"))
        throw example::usage_error("--cert and --key belong together");
    if (given.has("insecure") && given.has("ca"))
        throw example::usage_error("--insecure trusts every server, so --ca has no effect");
    const plan plan{.host = given.host("host"),
                    .port = given.text("port"),
                    .name = given.has("name") ? given.text("name") : given.host("host"),
                    .is_insecure = given.has("insecure"),
                    .reconnects = given.has("reconnect"),
                    .time_limit = given.milliseconds("timeout")};
    tls::client_context::options chosen;
    chosen.trusted = example::pem_file(given.text("ca"));
    chosen.own = {example::pem_file(given.text("cert")), example::pem_file(given.text("key"))};
    chosen.protocol.alpn = example::split(given.text("alpn"));

    const tls::client_context trust(chosen);
    coil::sync_wait(talk(plan, trust));
} catch (...) {
    return example::explain_tls_failure();
}
