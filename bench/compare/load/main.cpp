// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT

// The load generator. Usage: compare_load WORKLOAD --port N [...]. It connects to a server on this machine
// and prints its measurement as one line of JSON. It runs on one thread, with its own ring.

#include <cinttypes>
#include <cstdio>
#include <stdexcept>
#include <string_view>
#include <vector>

#include "load/watchdog.hpp"
#include "load/workloads.hpp"
#include "support/failure.hpp"

namespace compare {
namespace {

struct named_workload {
    std::string_view name;
    void (*run)(const plan&);
};

constexpr named_workload workloads[] = {
    {"tcp_echo", tcp_echo},
    {"download", download},
    {"upload", upload},
    {"connect", connecting},
    {"udp_echo", udp_echo},
    {"udp_trains", udp_trains},
    {"idle", idle},
#if COMPARE_HAS_TLS
    {"tls_echo", tls_echo},
    {"tls_download", tls_download},
    {"tls_upload", tls_upload},
    {"tls_connect", tls_connecting},
    {"tls_resume", tls_resuming},
    {"tls_idle", tls_idle},
#endif
};

const named_workload& find(std::string_view name) {
    for (const named_workload& each: workloads)
        if (each.name == name)
            return each;
    std::string message = "unknown workload '" + std::string(name) + "'; known workloads:";
    for (const named_workload& each: workloads)
        message += " " + std::string(each.name);
    throw std::invalid_argument(message);
}

arguments given(const std::vector<std::string_view>& words) {
    return {words,
            {{"--port", "0", "port of the server, on 127.0.0.1"},
             {"--pid", "0", "process of the server, for its CPU time and memory"},
             {"--connections", "1", "number of connections; with UDP, of sockets"},
             {"--size", "64", "bytes per message"},
             {"--in-flight", "1", "messages in flight per connection"},
             {"--rate", "0", "messages per second (open loop); 0: send as replies arrive (closed loop)"},
             {"--seconds", "0.4", "duration of the measurement"},
             {"--warm-up", "0.05", "seconds before the measurement"},
             {"--patience", "20", "additional seconds until the load gives up"},
             {"--verify", "no", "check every byte, measure nothing"},
             {"--seed", "1", "seed of the bytes"},
             {"--malloc-count", "", "file with the count of the server's allocated bytes"}}};
}

}  // namespace

plan::plan(const arguments& given)
    : port(given.port(1)),
      process(given.number<pid_t>("--pid", 0, 1 << 30)),
      connections(given.number("--connections", 1, 100'000)),
      size(given.number("--size", 1, std::size_t{1} << 20)),
      in_flight(given.number("--in-flight", 1, 1024)),
      rate(given.number<double>("--rate", 0, 1e9)),
      duration(static_cast<std::int64_t>(given.number<double>("--seconds", 0, 3600) * 1e9)),
      warm_up(static_cast<std::int64_t>(given.number<double>("--warm-up", 0, 3600) * 1e9)),
      verify(given.given("--verify")),
      seed(given.number<std::uint64_t>("--seed", 0, ~std::uint64_t{0})),
      malloc_count(given.text("--malloc-count")) {}

void print(const measurement& measured) {
    const histogram none;
    const histogram& latencies = measured.latencies ? *measured.latencies : none;
    std::printf("{\"unit\": \"%s\", \"seconds\": %.6f, \"count\": %" PRIu64 ", \"rate\": %.1f, "
                "\"server_ns\": %.1f, \"p50_ns\": %" PRIu64 ", \"p99_ns\": %" PRIu64 ", \"p999_ns\": %" PRIu64
                ", \"max_ns\": %" PRIu64 ", \"lost\": %" PRIu64 "}\n",
                measured.unit, measured.window, measured.in_window,
                measured.window > 0 ? static_cast<double>(measured.in_window) / measured.window : 0,
                measured.all > 0 ? static_cast<double>(measured.cpu) / static_cast<double>(measured.all) : 0,
                latencies.quantile(0.5), latencies.quantile(0.99), latencies.quantile(0.999), latencies.max(),
                measured.lost);
}

}  // namespace compare

int main(int argc, char** argv) try {
    if (argc < 2)
        throw std::invalid_argument("usage: compare_load WORKLOAD --port N [--help]");
    const std::string_view what = argv[1];
    if (what == "--self_check") {
        compare::self_check();
        return 0;
    }
    const compare::named_workload& workload = compare::find(what);
    const compare::arguments given = compare::given({argv + 2, argv + argc});
    const compare::plan plan(given);
    const auto bound =
        static_cast<double>(plan.duration + plan.warm_up) / 1e9 + given.number<double>("--patience", 1, 3600);
    const compare::watchdog watchdog(static_cast<unsigned>(bound) + 1);
    workload.run(plan);
} catch (...) {
    return compare::explain_failure();
}
