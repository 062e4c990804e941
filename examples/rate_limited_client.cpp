// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT

// Sends requests to an echo server over several connections. A token bucket limits the rate.

#include <chrono>
#include <csignal>
#include <cstddef>
#include <cstdio>
#include <functional>
#include <stdexcept>
#include <string>
#include <utility>

#include <coil/coil.hpp>

#include "command_line.hpp"

using coil::ip::tcp;
using std::chrono::nanoseconds;

/// A token bucket. Permits arrive at a fixed rate, and at most `burst` unused permits are kept.
class rate_limit {
public:
    rate_limit(std::size_t per_second, std::size_t burst)
        : interval_(nanoseconds(std::chrono::seconds(1)) / per_second), burst_(burst), permits_(burst) {}

    auto acquire() { return permits_.acquire(); }

    /// Adds permits to the bucket until the task is stopped.
    coil::task<> run() {
        auto& context = co_await coil::this_coro::context;
        for (auto next = context.now() + interval_;; next += interval_) {
            co_await coil::sleep_until(next);
            if (permits_.available() < burst_)
                permits_.release();
        }
    }

private:
    nanoseconds interval_;
    std::size_t burst_;
    coil::semaphore permits_;
};

struct work {
    tcp::endpoint server;
    std::size_t left;
    std::size_t answered = 0;
};

// Runs one connection: for each permit, sends a request and waits for the reply.
coil::task<> send_requests(work& all, rate_limit& limit) {
    auto& context = co_await coil::this_coro::context;
    tcp::socket socket(context);
    co_await socket.connect(all.server);
    coil::buffered_reader reader(std::move(socket));
    while (all.left > 0) {
        --all.left;
        co_await limit.acquire();
        const std::string request = "request " + std::to_string(all.left) + "\n";
        co_await coil::write(reader.stream(), request);
        auto answer = co_await coil::timeout(reader.read_line(), std::chrono::seconds(5));
        if (!answer || std::string(*answer) + "\n" != request)
            throw std::runtime_error("the server does not echo");
        ++all.answered;
    }
}

coil::task<> request_over_several(work& all, rate_limit& limit, std::size_t connections) {
    co_await coil::with_group([&](coil::task_group& group) -> coil::task<> {
        for (std::size_t i = 0; i < connections; ++i)
            group.start(send_requests, std::ref(all), std::ref(limit));
        co_return;
    });
}

coil::task<> run(work& all, std::size_t per_second, std::size_t burst, std::size_t connections) {
    auto& context = co_await coil::this_coro::context;
    coil::signal_set signals(context, SIGINT, SIGTERM);
    rate_limit limit(per_second, burst);
    const auto began = context.now();
    auto first =
        co_await coil::when_any(request_over_several(all, limit, connections), limit.run(), signals.wait());
    if (first.index() == 0)
        first.get<0>().value();  // rethrows a failure
    const std::chrono::duration<double> took = context.now() - began;
    std::printf("%zu answers in %.3f s: %.0f a second\n", all.answered, took.count(),
                static_cast<double>(all.answered) / took.count());
    if (first.index() == 2)
        throw std::runtime_error("interrupted");
}

int main(int argc, char** argv) try {
    const example::command_line given(argc, argv, "Sends requests to a TCP echo server at a limited rate.",
                                      {{"host", "ADDRESS", "the server's address", "127.0.0.1"},
                                       {"port", "NUMBER", "the server's port", "7777"},
                                       {"rate", "NUMBER", "requests per second", "100"},
                                       {"burst", "NUMBER", "requests in a burst", "10"},
                                       {"count", "NUMBER", "requests in all", "500"},
                                       {"connections", "NUMBER", "simultaneous connections", "4"}});
    work all{{given.address("host"), given.port("port", 1)}, given.number("count", 1, 1'000'000'000)};
    coil::sync_wait(run(all, given.number("rate", 1, 1'000'000), given.number("burst", 1, 1'000'000),
                        given.number("connections", 1, 10'000)));
} catch (...) {
    return example::explain_failure();
}
