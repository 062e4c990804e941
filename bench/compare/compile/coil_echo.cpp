// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT

// A minimal echo server for measuring compile time. It includes only the headers that it needs.

#include <utility>

#include <coil/algo/write.hpp>
#include <coil/loop/co_spawn.hpp>
#include <coil/loop/io_context.hpp>
#include <coil/net/tcp.hpp>

using coil::ip::tcp;

coil::task<> echo(tcp::socket client) {
    auto incoming = client.recv_stream();
    while (auto chunk = co_await incoming.next())
        co_await coil::write(client, *chunk);
}

coil::task<> serve(coil::io_context& context, tcp::acceptor acceptor) {
    for (;;)
        coil::co_spawn(context, echo(co_await acceptor.accept()), coil::detached);
}

int main() {
    coil::io_context context;
    tcp::acceptor acceptor(context, {coil::ip::address_v4::loopback(), 7777});
    coil::co_spawn(context, serve(context, std::move(acceptor)), coil::detached);
    context.run();
}
