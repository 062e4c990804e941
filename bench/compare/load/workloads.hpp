// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#pragma once

#include <chrono>
#include <cstdint>

#include "load/histogram.hpp"
#include "load/server.hpp"
#include "support/arguments.hpp"

namespace compare {

/// What all workloads are told.
struct plan {
    explicit plan(const arguments& given);

    std::uint16_t port;
    server process;
    std::size_t connections;
    std::size_t size;       // of a message
    std::size_t in_flight;  // messages, on each connection; closed loop
    double rate;            // messages a second, all connections together; 0: closed loop
    std::int64_t duration;  // nanoseconds, as all times here
    std::int64_t warm_up;
    bool verify;
    std::uint64_t seed;
    std::string malloc_count;
};

/// What a workload measured. Throughput is that of the window; CPU time is counted from rest to rest, over all messages.
struct measurement {
    const char* unit = "message";
    double window = 0;  // seconds
    std::uint64_t in_window = 0;
    std::uint64_t all = 0;
    std::int64_t cpu = 0;
    std::uint64_t lost = 0;
    const histogram* latencies = nullptr;
};

/// What one drive moved: until the window closed, and all until nothing was in flight any more.
struct driven {
    std::int64_t window;
    std::uint64_t in_window;
    std::uint64_t all;
};

/// Drives for the plan's duration, from rest to rest. `drive(duration)` tells what it has moved.
template <class Drive>
measurement measure(const plan& plan, Drive&& drive) {
    const std::int64_t cpu_before = plan.process.cpu_at_rest();
    const driven counted = drive(plan.duration);
    return {.window = static_cast<double>(counted.window) / 1e9,
            .in_window = counted.in_window,
            .all = counted.all,
            .cpu = plan.process.cpu_at_rest() - cpu_before};
}

/// One line of JSON.
void print(const measurement& measured);

/// Each of these connects, exchanges, prints and ends. With plan.verify nothing is measured: a bounded exchange of which
/// every byte is checked.
void tcp_echo(const plan& plan);    // a message and its echo, on connections that stay
void download(const plan& plan);    // what the server sends without end
void upload(const plan& plan);      // what the server receives and forgets
void connecting(const plan& plan);  // connect, a message and its echo, close
void udp_echo(const plan& plan);
void udp_trains(const plan& plan);  // datagrams by the train, from one socket; so many trains are in flight
void idle(const plan& plan);        // what the server's memory grows by for connections that have spoken once

/// Checks the parts that decide on results: throws if one is wrong.
void self_check();

inline std::int64_t now() noexcept {
    return std::chrono::nanoseconds(std::chrono::steady_clock::now().time_since_epoch()).count();
}

}  // namespace compare
