// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT

// Runs an echo server like the one in the README on an ephemeral port. 1,000 clients, 50 at a time, reset
// their connections before, during and after an exchange. After that, the process runs out of descriptors. In
// both cases, the server must serve the next client. At the end, no descriptor may be left open, and the loop
// must not have been spinning.

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <future>
#include <netinet/in.h>
#include <string>
#include <sys/resource.h>
#include <sys/socket.h>
#include <thread>
#include <unistd.h>
#include <vector>

#include <coil/coil.hpp>

using coil::ip::tcp;

coil::task<> echo(tcp::socket peer) {
    std::array<std::byte, 4096> buffer;
    while (std::size_t n = co_await peer.recv(buffer))           // 0 when the peer has finished sending
        co_await coil::write(peer, std::span(buffer).first(n));  // sends all n bytes
}

coil::task<> serve(coil::io_context& context, tcp::acceptor acceptor) {
    for (;;)
        coil::co_spawn(context, echo(co_await acceptor.accept()), coil::detached);
}

namespace {

constexpr int clients = 1000;
constexpr int at_a_time = 50;

void check(bool holds, const char* what) {
    if (holds)
        return;
    std::fprintf(stderr, "%s (errno: %s)\n", what, std::strerror(errno));
    std::exit(1);
}

int open_client() {
    const int client = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const timeval time_limit{10, 0};
    ::setsockopt(client, SOL_SOCKET, SO_RCVTIMEO, &time_limit, sizeof time_limit);
    return client;
}

void connect(int client, std::uint16_t port) {
    sockaddr_in server{};
    server.sin_family = AF_INET;
    server.sin_port = htons(port);
    server.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    check(::connect(client, reinterpret_cast<sockaddr*>(&server), sizeof server) == 0, "connect");
}

void send_text(int client, const std::string& text) {
    check(::send(client, text.data(), text.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(text.size()),
          "send");
}

void expect_text(int client, const std::string& text) {
    std::string received(text.size(), '\0');
    check(::recv(client, received.data(), received.size(), MSG_WAITALL) ==
              static_cast<ssize_t>(received.size()),
          "recv");
    check(received == text, "the echo differs");
}

void reset(int client) {
    const linger immediately{1, 0};
    ::setsockopt(client, SOL_SOCKET, SO_LINGER, &immediately, sizeof immediately);
    ::close(client);
}

/// Runs a complete exchange that ends with an orderly close.
void complete_exchange(int client) {
    const std::string text(100'000, 'x');
    for (int i = 0; i < 3; ++i) {
        send_text(client, text);
        expect_text(client, text);
    }
    ::shutdown(client, SHUT_WR);
    char end;
    check(::recv(client, &end, 1, 0) == 0, "the server did not close the connection");
    ::close(client);
}

void storm(std::uint16_t port) {
    for (int begun = 0; begun < clients; begun += at_a_time) {
        std::vector<int> open;
        for (int i = 0; i < at_a_time; ++i) {
            open.push_back(open_client());
            connect(open.back(), port);
            if (i % 4 == 0)
                reset(open.back());  // before or while the server accepts the connection
            else
                send_text(open.back(), "client " + std::to_string(begun + i));
        }
        for (int i = 0; i < at_a_time; ++i) {
            const int client = open[static_cast<std::size_t>(i)];
            if (i % 4 == 0)
                continue;
            if (i % 4 == 1)
                expect_text(client, "client " + std::to_string(begun + i));
            if (i % 4 == 2)
                send_text(client, std::string(20'000, 'y'));  // the server is writing when the reset arrives
            reset(client);
        }
    }
}

/// Opens descriptors until the limit is reached.
std::vector<int> open_all_descriptors() {
    std::vector<int> taken;
    for (int number; (number = ::dup(2)) >= 0;)
        taken.push_back(number);
    check(errno == EMFILE, "dup");
    return taken;
}

void exhaust(std::uint16_t port) {
    const int client = open_client();
    std::vector<int> taken = open_all_descriptors();
    connect(client, port);  // the server cannot accept this connection yet
    send_text(client, "hello");
    char byte;
    const timeval moment{0, 250'000};
    ::setsockopt(client, SOL_SOCKET, SO_RCVTIMEO, &moment, sizeof moment);
    check(::recv(client, &byte, 1, 0) < 0 && errno == EAGAIN, "served without a descriptor");
    ::close(taken.back());
    taken.pop_back();
    const timeval time_limit{10, 0};
    ::setsockopt(client, SOL_SOCKET, SO_RCVTIMEO, &time_limit, sizeof time_limit);
    expect_text(client, "hello");
    complete_exchange(client);
    for (const int number: taken)
        ::close(number);
}

unsigned long long enters_of(coil::io_context& context) {
    std::promise<unsigned long long> enters;
    context.post([&] { enters.set_value(context.metrics().enters); });
    return enters.get_future().get();
}

int lowest_free_descriptor() {
    const int number = ::dup(2);
    ::close(number);
    return number;
}

}  // namespace

int main() {
    // Sets a low limit from the start, because the kernel checks the limit when an accept is submitted, not
    // when a client connects.
    rlimit narrow{};
    ::getrlimit(RLIMIT_NOFILE, &narrow);
    narrow.rlim_cur = 256;
    ::setrlimit(RLIMIT_NOFILE, &narrow);

    coil::io_context context;
    tcp::acceptor acceptor(context, {tcp::v6(), 0});
    const std::uint16_t port = acceptor.local_endpoint().port();
    std::size_t failures = 0;
    context.on_task_error([&](const coil::task_failure& failure) {
        ++failures;
        const bool is_expected =
            failure.code == std::errc::connection_reset || failure.code == std::errc::broken_pipe;
        check(is_expected, failure.text.c_str());
    });
    coil::co_spawn(context, serve(context, std::move(acceptor)), coil::detached);
    std::thread server([&] { context.run(); });

    // Runs one exchange first, so that the loop has opened its own descriptors.
    const int first = open_client();
    connect(first, port);
    complete_exchange(first);
    const int descriptors = lowest_free_descriptor();

    storm(port);
    const int next = open_client();
    connect(next, port);
    complete_exchange(next);

    const auto enters_before = enters_of(context);
    exhaust(port);
    check(enters_of(context) - enters_before < 1000, "the loop spun without a free descriptor");

    const int last = open_client();
    connect(last, port);
    complete_exchange(last);
    check(lowest_free_descriptor() == descriptors, "descriptors were left open");
    context.stop();
    server.join();
    std::printf("%zu tasks ended with a reset, as planned\n", failures);
    check(failures >= clients / 2, "too few connections were reset");
}
