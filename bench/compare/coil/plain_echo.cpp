// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT

// Like tcp_echo_server, but with one buffer per connection, as in a straightforward first version. Comparing
// the two servers shows the gain from recv_stream().

#include <array>
#include <cstddef>
#include <cstdio>
#include <span>
#include <utility>

#include <coil/coil.hpp>

#include "support/arguments.hpp"
#include "support/failure.hpp"

using coil::ip::tcp;

namespace {

coil::task<> echo(tcp::socket client) {
    std::array<std::byte, 4096> buffer;
    while (std::size_t n = co_await client.recv(buffer))
        co_await coil::write(client, std::span(buffer).first(n));
}

coil::task<> serve(coil::io_context& context, tcp::acceptor acceptor) {
    for (;;)
        coil::co_spawn(context, echo(co_await acceptor.accept()), coil::detached);
}

}  // namespace

int main(int argc, char** argv) try {
    const compare::arguments given(argc, argv, {{"--port", "0", "port to listen on; 0: any free port"}});
    coil::io_context context;
    tcp::acceptor acceptor(context, {coil::ip::address_v4::loopback(), given.port()});
    acceptor.set_option(tcp::no_delay(true));
    std::printf("listening on %s\n", acceptor.local_endpoint().to_string().c_str());
    std::fflush(stdout);
    coil::co_spawn(context, serve(context, std::move(acceptor)), coil::detached);
    context.run();
} catch (...) {
    return compare::explain_failure();
}
