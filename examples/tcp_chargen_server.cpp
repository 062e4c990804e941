// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT

// A TCP server that sends an endless stream of characters (RFC 864). Start it, then try
// `nc 127.0.0.1 7777 | head`.

#include <csignal>
#include <cstddef>
#include <cstdio>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include <coil/coil.hpp>

#include "command_line.hpp"

using coil::ip::tcp;

// Returns lines of 72 printable characters, slightly more than 256 KiB in total. Each line starts one
// character later than the previous line. The first line also continues the last line in this way, so that
// the text can be repeated.
std::string lines() {
    std::string text;
    for (std::size_t line = 0; line < std::size_t{38} * 95; ++line) {
        for (std::size_t column = 0; column < 72; ++column)
            text += static_cast<char>(' ' + (line + column) % 95);
        text += "\r\n";
    }
    return text;
}

// Serves one client until the client disconnects, which is not an error here.
coil::task<> generate(tcp::socket client, std::string_view text) {
    std::error_code gone;
    while (!gone)
        co_await coil::redirect_error(coil::write(client, text), gone);
}

coil::task<> serve(coil::io_context& context, tcp::acceptor acceptor, std::string_view text) {
    for (;;)
        coil::co_spawn(context, generate(co_await acceptor.accept(), text), coil::detached);
}

coil::task<> stop_at(coil::signal_set signals) {
    co_await signals.wait();
    signals.context().stop();
}

int main(int argc, char** argv) try {
    const example::command_line given(argc, argv,
                                      "Sends characters to TCP clients, without end, until Ctrl-C.",
                                      {{"host", "ADDRESS", "address to listen on", "127.0.0.1"},
                                       {"port", "NUMBER", "port to listen on; 0: any free port", "7777"}});
    const tcp::endpoint local(given.address("host"), given.port("port", 0));

    const std::string text = lines();  // shared by all clients
    coil::io_context context;
    coil::signal_set ctrl_c(context, SIGINT, SIGTERM);
    tcp::acceptor acceptor(context, local);
    std::printf("listening on %s\n", acceptor.local_endpoint().to_string().c_str());
    std::fflush(stdout);

    coil::co_spawn(context, stop_at(std::move(ctrl_c)), coil::detached);
    coil::co_spawn(context, serve(context, std::move(acceptor), text), coil::detached);
    context.run();
} catch (...) {
    return example::explain_failure();
}
