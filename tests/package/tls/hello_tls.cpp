// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT

// A client that expects TLS reads a greeting in plain text. coil::tls must report that as an error of its
// own.

#include <array>
#include <cstdio>
#include <string_view>
#include <system_error>
#include <utility>

#include <coil/algo/write.hpp>
#include <coil/loop/co_spawn.hpp>
#include <coil/loop/io_context.hpp>
#include <coil/net/tcp.hpp>
#include <coil/test/stream_pair.hpp>
#include <coil/tls.hpp>

coil::task<> greet() {
    coil::tls::client_context context;
    coil::test::stream_pair pair;
    co_await coil::write(pair.first, std::string_view("Hello, coil."));
    try {
        auto stream = co_await coil::tls::connect(std::move(pair.second), context, "example.org");
    } catch (const std::system_error& failure) {
        if (failure.code().category() == coil::tls::error::category())
            std::puts("Hello, coil.");
        else
            std::puts(failure.what());
    }
}

// This is never called. It makes the linker look for the functions that a server needs.
coil::task<> serve(coil::ip::tcp::socket client, const coil::tls::server_context::options& options) {
    const coil::tls::server_context context(options);
    auto stream = co_await coil::tls::accept(std::move(client), context);
    std::array<char, 100> buffer;
    const std::size_t received = co_await stream.recv(buffer);
    co_await coil::write(stream, std::string_view(buffer.data(), received));
    for (const auto& certificate: stream.peer_certificates())
        std::puts(certificate.subject.c_str());
    co_await stream.shutdown();
    co_await stream.close();
}

int main() {
    coil::io_context context;
    coil::co_spawn(context, greet(), coil::detached);
    context.run();
}
