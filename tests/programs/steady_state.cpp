// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT

// Checks that an operation allocates nothing and executes no locked instructions after a warm-up, even if a
// second thread exists. To check the two counters themselves, the program first plants some allocations and
// locked instructions, which must be counted.

#include <array>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string_view>
#include <thread>
#include <unistd.h>
#include <vector>

#include <coil/coil.hpp>
#include <coil/op/nop.hpp>

#include "../../bench/support/allocations.hpp"
#include "../../bench/support/single_step.hpp"

namespace {

using namespace std::chrono_literals;
using coil::ip::tcp;

// This is more frames than the quarantine in test builds can hold.
constexpr int rounds_to_warm_up = 1000;
constexpr int rounds = 1000;

int failures = 0;

void expect(bool holds, const char* what, const char* of_what, unsigned long long counted) {
    std::printf("%-44s %llu %s%s\n", of_what, counted, what, holds ? "" : "   WRONG");
    if (!holds)
        ++failures;
}

// ---- the measured actions ---------------------------------------------------------------------------------

struct ends {
    explicit ends(coil::io_context& on) : context(on), client(on), server(on) {}

    coil::io_context& context;
    tcp::socket client;
    tcp::socket server;
    std::array<char, 64> message{};
};

coil::task<> connect(ends& ends) {
    tcp::acceptor acceptor(ends.context, {coil::ip::address_v4::loopback(), 0});
    co_await ends.client.connect(acceptor.local_endpoint());
    ends.server = co_await acceptor.accept();
}

coil::task<> echo(tcp::socket& peer) {
    std::array<char, 4096> buffer;
    while (const std::size_t n = co_await peer.recv(buffer))
        co_await coil::write(peer, std::span(buffer).first(n));
}

coil::task<> send_and_recv(ends& ends) {
    co_await ends.client.send(ends.message);
    co_await ends.client.recv(ends.message);
}

coil::task<> write_and_read(ends& ends) {
    co_await coil::write(ends.client, ends.message);
    co_await coil::read(ends.client, ends.message);
}

coil::task<> nop(ends&) { co_await coil::op::nop_description{}; }

coil::task<int> one() { co_return 1; }

coil::task<> nothing() { co_return; }

coil::task<> await_a_task(ends&) {
    const int got = co_await one();
    if (got != 1)
        std::abort();
}

coil::task<> spawn_and_join(ends& ends) {
    auto worker = coil::co_spawn(ends.context, one());
    const int got = co_await worker.join();
    if (got != 1)
        std::abort();
}

coil::task<> spawn_detached(ends& ends) {
    coil::co_spawn(ends.context, nothing(), coil::detached);
    co_await coil::yield();
}

coil::task<> timeout_in_time(ends& ends) {
    co_await coil::write(ends.client, ends.message);
    co_await coil::timeout(coil::read(ends.client, ends.message), 5s);
}

coil::task<> timeout_that_fires(ends& ends) {
    const auto [ec, n] = co_await coil::as_tuple(coil::timeout(ends.client.recv(ends.message), 1us));
    if (ec != coil::error::timed_out)
        std::abort();
}

coil::task<> sleep(ends&) { co_await coil::sleep_for(1us); }

struct action {
    const char* name;
    coil::task<> (*once)(ends&);
};

constexpr action actions[] = {
    {"a TCP round trip, send and recv", send_and_recv},
    {"a TCP round trip, write and read", write_and_read},
    {"a no-op", nop},
    {"an awaited task", await_a_task},
    {"a spawned task, joined", spawn_and_join},
    {"a spawned task, detached", spawn_detached},
    {"a timeout, in time", timeout_in_time},
    {"a timeout that fires", timeout_that_fires},
    {"a sleep", sleep},
};

// Runs `story(ends)` concurrently with an echo task.
template <class Story>
void run(Story story) {
    coil::io_context context;
    ends ends(context);
    const auto whole = [&]() -> coil::task<> {
        co_await connect(ends);
        auto echoing = coil::co_spawn(context, echo(ends.server));
        co_await story(ends);
        ends.client.close();
        co_await echoing.join();
    };
    coil::co_spawn(context, whole(), coil::detached);
    context.run();
}

// ---- allocations ------------------------------------------------------------------------------------------

void* volatile sink;  // prevents the compiler from removing the planted allocations

coil::task<> allocate_nothing(ends& ends) {
    for (const action& each: actions) {
        for (int i = 0; i < rounds_to_warm_up; ++i)
            co_await each.once(ends);
        const auto before = coil::bench::allocations();
        for (int i = 0; i < rounds; ++i)
            co_await each.once(ends);
        const auto made = coil::bench::allocations() - before;
        expect(made == 0, "allocations in 1000 rounds", each.name, made);
    }
}

void check_allocations() {
    const auto planted = [](const char* name, auto allocate, auto release) {
        const auto before = coil::bench::allocations();
        sink = allocate();
        const auto made = coil::bench::allocations() - before;
        release();
        expect(made == 1, "allocation", name, made);
    };
    planted("planted: malloc", [] { return std::malloc(100); }, [] { std::free(sink); });
    planted("planted: new", [] { return new char; }, [] { delete static_cast<char*>(sink); });
    planted("planted: new[]", [] { return new char[100]; }, [] { delete[] static_cast<char*>(sink); });
    run(allocate_nothing);
}

// ---- locked instructions ----------------------------------------------------------------------------------

std::atomic<int> planted{0};

coil::task<> execute_between_marks(ends& ends) {
    for (const action& each: actions) {
        for (int i = 0; i < rounds_to_warm_up; ++i)
            co_await each.once(ends);
        coil::bench::mark();
        co_await each.once(ends);
        coil::bench::mark();
    }
}

// The child process runs this function. The child exits without running destructors, while its second thread
// is still alive.
void execute_everything() {
    int never[2];
    if (::pipe(never) != 0)
        std::abort();
    std::thread second([&] {
        char byte;
        while (::read(never[0], &byte, 1) != 0)
            ;
    });
    second.detach();

    coil::bench::mark();
    planted.fetch_add(1, std::memory_order_relaxed);
    coil::bench::mark();

    coil::bench::mark();
    planted.exchange(1, std::memory_order_relaxed);
    coil::bench::mark();

    coil::bench::mark();
    planted.store(planted.load(std::memory_order_relaxed) + 1, std::memory_order_release);
    coil::bench::mark();

    run(execute_between_marks);
    ::_exit(0);
}

struct expectation {
    const char* name;
    std::size_t locked;
};

// Returns false if this system does not allow the program to count locked instructions.
bool check_locked_instructions() {
#ifdef COIL_BENCH_SANITIZED
    std::printf("locked instructions are not counted: the sanitizer executes some itself\n");
    return true;
#endif
    if (!coil::bench::can_single_step)
        return false;
    std::vector<expectation> expected{
        {"planted: fetch_add", 1}, {"planted: exchange", 1}, {"planted: load and store", 0}};
    for (const action& each: actions)
        expected.push_back({each.name, 0});

    coil::bench::traced_child child(execute_everything);
    for (const expectation& each: expected) {
        const auto found = child.next();
        if (!found) {
            if (child.status() == coil::bench::traced_child::refused)
                return false;
            std::printf("the traced process ended with %d before %s\n", child.status(), each.name);
            ++failures;
            return true;
        }
        const bool holds = found->locked.size() == each.locked;
        expect(holds, "locked instructions", each.name, found->locked.size());
        std::printf("%-44s %llu instructions\n", "", found->instructions);
        if (!holds)
            for (const auto at: found->locked)
                std::printf("    %s\n", coil::bench::place_of(at).c_str());
    }
    if (child.next() || child.status() != 0) {
        std::printf("the traced process ended with %d\n", child.status());
        ++failures;
    }
    return true;
}

}  // namespace

int main() {
    // This check comes first, because the process must have only one thread when it forks.
    const bool could_see_locks = check_locked_instructions();
    check_allocations();
    if (failures > 0)
        return 1;
    if (!could_see_locks) {
        std::printf("locked instructions could not be counted: no ptrace here\n");
        return 77;
    }
    return 0;
}
