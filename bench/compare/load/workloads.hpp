// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>

#include "load/histogram.hpp"
#include "load/server.hpp"
#include "support/arguments.hpp"

namespace compare {

/// The parameters of all workloads.
struct plan {
    explicit plan(const arguments& given);

    std::uint16_t port;
    server process;
    std::size_t connections;
    std::size_t size;       // bytes per message
    std::size_t in_flight;  // messages per connection, for a closed loop
    double rate;            // messages per second on all connections together; 0 means a closed loop
    std::int64_t duration;  // in nanoseconds, like all times in this program
    std::int64_t warm_up;
    bool verify;
    std::uint64_t seed;
    std::string malloc_count;
};

/// The result of a workload. Throughput covers only the measurement window. CPU time covers all messages,
/// because it is read while the server is idle, before the first message and after the last message.
struct measurement {
    const char* unit = "message";
    double window = 0;  // length of the measurement window, in seconds
    std::uint64_t in_window = 0;
    std::uint64_t all = 0;
    std::int64_t cpu = 0;
    std::uint64_t lost = 0;
    const histogram* latencies = nullptr;
};

/// The result of one call of `drive`: the length of the measurement window, the number of units moved within
/// the window, and the number of units moved until no unit was in flight.
struct driven {
    std::int64_t window;
    std::uint64_t in_window;
    std::uint64_t all;
};

/// Waits until the server is idle, calls `drive` for the plan's duration, and waits until the server is idle
/// again. `drive(duration)` returns a `driven`.
template <class Drive>
measurement measure(const plan& plan, Drive&& drive) {
    const std::int64_t cpu_before = plan.process.cpu_at_rest();
    const driven counted = drive(plan.duration);
    return {.window = static_cast<double>(counted.window) / 1e9,
            .in_window = counted.in_window,
            .all = counted.all,
            .cpu = plan.process.cpu_at_rest() - cpu_before};
}

/// Prints a measurement as one line of JSON.
void print(const measurement& measured);

/// Each workload connects, exchanges data, prints the result and ends. If plan.verify is set, the workload
/// measures nothing, but exchanges a limited number of bytes and checks each one.
void tcp_echo(const plan& plan);    // messages and their echoes, on persistent connections
void download(const plan& plan);    // the server sends endlessly
void upload(const plan& plan);      // the server receives and discards
void connecting(const plan& plan);  // short connections with one message and its echo
void udp_echo(const plan& plan);
void udp_trains(const plan& plan);  // trains of datagrams from one socket, plan.in_flight trains at a time
void idle(const plan& plan);        // growth of the server's memory per idle connection

/// The TLS workloads. They exist only if OpenSSL is installed.
void tls_echo(const plan& plan);
void tls_download(const plan& plan);
void tls_upload(const plan& plan);
void tls_connecting(const plan& plan);  // short connections, each with a full handshake
void tls_resuming(const plan& plan);    // short connections that resume the session of an earlier connection
void tls_idle(const plan& plan);

/// Sends a message with bytes of this seed on a connection, and checks its echo.
using exchange = std::function<void(std::uint64_t seed)>;
/// Opens a connection. The connection stays open until the result is destroyed.
using open_connection = std::function<exchange()>;
/// Measures and prints the growth of the server's memory per connection.
void measure_idle(const plan& plan, const open_connection& open);

/// Checks the components that the results depend on. Throws if one of them does not work correctly.
void self_check();

inline std::int64_t now() noexcept {
    return std::chrono::nanoseconds(std::chrono::steady_clock::now().time_since_epoch()).count();
}

}  // namespace compare
