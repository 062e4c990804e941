// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT

// The README's echo and serve, on a port of the kernel's choice. A thousand clients, fifty at a time, reset their
// connections before, during and after the dialogue; then the process runs out of descriptors. The next client is served,
// nothing is left open, and the loop has not spun.

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
    while (std::size_t n = co_await peer.recv(buffer))           // 0: the peer has finished sending
        co_await coil::write(peer, std::span(buffer).first(n));  // all of it
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
    const timeval patience{10, 0};
    ::setsockopt(client, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    return client;
}

void connect(int client, std::uint16_t port) {
    sockaddr_in server{};
    server.sin_family = AF_INET;
    server.sin_port = htons(port);
    server.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    check(::connect(client, reinterpret_cast<sockaddr*>(&server), sizeof server) == 0, "connect");
}

void say(int client, const std::string& text) {
    check(::send(client, text.data(), text.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(text.size()),
          "send");
}

void hear(int client, const std::string& text) {
    std::string heard(text.size(), '\0');
    check(::recv(client, heard.data(), heard.size(), MSG_WAITALL) == static_cast<ssize_t>(heard.size()),
          "recv");
    check(heard == text, "the echo differs");
}

void reset(int client) {
    const linger at_once{1, 0};
    ::setsockopt(client, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    ::close(client);
}

/// Holds a whole dialogue, to its orderly end.
void hold_dialogue(int client) {
    const std::string text(100'000, 'x');
    for (int i = 0; i < 3; ++i) {
        say(client, text);
        hear(client, text);
    }
    ::shutdown(client, SHUT_WR);
    char end;
    check(::recv(client, &end, 1, 0) == 0, "the server did not end the dialogue");
    ::close(client);
}

void storm(std::uint16_t port) {
    for (int begun = 0; begun < clients; begun += at_a_time) {
        std::vector<int> open;
        for (int i = 0; i < at_a_time; ++i) {
            open.push_back(open_client());
            connect(open.back(), port);
            if (i % 4 == 0)
                reset(open.back());  // before it is accepted, or just then
            else
                say(open.back(), "client " + std::to_string(begun + i));
        }
        for (int i = 0; i < at_a_time; ++i) {
            const int client = open[static_cast<std::size_t>(i)];
            if (i % 4 == 0)
                continue;
            if (i % 4 == 1)
                hear(client, "client " + std::to_string(begun + i));
            if (i % 4 == 2)
                say(client, std::string(20'000, 'y'));  // the server is writing when it learns of the reset
            reset(client);
        }
    }
}

/// Takes every descriptor that there is.
std::vector<int> take_all_descriptors() {
    std::vector<int> taken;
    for (int number; (number = ::dup(2)) >= 0;)
        taken.push_back(number);
    check(errno == EMFILE, "dup");
    return taken;
}

void exhaust(std::uint16_t port) {
    const int client = open_client();
    std::vector<int> taken = take_all_descriptors();
    connect(client, port);  // the server can't accept it
    say(client, "hello");
    char byte;
    const timeval moment{0, 250'000};
    ::setsockopt(client, SOL_SOCKET, SO_RCVTIMEO, &moment, sizeof moment);
    check(::recv(client, &byte, 1, 0) < 0 && errno == EAGAIN, "served without a descriptor");
    ::close(taken.back());
    taken.pop_back();
    const timeval patience{10, 0};
    ::setsockopt(client, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    hear(client, "hello");
    hold_dialogue(client);
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
    // Few, and from the beginning: the kernel looks at the limit when it is asked to accept, not when somebody comes.
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
        const bool is_the_worlds =
            failure.code == std::errc::connection_reset || failure.code == std::errc::broken_pipe;
        check(is_the_worlds, failure.text.c_str());
    });
    coil::co_spawn(context, serve(context, std::move(acceptor)), coil::detached);
    std::thread server([&] { context.run(); });

    // One dialogue first: what the loop opens for itself, it has opened then.
    const int first = open_client();
    connect(first, port);
    hold_dialogue(first);
    const int descriptors = lowest_free_descriptor();

    storm(port);
    const int next = open_client();
    connect(next, port);
    hold_dialogue(next);

    const auto enters_before = enters_of(context);
    exhaust(port);
    check(enters_of(context) - enters_before < 1000, "the loop has spun while there was no descriptor");

    const int last = open_client();
    connect(last, port);
    hold_dialogue(last);
    check(lowest_free_descriptor() == descriptors, "descriptors were left open");
    context.stop();
    server.join();
    std::printf("%zu tasks ended with a reset, as was planned\n", failures);
    check(failures >= clients / 2, "too few clients were met by the storm");
}
