// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#include "docs/peers.hpp"

#include <arpa/inet.h>
#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <netinet/in.h>
#include <poll.h>
#include <string>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

namespace coil::docs {
namespace {

using namespace std::string_literals;

constexpr int timeout_ms = 10'000;

[[noreturn]] void fail(const char* what) {
    std::fprintf(stderr, "%s: %s\n", what, std::strerror(errno));
    std::exit(1);
}

// Runs the program in a child process, which is killed when this process ends.
class process {
public:
    explicit process(int (*program)()) : id_(::fork()) {
        if (id_ < 0)
            fail("fork");
        if (id_ > 0)
            return;
        ::prctl(PR_SET_PDEATHSIG, SIGKILL);
        std::exit(program());
    }

    [[nodiscard]] int exit_status() {
        int status = 0;
        if (::waitpid(id_, &status, 0) != id_)
            fail("waitpid");
        if (WIFEXITED(status))
            return WEXITSTATUS(status);
        std::fprintf(stderr, "the program was ended by signal %d\n", WTERMSIG(status));
        return 1;
    }
    void send(int number) const { ::kill(id_, number); }
    /// Returns 0 if the server still runs, and kills it.
    [[nodiscard]] int still_runs() {
        int status = 0;
        if (::waitpid(id_, &status, WNOHANG) != 0) {
            std::fprintf(stderr, "the server has ended\n");
            return 1;
        }
        ::kill(id_, SIGKILL);
        ::waitpid(id_, &status, 0);
        return 0;
    }

private:
    pid_t id_;
};

sockaddr_in port_7777() {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(7777);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return address;
}

int open_socket(int type) {
    const int number = ::socket(AF_INET, type | SOCK_CLOEXEC, 0);
    const timeval timeout{timeout_ms / 1000, 0};
    if (number < 0 || ::setsockopt(number, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout) < 0)
        fail("socket");
    return number;
}

int connect_to_server() {
    const int client = open_socket(SOCK_STREAM);
    const sockaddr_in server = port_7777();
    if (::connect(client, reinterpret_cast<const sockaddr*>(&server), sizeof server) == 0)
        return client;
    ::close(client);
    return -1;
}

// Retries until the server listens.
int connect_when_listening() {
    for (int attempt = 0; attempt < 1000; ++attempt) {
        if (const int client = connect_to_server(); client >= 0)
            return client;
        ::poll(nullptr, 0, 10);
    }
    fail("the server does not listen");
}

void send_text(int client, const std::string& text) {
    if (::send(client, text.data(), text.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(text.size()))
        fail("send");
}

void expect_text(int client, const std::string& text) {
    std::string received(text.size(), '\0');
    if (::recv(client, received.data(), received.size(), MSG_WAITALL) !=
            static_cast<ssize_t>(received.size()) ||
        received != text)
        fail("the server sent something else");
}

void expect_end(int client) {
    char end;
    if (::recv(client, &end, 1, 0) != 0)
        fail("the server did not close the connection");
    ::close(client);
}

void exchange(int client) {
    const std::string text(100'000, 'x');
    for (int i = 0; i < 3; ++i) {
        send_text(client, text);
        expect_text(client, text);
    }
    ::shutdown(client, SHUT_WR);
    expect_end(client);
}

void reset(int client) {
    const linger immediately{1, 0};
    ::setsockopt(client, SOL_SOCKET, SO_LINGER, &immediately, sizeof immediately);
    ::close(client);
}

int bound_to_port_7777(int type) {
    const int number = open_socket(type);
    const sockaddr_in here = port_7777();
    if (::bind(number, reinterpret_cast<const sockaddr*>(&here), sizeof here) < 0)
        fail("bind");
    return number;
}

int listening_on_port_7777() {
    const int listener = bound_to_port_7777(SOCK_STREAM);
    if (::listen(listener, 5) < 0)
        fail("listen");
    return listener;
}

std::string received_bytes(int peer, std::size_t size) {
    std::string received(size, '\0');
    if (::recv(peer, received.data(), size, MSG_WAITALL) != static_cast<ssize_t>(size))
        fail("recv");
    return received;
}

std::string received_until(int peer, const std::string& end) {
    std::string received;
    while (!received.ends_with(end))
        received += received_bytes(peer, 1);
    return received;
}

// Receives a message of PostgreSQL's protocol: `type_size` bytes, the length in 4 bytes, and the contents.
// Returns the type and the contents.
std::string received_message(int peer, std::size_t type_size) {
    const std::string type = received_bytes(peer, type_size);
    std::uint32_t length = 0;
    const std::string bytes = received_bytes(peer, sizeof length);
    std::memcpy(&length, bytes.data(), sizeof length);
    return type + received_bytes(peer, ntohl(length) - sizeof length);
}

std::string message(char type, const std::string& contents) {
    const std::uint32_t length = htonl(static_cast<std::uint32_t>(sizeof length + contents.size()));
    std::string bytes(sizeof length, '\0');
    std::memcpy(bytes.data(), &length, sizeof length);
    return type + bytes + contents;
}

}  // namespace

int echo_client(int (*program)()) {
    process server(program);
    exchange(connect_when_listening());
    return server.still_runs();
}

int resetting_clients(int (*program)()) {
    process server(program);
    reset(connect_when_listening());
    for (int i = 0; i < 1000; ++i) {
        const int client = connect_to_server();
        if (client < 0)
            fail("a client could not connect");
        const std::string text = "client " + std::to_string(i);
        if (i % 3 >= 1)
            send_text(client, text);
        if (i % 3 == 2)
            expect_text(client, text);
        reset(client);  // before, during or after the exchange
    }
    exchange(connect_to_server());
    return server.still_runs();
}

int clients_until_sigterm(int (*program)()) {
    process server(program);
    exchange(connect_when_listening());
    const int waiting = connect_to_server();
    send_text(waiting, "hello");
    expect_text(waiting, "hello");
    server.send(SIGTERM);
    expect_text(waiting, "the server is going down\n");
    expect_end(waiting);
    return server.exit_status();
}

int clients_of_all_cores(int (*program)()) {
    process server(program);
    exchange(connect_when_listening());
    for (int i = 0; i < 20; ++i)
        exchange(connect_to_server());
    const int waiting = connect_to_server();
    send_text(waiting, "hello");
    expect_text(waiting, "hello");
    server.send(SIGTERM);
    expect_end(waiting);
    return server.exit_status();
}

int drained_by_signals(int (*program)()) {
    // A request whose answer arrives makes sure that the server reads the next line before the signal.
    const auto begin_request = [](int client, const std::string& duration) {
        send_text(client, "0\n" + duration + "\n");
        expect_text(client, "done\n");
        ::poll(nullptr, 0, 50);
    };
    {
        process server(program);
        const int wrong = connect_when_listening();
        send_text(wrong, "not a number\n");
        expect_end(wrong);
        const int idle = connect_to_server();
        send_text(idle, "0\n");
        expect_text(idle, "done\n");
        const int busy = connect_to_server();
        begin_request(busy, "500");
        server.send(SIGTERM);
        expect_end(idle);
        if (connect_to_server() >= 0)
            fail("the port is open during the drain");
        expect_text(busy, "done\n");
        expect_end(busy);
        if (server.exit_status() != 0)
            fail("the server has interrupted a request");
    }
    for (const bool has_second_signal: {true, false}) {
        process server(program);
        const int busy = connect_when_listening();
        begin_request(busy, "60000");
        const auto begun = std::chrono::steady_clock::now();
        server.send(SIGTERM);
        ::poll(nullptr, 0, 50);
        if (has_second_signal)
            server.send(SIGTERM);
        expect_end(busy);
        const auto lasted = std::chrono::steady_clock::now() - begun;
        if (!has_second_signal && lasted < std::chrono::milliseconds(4900))
            fail("the drain was too short");
        if (server.exit_status() != 1)
            fail("the server has not reported an interrupted request");
    }
    return 0;
}

int udp_client(int (*program)()) {
    process server(program);
    const int client = open_socket(SOCK_DGRAM);
    const sockaddr_in there = port_7777();
    if (::connect(client, reinterpret_cast<const sockaddr*>(&there), sizeof there) < 0)
        fail("connect");
    std::array<char, 100> buffer;
    // Datagrams are refused (ECONNREFUSED) until the server has bound its socket. The loopback loses none
    // after that.
    ssize_t received = -1;
    for (int attempt = 0; received != 5 && attempt < 1000; ++attempt) {
        ::send(client, "hello", 5, 0);
        pollfd answer{client, POLLIN, 0};
        ::poll(&answer, 1, 10);
        received = ::recv(client, buffer.data(), buffer.size(), MSG_DONTWAIT);
        // A refused datagram ends the poll above immediately; give the server time to start.
        if (received < 0)
            ::poll(nullptr, 0, 1);
    }
    if (received != 5 || std::memcmp(buffer.data(), "hello", 5) != 0)
        fail("the datagram did not come back");
    return server.still_runs();
}

int echo_server(int (*program)()) {
    const int listener = listening_on_port_7777();
    process client(program);
    const int peer = ::accept(listener, nullptr, nullptr);
    std::array<char, 4096> buffer;
    for (ssize_t n; (n = ::recv(peer, buffer.data(), buffer.size(), 0)) > 0;)
        send_text(peer, std::string(buffer.data(), static_cast<std::size_t>(n)));
    ::close(peer);
    ::close(listener);
    return client.exit_status();
}

int http_server(int (*program)()) {
    const int listener = listening_on_port_7777();
    process client(program);
    const int one = ::accept(listener, nullptr, nullptr);
    const int two = ::accept(listener, nullptr, nullptr);
    for (const int each: {two, one}) {
        const std::string request = received_until(each, "\r\n\r\n");
        const std::string path = request.substr(4, 4);  // after "GET "
        send_text(each, "HTTP/1.1 200 OK\r\nContent-Length: 4\r\nConnection: close\r\n\r\n" + path);
        ::close(each);
    }
    const int three = ::accept(listener, nullptr, nullptr);
    received_until(three, "\r\n\r\n");
    expect_end(three);
    ::close(listener);
    return client.exit_status();
}

int name_server(int (*program)()) {
    const int server = bound_to_port_7777(SOCK_DGRAM);
    process client(program);
    for (int i = 0; i < 2; ++i) {
        std::array<char, 512> query{};
        sockaddr_in from{};
        socklen_t size = sizeof from;
        const ssize_t n =
            ::recvfrom(server, query.data(), query.size(), 0, reinterpret_cast<sockaddr*>(&from), &size);
        constexpr std::size_t header_size = 12;
        if (n < static_cast<ssize_t>(header_size))
            fail("no query arrived");
        // The question is a name, which ends with an empty label, a type and a class.
        const std::string name(query.data() + header_size);
        std::string answer(query.data(), header_size + name.size() + 1 + 4);
        answer.replace(2, 10, "\x81\x80\0\1\0\1\0\0\0\0"s);  // a response with one answer
        // The name of the question, type A, class IN, 60 s, 192.0.2.x
        answer += "\xc0\x0c\0\1\0\1\0\0\0\x3c\0\4\xc0\0\2"s + static_cast<char>(1 + i);
        if (::sendto(server, answer.data(), answer.size(), 0, reinterpret_cast<const sockaddr*>(&from),
                     size) < 0)
            fail("sendto");
    }
    ::close(server);
    return client.exit_status();
}

int postgresql_server(int (*program)()) {
    if (process without_server(program); without_server.exit_status() != 1) {
        std::fprintf(stderr, "the program did not report that no server listens\n");
        return 1;
    }
    const int listener = listening_on_port_7777();
    process client(program);
    const int peer = ::accept(listener, nullptr, nullptr);
    // Refuses to encrypt the connection (GSS, SSL) until the start-up message of protocol 3.0 arrives.
    while (received_message(peer, 0).substr(0, 4) != "\0\3\0\0"s)
        send_text(peer, "N");
    const std::string ready = message('Z', "I");
    send_text(peer, message('R', "\0\0\0\0"s) + ready);  // authentication is complete
    if (received_message(peer, 1) != "QSELECT 6 * 7\0"s)
        fail("the query did not arrive");
    // One column with a name, no table, type 23 (int4) of 4 bytes, no modifier, format text; one row with "42".
    const std::string columns = "\0\1"s + "answer\0"s + "\0\0\0\0"s + "\0\0"s + "\0\0\0\x17"s + "\0\4"s +
                                "\xff\xff\xff\xff"s + "\0\0"s;
    const std::string row = "\0\1"s + "\0\0\0\2"s + "42";
    send_text(peer, message('T', columns) + message('D', row) + message('C', "SELECT 1\0"s) + ready);
    if (received_message(peer, 1) != "X")
        fail("the connection was not terminated");
    expect_end(peer);
    ::close(listener);
    return client.exit_status();
}

int udp_echo_server(int (*program)()) {
    const int server = bound_to_port_7777(SOCK_DGRAM);
    process client(program);
    std::array<char, 4096> buffer;
    sockaddr_in from{};
    socklen_t size = sizeof from;
    const ssize_t n =
        ::recvfrom(server, buffer.data(), buffer.size(), 0, reinterpret_cast<sockaddr*>(&from), &size);
    if (n < 0 || ::sendto(server, buffer.data(), static_cast<std::size_t>(n), 0,
                          reinterpret_cast<const sockaddr*>(&from), size) != n)
        fail("no datagram arrived");
    ::close(server);
    return client.exit_status();
}

}  // namespace coil::docs
