// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT

// 1,000 peers send to an echo server but read nothing. The server's memory must stay within the limits set by
// its options, and an honest peer must still get all its answers. This is a regression test. Each hostile
// peer once cost 277 KB, and a server in a container of 64 MiB was killed.

#include <algorithm>
#include <array>
#include <atomic>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <new>
#include <sys/resource.h>
#include <utility>
#include <vector>

#include <coil/coil.hpp>
#include <malloc.h>

using coil::ip::tcp;

namespace {

std::atomic<long long> bytes{0};
std::atomic<long long> bytes_max{0};

constexpr std::size_t hostile = 1000;
constexpr int rounds = 60;
constexpr int questions = 300;
constexpr long long allowed = 64 << 20;

}  // namespace

void* operator new(std::size_t size) {
    void* const block = std::malloc(size);
    if (!block)
        throw std::bad_alloc();
    const long long now = bytes += static_cast<long long>(malloc_usable_size(block));
    bytes_max = std::max(bytes_max.load(), now);
    return block;
}
void* operator new(std::size_t size, const std::nothrow_t&) noexcept {
    try {
        return ::operator new(size);
    } catch (...) {
        return nullptr;
    }
}
void operator delete(void* block) noexcept {
    if (block)
        bytes -= static_cast<long long>(malloc_usable_size(block));
    std::free(block);
}
void operator delete(void* block, std::size_t) noexcept { ::operator delete(block); }

namespace {

coil::task<> echo(tcp::socket peer) {
    auto incoming = peer.recv_stream();
    while (auto chunk = co_await incoming.next())
        co_await coil::write(peer, *chunk);
}

coil::task<> serve(tcp::acceptor& acceptor) {
    for (;;)
        coil::co_spawn(acceptor.context(), echo(co_await acceptor.accept()), coil::detached);
}

coil::task<> attack(coil::io_context& context, tcp::endpoint server) {
    std::vector<tcp::socket> peers;
    for (std::size_t i = 0; i < hostile; ++i) {
        tcp::socket& peer = peers.emplace_back(context);
        peer.open(tcp::v4());
        peer.set_option(tcp::socket::receive_buffer_size(4096));
        co_await peer.connect(server);
    }
    // The sends below create no tasks and no frames, so only the server's memory is counted.
    static std::array<char, 4000> junk;
    bytes_max = bytes.load();
    const long long before = bytes;
    for (int round = 0; round < rounds; ++round) {
        for (tcp::socket& each: peers)
            static_cast<void>(co_await coil::as_tuple(each.send(junk, coil::message_flags::dont_wait)));
        co_await coil::yield();
    }

    tcp::socket honest(context);
    co_await honest.connect(server);
    std::array<char, 1000> question{}, answer;
    for (int i = 0; i < questions; ++i) {
        question[static_cast<std::size_t>(i)] = static_cast<char>(i);
        co_await coil::timeout(coil::write(honest, question), std::chrono::seconds(10));
        co_await coil::timeout(coil::read(honest, answer), std::chrono::seconds(10));
        if (question != answer)
            throw std::runtime_error("the answer differs from the question");
    }

    const auto counts = context.metrics();
    const long long cost = bytes_max - before;
    std::printf(
        "%zu hostile peers: at most %lld KiB, %llu KiB of them copies; %llu receives found the pool empty\n",
        hostile, cost >> 10, counts.held >> 10, counts.starved);
    if (cost > allowed)
        throw std::runtime_error("more than 64 MiB");
    context.stop();
}

}  // namespace

int main() {
    rlimit descriptors{};
    ::getrlimit(RLIMIT_NOFILE, &descriptors);
    descriptors.rlim_cur = descriptors.rlim_max;
    ::setrlimit(RLIMIT_NOFILE, &descriptors);
    if (descriptors.rlim_cur < 2 * hostile + 100)
        return 77;
    coil::io_context context;
    tcp::acceptor acceptor(context);
    acceptor.open(tcp::v4());
    acceptor.set_option(tcp::socket::send_buffer_size(4096));
    acceptor.bind({coil::ip::address_v4::loopback(), 0});
    acceptor.listen();
    bool failed = false;
    context.on_task_error([&](const coil::task_failure& failure) {
        std::fprintf(stderr, "%s\n", failure.text.c_str());
        failed = true;
        context.stop();
    });
    coil::co_spawn(context, serve, std::ref(acceptor), coil::detached);
    coil::co_spawn(context, attack(context, acceptor.local_endpoint()), coil::detached);
    context.run();
    return failed ? 1 : 0;
}
