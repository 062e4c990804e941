// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT

// Checks lookups while the name server does not respond. With the resolv.conf below, the C library waits 150
// s for the server, which is longer than this program may run. Other lookups must succeed in the meantime.
// Hanging lookups must not delay the end of a wait, or the destruction of the resolver or the context, or the
// end of the process.

#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <memory>
#include <sched.h>
#include <string>
#include <string_view>
#include <sys/mount.h>
#include <unistd.h>

#include <coil/coil.hpp>

#include "support/loopback.hpp"

using coil::ip::tcp;
using namespace std::chrono_literals;

namespace {

constexpr int skipped = 77;

void expect(bool what, const char* text) {
    if (what)
        return;
    std::printf("expectation failed: %s\n", text);
    std::exit(1);
}

bool put(const char* path, std::string_view text) {
    const int file = ::open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    const bool done = ::write(file, text.data(), text.size()) == static_cast<ssize_t>(text.size());
    ::close(file);
    return done;
}

// Replaces the file /etc/`name` with a file that contains `text`, for this process only.
bool replace_file(const char* name, std::string_view text) {
    const std::string place = std::string("/etc/") + name;
    char made[] = "/tmp/coil_names_XXXXXX";
    const int file = ::mkstemp(made);
    const bool done =
        file >= 0 && put(made, text) && ::mount(made, place.c_str(), nullptr, MS_BIND, nullptr) == 0;
    ::close(file);
    ::unlink(made);
    return done;
}

// Gives this process its own network and its own configuration for name resolution. Returns false if that is
// not possible.
bool enter_own_namespaces() {
    const std::string user = "0 " + std::to_string(::getuid()) + " 1";
    if (::unshare(CLONE_NEWNET | CLONE_NEWNS) < 0) {
        if (::unshare(CLONE_NEWUSER | CLONE_NEWNET | CLONE_NEWNS) < 0 || !put("/proc/self/uid_map", user))
            return false;
    }
    return coil::test::bring_up_loopback() &&
           ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0 &&
           replace_file("nsswitch.conf", "hosts: files dns\n") &&
           replace_file("hosts", "127.0.0.1 of-the-file\n") &&
           replace_file("resolv.conf", "nameserver 127.0.0.1\noptions timeout:30 attempts:5\n");
}

coil::task<> hang(tcp::resolver& resolver, int& ended) {
    auto outcome = co_await coil::as_tuple(resolver.resolve("hung.example", "80"));
    expect(outcome.error() == coil::error::operation_aborted, "a hanging lookup is cancelled");
    ++ended;
}

coil::task<> resolve_others(tcp::resolver& resolver) {
    const auto number = co_await resolver.resolve("127.0.0.1", "80");
    expect(number.size() == 1, "a numeric host needs no name server");
    const auto found = co_await coil::timeout(resolver.resolve("of-the-file", "80"), 30s);
    expect(found.size() == 1, "a name of the hosts file is found while others hang");
    auto late = co_await coil::as_tuple(coil::timeout(resolver.resolve("hung.example", "80"), 1ms));
    expect(late.error() == coil::error::timed_out, "a deadline passes");
}

}  // namespace

int main() {
    if (!enter_own_namespaces()) {
        std::printf("skipped: cannot create namespaces: %s\n", std::strerror(errno));
        return skipped;
    }
    auto context = std::make_unique<coil::io_context>();
    coil::ip::udp::socket silent_server(*context, {coil::ip::address_v4::loopback(), 53});
    auto resolver = std::make_unique<tcp::resolver>(*context);

    int ended = 0;
    coil::co_spawn(*context, hang(*resolver, ended), coil::detached);
    coil::co_spawn(*context, hang(*resolver, ended), coil::detached);
    auto others = coil::co_spawn(*context, resolve_others(*resolver));
    // The number of running threads changes only shortly after a lookup has started or ended.
    while (!others.done() || tcp::resolver::metrics().running != 2)
        context->run_for(1ms);

    resolver.reset();
    context->restart();
    context->run();
    expect(ended == 2, "lookups end with their resolver");

    resolver = std::make_unique<tcp::resolver>(*context);
    coil::co_spawn(*context, hang(*resolver, ended), coil::detached);
    context->restart();
    context->poll();
    context.reset();
    expect(ended == 2, "a task of a destroyed context is not resumed");
    resolver.reset();
    std::printf("%u threads remain in abandoned lookups\n", tcp::resolver::metrics().abandoned);
}
