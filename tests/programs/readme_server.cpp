// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT

// The README's server, word for word, in a network of its own (its port is fixed): a thousand clients reset their
// connections before, during and after the dialogue, and the next one is served.

#include <arpa/inet.h>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <string>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

namespace {

constexpr int skipped = 77;
constexpr int clients = 1000;

[[noreturn]] void fail(const char* what) {
    std::fprintf(stderr, "%s: %s\n", what, std::strerror(errno));
    std::exit(1);
}

bool enter_own_network() {
    if (::unshare(CLONE_NEWNET) < 0 && ::unshare(CLONE_NEWUSER | CLONE_NEWNET) < 0)
        return false;
    const int any = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    ifreq loopback{};
    std::strcpy(loopback.ifr_name, "lo");
    loopback.ifr_flags = IFF_UP;
    const bool up = ::ioctl(any, SIOCSIFFLAGS, &loopback) == 0;
    ::close(any);
    return up;
}

int connect_to_server() {
    const int client = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in server{};
    server.sin_family = AF_INET;
    server.sin_port = htons(7777);
    server.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (client < 0 || ::connect(client, reinterpret_cast<sockaddr*>(&server), sizeof server) < 0) {
        ::close(client);
        return -1;
    }
    const timeval patience{10, 0};
    ::setsockopt(client, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    return client;
}

// Bounded by the server's start, not by time: it listens before it runs.
int connect_when_it_listens() {
    for (int attempt = 0; attempt < 1000; ++attempt) {
        if (const int client = connect_to_server(); client >= 0)
            return client;
        ::poll(nullptr, 0, 10);
    }
    fail("the server does not listen");
}

void say(int client, const std::string& text) {
    if (::send(client, text.data(), text.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(text.size()))
        fail("send");
}

void hear(int client, const std::string& text) {
    std::string heard(text.size(), '\0');
    if (::recv(client, heard.data(), heard.size(), MSG_WAITALL) != static_cast<ssize_t>(heard.size()) ||
        heard != text)
        fail("the echo differs");
}

void reset(int client) {
    const linger at_once{1, 0};
    ::setsockopt(client, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    ::close(client);
}

void hold_dialogues() {
    reset(connect_when_it_listens());
    for (int i = 0; i < clients; ++i) {
        const int client = connect_to_server();
        if (client < 0)
            fail("a client could not connect");
        const std::string text = "client " + std::to_string(i);
        if (i % 3 >= 1)
            say(client, text);
        if (i % 3 == 2)
            hear(client, text);
        reset(client);  // before, during or after the dialogue
    }
    const int last = connect_to_server();
    if (last < 0)
        fail("the last client could not connect");
    const std::string text(100'000, 'x');
    for (int i = 0; i < 3; ++i) {
        say(last, text);
        hear(last, text);
    }
    ::shutdown(last, SHUT_WR);
    char end;
    if (::recv(last, &end, 1, 0) != 0)
        fail("the server did not end the dialogue");
    ::close(last);
}

}  // namespace

int main() {
    if (!enter_own_network()) {
        std::fprintf(stderr, "no network of its own: %s\n", std::strerror(errno));
        return skipped;
    }
    const pid_t server = ::fork();
    if (server == 0) {
        ::prctl(PR_SET_PDEATHSIG, SIGKILL);
        ::execl(COIL_README_SERVER, COIL_README_SERVER, static_cast<char*>(nullptr));
        fail(COIL_README_SERVER);
    }
    hold_dialogues();
    int status = 0;
    if (::waitpid(server, &status, WNOHANG) != 0) {
        std::fprintf(stderr, "the server has ended\n");
        return 1;
    }
    ::kill(server, SIGKILL);
    ::waitpid(server, &status, 0);
}
