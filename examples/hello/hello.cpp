// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT

// A first program, in which two coroutines talk over loopback. The CMakeLists.txt in this folder builds it as
// a separate project.

#include <array>
#include <cstdio>
#include <string_view>
#include <utility>

#include <coil/algo/read.hpp>
#include <coil/algo/write.hpp>
#include <coil/loop/co_spawn.hpp>
#include <coil/loop/io_context.hpp>
#include <coil/net/tcp.hpp>

using coil::ip::tcp;

coil::task<> echo_one(tcp::acceptor acceptor) {
    tcp::socket peer = co_await acceptor.accept();
    auto incoming = peer.recv_stream();
    while (auto chunk = co_await incoming.next())
        co_await coil::write(peer, *chunk);
}

coil::task<> greet(coil::io_context& context, tcp::endpoint server) {
    constexpr std::string_view greeting = "Hello, coil.";
    tcp::socket socket(context);
    co_await socket.connect(server);
    co_await coil::write(socket, greeting);

    std::array<char, greeting.size()> answer;
    co_await coil::read(socket, answer);
    std::printf("%.*s\n", static_cast<int>(answer.size()), answer.data());
}

int main() {
    coil::io_context context;
    tcp::acceptor acceptor(context, {coil::ip::address_v4::loopback(), 0});
    const tcp::endpoint server = acceptor.local_endpoint();
    coil::co_spawn(context, echo_one(std::move(acceptor)), coil::detached);
    coil::co_spawn(context, greet(context, server), coil::detached);
    context.run();
}
