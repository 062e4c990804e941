// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT

// Checks that the usual ways to call coil, as shown in the documentation, destroy each object exactly once.
// This needs a test because g++ 12 destroys some temporaries in awaiting expressions twice and others never.
// The calls below must be correct with every compiler and in every build.

#include <array>
#include <cstddef>
#include <cstdio>
#include <memory>
#include <set>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <coil/coil.hpp>
#include <coil/test/stream_pair.hpp>

using namespace std::chrono_literals;

namespace {

bool failed = false;

/// A class that keeps track of its live instances.
class counted {
public:
    explicit counted(int value = 0) : value_(value) { born(); }
    counted(const counted& other) : value_(other.value_) { born(); }
    counted(counted&& other) noexcept : value_(std::exchange(other.value_, -1)) { born(); }
    counted& operator=(const counted&) = default;
    counted& operator=(counted&& other) noexcept {
        value_ = std::exchange(other.value_, -1);
        return *this;
    }
    ~counted() {
        if (alive().erase(this) == 0) {
            std::printf("an object that is not alive was destroyed\n");
            failed = true;
        }
    }

    [[nodiscard]] int value() const { return value_; }
    static std::set<const void*>& alive() {
        static std::set<const void*> all;
        return all;
    }

private:
    void born() {
        if (!alive().insert(this).second) {
            std::printf("an object was constructed at the address of a live one\n");
            failed = true;
        }
    }

    int value_;
};

void expect(bool condition, const char* what) {
    if (condition)
        return;
    std::printf("expectation failed: %s\n", what);
    failed = true;
}

coil::task<counted> give(counted c) {
    co_await coil::yield();
    co_return c;
}

coil::task<int> measure(counted a, counted b = counted(0)) {
    co_await coil::yield();
    co_return a.value() + b.value();
}

coil::task<std::unique_ptr<counted>> give_owned(int value) {
    co_await coil::yield();
    co_return std::make_unique<counted>(value);
}

coil::task<bool> is_even(counted c) {
    co_await coil::yield();
    co_return c.value() % 2 == 0;
}

coil::task<> fail(counted c) {
    co_await coil::yield();
    throw std::runtime_error(std::to_string(c.value()));
}

coil::task<> fail_with_system_error(counted) {
    co_await coil::yield();
    throw std::system_error(std::make_error_code(std::errc::io_error), "planned");
}

coil::task<> arguments() {
    expect(co_await measure(counted(1)) == 1, "a temporary by value");
    expect(co_await measure(counted(1), counted(2)) == 3, "two temporaries by value");
    expect((co_await give(counted(3))).value() == 3, "a temporary result");
    const counted named = co_await give(counted(4));
    expect(named.value() == 4, "a named result");
    expect(co_await measure(co_await give(counted(5)), co_await give(counted(6))) == 11,
           "awaits as arguments");
    expect(co_await measure(named) + co_await measure(named) == 8, "awaits as operands");
    const auto owned = co_await give_owned(7);
    expect(owned->value() == 7, "a move-only result");
    auto later = measure(counted(8));
    expect(co_await std::move(later) == 8, "a task with a name");
    std::vector<counted> many;
    many.emplace_back(co_await give(counted(9)));
    many.push_back(co_await give(counted(10)));
    expect(many[0].value() == 9 && many[1].value() == 10, "awaits into a vector");
}

coil::task<> conditions() {
    int seen = 0;
    if (co_await is_even(counted(2)))
        ++seen;
    if (const bool even = co_await is_even(counted(3)); !even)
        ++seen;
    int left = 3;
    while (co_await is_even(counted(left % 2 == 0 ? 1 : 2)) && left > 0)
        --left;
    expect(left == 2, "while");
    for (counted c(0); co_await measure(c) < 3; c = counted(c.value() + 1))
        ++seen;
    expect(seen == 5, "if and for");
    const int chosen = co_await is_even(counted(1)) ? 1 : 2;
    expect(chosen == 2, "a ternary");
    const bool both = co_await is_even(counted(2)) && co_await is_even(counted(4));
    const bool either = co_await is_even(counted(1)) || co_await is_even(counted(4));
    expect(both && either, "and, or");
    switch (co_await measure(counted(4))) {
    case 4: ++seen; break;
    default: seen = -1;
    }
    expect(seen == 6, "switch");
}

coil::task<> exceptions() {
    const counted local(1);
    int caught = 0;
    try {
        const counted inner(2);
        co_await fail(counted(3));
    } catch (const std::runtime_error& failure) {
        caught = std::stoi(failure.what());
    }
    expect(caught == 3, "an exception of a child");
    const auto [error] = co_await coil::as_tuple(fail_with_system_error(counted(4)));
    expect(error == std::errc::io_error, "as_tuple of a child that fails");
    std::error_code code;
    co_await coil::redirect_error(fail_with_system_error(counted(5)), code);
    expect(code == std::errc::io_error, "redirect_error");
    try {
        static_cast<void>(co_await coil::as_tuple(fail(counted(6))));
    } catch (const std::runtime_error&) {
        ++caught;
    }
    expect(caught == 4, "as_tuple lets other exceptions pass");
}

coil::task<counted> body_is_a_try(counted c) try {
    co_await fail(counted(1));
    co_return c;
} catch (const std::runtime_error&) {
    co_return counted(-1);
}

coil::task<> adapters() {
    expect((co_await body_is_a_try(counted(1))).value() == -1, "a function-try-block");
    const auto [error, value] = co_await coil::as_tuple(measure(counted(1)));
    expect(!error && value == 1, "as_tuple of a value");
    auto result = co_await coil::as_tuple(give_owned(2));
    auto& [none, owned] = result;
    expect(!none && owned->value() == 2, "as_tuple of a move-only value");
    expect((co_await coil::timeout(give(counted(3)), 1h)).value() == 3, "timeout that doesn't fire");
    const auto [late] = co_await coil::as_tuple(coil::timeout(coil::sleep_for(1h), 1us));
    expect(late == coil::error::timed_out, "timeout that fires");
    const auto [also_late, nothing] = co_await coil::as_tuple(coil::timeout(
        [](counted) -> coil::task<int> {
            co_await coil::sleep_for(1h);
            co_return 1;
        }(counted(4)),
        1us));
    expect(also_late == coil::error::timed_out && nothing == 0, "timeout of a task that fires");
}

coil::task<> streams() {
    coil::test::stream_pair pair({.capacity = 3, .transfer_max = 2});
    const std::string text = "some words";
    auto writer = coil::co_spawn(
        co_await coil::this_coro::context,
        [](coil::test::stream_pair& to, std::string words, counted) -> coil::task<> {
            co_await coil::write(to.first, words, words);
        },
        std::ref(pair), text, counted(1));
    std::string first(text.size(), ' ');
    std::string second(text.size(), ' ');
    expect(co_await coil::read(pair.second, first, second) == 2 * text.size(), "several buffers");
    expect(first == text && second == text, "what was written is read");
    co_await writer.join();
    if (const auto [error, n] = co_await coil::as_tuple(coil::timeout(pair.second.recv(first), 1us)); error)
        expect(error == coil::error::timed_out && n == 0, "a structured binding in an if");
}

coil::task<counted> keeps(counted a, counted b) {
    co_await coil::yield();
    co_return counted(a.value() + b.value());
}

coil::task<> spawns() {
    auto& context = co_await coil::this_coro::context;
    auto handle = coil::co_spawn(context, keeps, counted(1), counted(2));
    expect((co_await handle.join()).value() == 3, "a function with arguments");
    const counted captured(4);
    const auto closure = [captured]() -> coil::task<int> {
        co_await coil::yield();
        co_return captured.value();
    };
    auto named = coil::co_spawn(context, closure);
    expect(co_await named.join() == 4, "a lambda with a name");
    coil::co_spawn(context, keeps, counted(5), counted(6), coil::detached);
    coil::co_spawn(context, measure(counted(7)), coil::detached);
    { auto dropped = coil::co_spawn(context, give(counted(8))); }
    context.post([c = counted(9)] { expect(c.value() == 9, "a posted function"); });
    co_await coil::yield();
    co_await coil::yield();
    co_await coil::yield();
}

coil::task<> sockets() {
    using coil::ip::tcp;
    auto& context = co_await coil::this_coro::context;
    tcp::acceptor acceptor(context, {coil::ip::address_v4::loopback(), 0});
    tcp::socket client(context);
    co_await client.connect(acceptor.local_endpoint());
    auto result = co_await coil::as_tuple(acceptor.accept());
    auto& [error, server] = result;
    expect(!error && server.is_open(), "as_tuple of an accept");
    std::array<char, 16> buffer;
    co_await coil::write(client, "one", std::string("two"));
    std::size_t total = 0;
    while (const std::size_t n = co_await server.recv(buffer)) {
        total += n;
        if (total == 6)
            client.shutdown(tcp::socket::shutdown_send);
    }
    expect(total == 6, "while, with a declaration");
    co_await coil::timeout(coil::write(server, "bye"), 1h);
    expect(co_await coil::timeout(client.recv(buffer), 1h) == 3, "timeout of an operation");
    co_await server.close();
    client.close();
}

void run(const char* what, coil::task<> shapes) {
    coil::io_context context;
    coil::co_spawn(context, std::move(shapes), coil::detached);
    context.run();
    if (!counted::alive().empty()) {
        std::printf("%s: %zu objects were never destroyed\n", what, counted::alive().size());
        counted::alive().clear();
        failed = true;
    }
}

// Destroys the context while its tasks are suspended. Each object must still be destroyed exactly once.
void abandon(const char* what, coil::task<> shapes) {
    {
        coil::io_context context;
        coil::co_spawn(context, std::move(shapes), coil::detached);
        context.poll_one();
        context.poll_one();
    }
    if (!counted::alive().empty()) {
        std::printf("%s, abandoned: %zu objects were never destroyed\n", what, counted::alive().size());
        counted::alive().clear();
        failed = true;
    }
}

}  // namespace

int main() {
    struct {
        const char* name;
        coil::task<> (*shapes)();
    } const all[] = {{"arguments", arguments}, {"conditions", conditions}, {"exceptions", exceptions},
                     {"adapters", adapters},   {"streams", streams},       {"spawns", spawns},
                     {"sockets", sockets}};
    for (const auto& each: all) {
        run(each.name, each.shapes());
        abandon(each.name, each.shapes());
    }
    return failed ? 1 : 0;
}
