// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT

// Runs one block of the documentation: usage: coil_docs PAGE_NUMBER

#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <netdb.h>
#include <sched.h>
#include <stdexcept>
#include <string>
#include <unistd.h>

#include <coil/loop/co_spawn.hpp>

#include "docs/block.hpp"
#include "support/loopback.hpp"

namespace coil::docs {
namespace {

constexpr int skipped = 77;

const block*& first_block() noexcept {
    static const block* first = nullptr;
    return first;
}

// The programs of the documentation use fixed ports.
bool enter_own_network() {
    return (::unshare(CLONE_NEWNET) == 0 || ::unshare(CLONE_NEWUSER | CLONE_NEWNET) == 0) &&
           test::bring_up_loopback();
}

task<> run_body(task<> (*body)(io_context&), io_context& context, bool& ended) {
    co_await body(context);
    ended = true;
}

}  // namespace

block::block(const char* name, function program, bool wants_own_network, peer beside) noexcept
    : name_(name),
      run_(program),
      wants_own_network_(wants_own_network),
      beside_(beside),
      next_(first_block()) {
    first_block() = this;
}

const block* block::find(const char* name) noexcept {
    const block* each = first_block();
    while (each && std::strcmp(each->name_, name) != 0)
        each = each->next_;
    return each;
}

int block::run() const {
    if (wants_own_network_ && !enter_own_network()) {
        std::fprintf(stderr, "cannot enter a network namespace: %s\n", std::strerror(errno));
        return skipped;
    }
    return beside_ ? beside_(run_) : run_();
}

int run(task<> (*body)(io_context&)) {
    bool ended = false;
    bool failed = false;
    io_context context;
    context.on_task_error([&failed](const task_failure& failure) {
        std::fprintf(stderr, "%s\n", failure.text.c_str());
        failed = true;
    });
    co_spawn(context, run_body(body, context, ended), detached);
    context.run_for(std::chrono::seconds(30));
    if (!ended && !context.stopped())
        std::fprintf(stderr, "the block did not end\n");
    return failed || (!ended && !context.stopped()) ? 1 : 0;
}

int skip(const char* reason) {
    std::fprintf(stderr, "skipped: %s\n", reason);
    return skipped;
}

void needs_localhost() {
    addrinfo* found = nullptr;
    if (const int failure = ::getaddrinfo("localhost", nullptr, nullptr, &found)) {
        std::fprintf(stderr, "localhost: %s\n", ::gai_strerror(failure));
        std::_Exit(skipped);
    }
    ::freeaddrinfo(found);
}

void expect(bool what, std::source_location where) {
    if (!what)
        throw std::logic_error(std::string("not as expected: ") + where.file_name() + ":" +
                               std::to_string(where.line()));
}

task<std::pair<ip::tcp::socket, ip::tcp::socket>> connected(io_context& context) {
    using ip::tcp;
    tcp::acceptor acceptor(context, {ip::address_v4::loopback(), 0});
    std::pair<tcp::socket, tcp::socket> ends{tcp::socket(context), tcp::socket(context)};
    co_await ends.first.connect(acceptor.local_endpoint());
    ends.second = co_await acceptor.accept();
    co_return ends;
}

}  // namespace coil::docs

int main(int argc, char** argv) {
    const coil::docs::block* chosen = argc == 2 ? coil::docs::block::find(argv[1]) : nullptr;
    if (!chosen) {
        std::fprintf(stderr, "usage: coil_docs PAGE_NUMBER\n");
        return 2;
    }
    return chosen->run();
}
