// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT

// A TCP echo server that says goodbye to clients that are idle for too long, and to all clients on Ctrl-C.

#include <array>
#include <chrono>
#include <csignal>
#include <cstddef>
#include <cstdio>
#include <span>
#include <string_view>
#include <system_error>

#include <coil/coil.hpp>

#include "command_line.hpp"

using coil::ip::tcp;

coil::task<> echo(tcp::socket client, std::chrono::milliseconds idle) {
    std::array<std::byte, 4096> buffer;
    std::error_code ec;
    while (const std::size_t n = co_await coil::redirect_error(coil::timeout(client.recv(buffer), idle), ec))
        co_await coil::redirect_error(coil::write(client, std::span(buffer).first(n)), ec);
    const std::string_view goodbye = ec == coil::error::timed_out ? "you said nothing for too long\n"
                                     : ec == coil::error::operation_aborted ? "the server is going down\n"
                                                                            : "";
    // This task may have been stopped. shield() lets the write run anyway, for at most a second.
    co_await coil::shield(coil::timeout(coil::write(client, goodbye), std::chrono::seconds(1)));
}

coil::task<> serve(tcp::acceptor acceptor, std::chrono::milliseconds idle) {
    // A client's failure is reported and ends only its own task.
    co_await coil::with_group({.report_errors = true}, [&](coil::task_group& clients) -> coil::task<> {
        for (;;)
            clients.start(echo, co_await acceptor.accept(), idle);
    });
}

coil::task<> serve_until_signal(tcp::endpoint local, std::chrono::milliseconds idle) {
    coil::signal_set signals(co_await coil::this_coro::context, SIGINT, SIGTERM);
    tcp::acceptor acceptor(signals.context(), local);
    std::printf("listening on %s\n", acceptor.local_endpoint().to_string().c_str());
    std::printf("engine: %s (%s)\n", to_string(signals.context().engine()),
                signals.context().engine_reason());
    std::fflush(stdout);
    auto first = co_await coil::when_any(serve(std::move(acceptor), idle), signals.wait());
    if (first.index() == 0)
        first.get<0>().value();  // rethrows the server's failure
}

int main(int argc, char** argv) try {
    const example::command_line given(argc, argv, "Echoes to TCP clients, and says goodbye to them.",
                                      {{"host", "ADDRESS", "address to listen on", "127.0.0.1"},
                                       {"port", "NUMBER", "port to listen on; 0: any free port", "7777"},
                                       {"idle", "MILLISECONDS", "how long a client may be idle", "30000"}});
    coil::sync_wait(
        serve_until_signal({given.address("host"), given.port("port", 0)}, given.milliseconds("idle")));
} catch (...) {
    return example::explain_failure();
}
