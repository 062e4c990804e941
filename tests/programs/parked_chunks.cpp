// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT

// Checks that chunks that tasks keep do not block other connections, although each chunk could pin a whole
// pool entry. 1,000 connections keep a chunk of ten bytes each while eight other connections move a gigabyte.
// Every byte is checked.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <span>
#include <sys/resource.h>
#include <utility>
#include <vector>

#include <coil/coil.hpp>

using coil::ip::tcp;

namespace {

constexpr std::size_t parked_count = 1000;
constexpr std::size_t movers = 8;
constexpr std::size_t moved_by_each = std::size_t{128} << 20;
constexpr std::size_t bytes_per_park =
    movers * moved_by_each / parked_count;  // bytes that move before the next chunk is parked
constexpr std::size_t largest_chunk = std::size_t{256} << 10;
constexpr std::size_t period = 65521;  // a prime number, so that no buffer size is a multiple of it

struct connection {
    tcp::socket near, far;
};

std::size_t moved = 0;

[[noreturn]] void give_up(const char* what) {
    std::fprintf(stderr, "%s, after %zu bytes\n", what, moved);
    std::exit(1);
}

void check(bool holds, const char* what) {
    if (!holds)
        give_up(what);
}

/// Returns the bytes expected at this position in any stream. The array is as long as the largest chunk.
const std::byte* bytes_from(std::size_t place) {
    static const std::vector<std::byte> bytes = [] {
        std::vector<std::byte> made(period + largest_chunk);
        for (std::size_t i = 0; i < made.size(); ++i)
            made[i] = static_cast<std::byte>((i % period) * 2654435761u >> 13);
        return made;
    }();
    return bytes.data() + place % period;
}

coil::task<connection> connect_ends(coil::io_context& context, tcp::acceptor& acceptor) {
    tcp::socket near(context);
    co_await near.connect(acceptor.local_endpoint());
    auto far = co_await acceptor.accept();
    co_return connection{std::move(near), std::move(far)};
}

coil::task<> send_all(tcp::socket& to) {
    for (std::size_t sent = 0; sent < moved_by_each;) {
        const std::size_t n = std::min(largest_chunk, moved_by_each - sent);
        co_await coil::write(to, std::span(bytes_from(sent), n));
        sent += n;
    }
    to.shutdown(tcp::socket::shutdown_send);
}

coil::task<> receive_all(tcp::socket& from) {
    auto incoming = from.recv_stream();
    std::size_t received = 0;
    while (auto chunk = co_await incoming.next()) {
        check(chunk->size() <= largest_chunk, "a chunk is larger than an entry");
        check(std::memcmp(chunk->data(), bytes_from(received), chunk->size()) == 0, "a byte is wrong");
        received += chunk->size();
        moved += chunk->size();
    }
    check(received == moved_by_each, "bytes are missing");
}

coil::task<> park(std::vector<connection>& connections, std::vector<coil::chunk>& parked) {
    for (connection& each: connections) {
        while (moved < parked.size() * bytes_per_park)
            co_await coil::yield();
        co_await coil::write(each.far, std::span(bytes_from(parked.size()), 10));
        parked.push_back(co_await each.near.recv_chunk());
    }
}

coil::task<> story(coil::io_context& context) {
    tcp::acceptor acceptor(context, {coil::ip::address_v4::loopback(), 0});
    std::vector<connection> quiet, busy;
    while (quiet.size() < parked_count) {
        connection made = co_await connect_ends(context, acceptor);
        quiet.push_back(std::move(made));
    }
    while (busy.size() < movers) {
        connection made = co_await connect_ends(context, acceptor);
        busy.push_back(std::move(made));
    }

    std::vector<coil::chunk> parked;
    std::vector<coil::join_handle<void>> tasks;
    for (connection& each: busy) {
        tasks.push_back(coil::co_spawn(context, send_all, std::ref(each.far)));
        tasks.push_back(coil::co_spawn(context, receive_all, std::ref(each.near)));
    }
    tasks.push_back(coil::co_spawn(context, park, std::ref(quiet), std::ref(parked)));
    for (auto& each: tasks)
        co_await each.join();

    check(parked.size() == parked_count, "not all have parked");
    for (std::size_t i = 0; i < parked.size(); ++i)
        check(parked[i].size() == 10 && std::memcmp(parked[i].data(), bytes_from(i), 10) == 0,
              "a kept chunk has changed");
    const auto counts = context.metrics();
    check(counts.copied > 0, "nothing was copied out");
    std::printf("%zu chunks were kept while %zu MiB moved; copied out: %llu, starved: %llu\n", parked.size(),
                moved >> 20, counts.copied, counts.starved);
    parked.clear();
    check(context.metrics().pinned == 0, "entries are pinned although no chunk is left");
}

void allow_descriptors(rlim_t number) {
    rlimit limit{};
    ::getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = std::max(limit.rlim_cur, std::min(number, limit.rlim_max));
    ::setrlimit(RLIMIT_NOFILE, &limit);
}

}  // namespace

int main() {
    allow_descriptors(2 * (parked_count + movers) + 100);
    coil::io_context context;
    bool failed = false;
    context.on_task_error([&](const coil::task_failure& failure) {
        std::fprintf(stderr, "%s\n", failure.text.c_str());
        failed = true;
    });
    coil::co_spawn(context, story, std::ref(context), coil::detached);
    context.run();
    return failed ? 1 : 0;
}
