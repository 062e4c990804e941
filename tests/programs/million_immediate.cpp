// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT

// Checks that a million awaits that complete inline do not grow the stack. This must hold in every build,
// even though g++ 12 makes no tail calls without optimization or with sanitizers. The program measures the
// stack depth by the address of a local variable in the awaited code. If each await grew the stack by 100
// bytes, the stack would become 100 MB deeper.

#include <array>
#include <chrono>
#include <coroutine>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>

#include <coil/coil.hpp>
#include <coil/test/stream_pair.hpp>

namespace {

constexpr int times = 1'000'000;
constexpr std::ptrdiff_t depth_max = 16 * 1024;

std::uintptr_t lowest = UINTPTR_MAX;
std::uintptr_t highest = 0;

void note_depth() {
    volatile char here = 0;
    const auto at = reinterpret_cast<std::uintptr_t>(&here);
    lowest = at < lowest ? at : lowest;
    highest = at > highest ? at : highest;
}

struct ready_inline {
    bool await_ready() const noexcept { return true; }
    void await_suspend(std::coroutine_handle<>) const noexcept {}
    int await_resume() const noexcept {
        note_depth();
        return 1;
    }
};

coil::task<int> leaf() {
    note_depth();
    co_return 1;
}

coil::task<int> branch() { co_return co_await leaf() + co_await leaf(); }

coil::task<int> tasks() {
    int sum = 0;
    for (int i = 0; i < times / 2; ++i)
        sum += co_await branch();
    co_return sum;
}

coil::task<int> empty_transfers() {
    coil::test::stream_pair pair;
    std::array<std::byte, 1> none;
    int sum = 0;
    for (int i = 0; i < times; ++i) {
        const std::size_t n = co_await coil::read(pair.first, std::span(none).first(0));
        sum += n == 0 ? 1 : 0;
        note_depth();
    }
    co_return sum;
}

coil::task<int> with_errors_returned() {
    int sum = 0;
    for (int i = 0; i < times; ++i) {
        const auto outcome = co_await coil::as_tuple(leaf());
        sum += *outcome;
    }
    co_return sum;
}

// Runs only a tenth as many rounds, because each yield goes through the ready list.
coil::task<int> yields() {
    int sum = 0;
    for (int i = 0; i < times / 10; ++i) {
        co_await coil::yield();
        sum += 10;
        note_depth();
    }
    co_return sum;
}

coil::task<int> foreign_awaitables() {
    int sum = 0;
    for (int i = 0; i < times / 10; ++i) {
        const int one = co_await ready_inline();
        sum += 10 * one;
    }
    co_return sum;
}

// Awaits a chain of nested tasks. The innermost task ends first, and the others then end without recursion on
// the stack.
coil::task<int> chain(int length) {
    note_depth();
    if (length == 0)
        co_return 0;
    const int rest = co_await chain(length - 1);
    note_depth();
    co_return rest + 1;
}

// The following chain is destroyed while its innermost task is waiting. This is a regression test, because
// destroying 200,000 tasks once overflowed the stack.
struct notes_depth {
    ~notes_depth() { note_depth(); }
};

coil::task<> suspended_chain(int length) {
    const notes_depth here;
    if (length > 0)
        co_await suspended_chain(length - 1);
    else
        co_await coil::sleep_for(std::chrono::hours(1));
}

bool failed = false;

void check_destruction(int length) {
    lowest = UINTPTR_MAX;
    highest = 0;
    {
        coil::io_context context;
        coil::co_spawn(context, suspended_chain(length), coil::detached);
        context.poll();
    }
    const auto depth = static_cast<std::ptrdiff_t>(highest - lowest);
    std::printf("%-22s %8d tasks,  %5td bytes of stack\n", "a chain destroyed", length, depth);
    if (depth > depth_max) {
        std::printf("expected at most %td bytes\n", depth_max);
        failed = true;
    }
}

void check(const char* what, coil::task<int> work, int expected) {
    lowest = UINTPTR_MAX;
    highest = 0;
    int sum = 0;
    coil::io_context context;
    coil::co_spawn(
        context,
        [](coil::task<int> inner, int& result) -> coil::task<> { result = co_await std::move(inner); },
        std::move(work), std::ref(sum), coil::detached);
    context.run();
    const auto depth = static_cast<std::ptrdiff_t>(highest - lowest);
    std::printf("%-22s %8d awaits, %5td bytes of stack\n", what, sum, depth);
    if (sum != expected || depth > depth_max) {
        std::printf("expected %d awaits and at most %td bytes\n", expected, depth_max);
        failed = true;
    }
}

}  // namespace

int main() {
    check("tasks", tasks(), times);
    check("empty transfers", empty_transfers(), times);
    check("errors returned", with_errors_returned(), times);
    check("yields", yields(), times);
    check("foreign awaitables", foreign_awaitables(), times);
    check("a chain of tasks", chain(100'000), 100'000);
    check_destruction(200'000);
    return failed ? 1 : 0;
}
