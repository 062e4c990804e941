// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT

// Starts the echo servers from its own folder, sends traffic through them, checks every byte, and prints
// measurements. Run it with `./dev demo`.

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdio>
#include <exception>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

#include <coil/coil.hpp>
#include <coil/version.hpp>

#include "child_server.hpp"
#include "command_line.hpp"
#include "payload.hpp"

using coil::ip::tcp;
using coil::ip::udp;
using std::chrono::milliseconds;

constexpr milliseconds time_limit{10'000};

enum class protocol { tcp, udp };

struct workload {
    protocol over;
    std::size_t clients;  // simultaneous TCP connections or UDP sockets
    std::size_t size;     // bytes per message
};

constexpr workload workloads[] = {
    {protocol::tcp, 1, 64},     {protocol::tcp, 1, 16384}, {protocol::tcp, 64, 64}, {protocol::tcp, 64, 1024},
    {protocol::tcp, 64, 16384}, {protocol::udp, 1, 64},    {protocol::udp, 64, 64}, {protocol::udp, 64, 1400},
};

std::string name_of(const workload& work) {
    const char* client = work.over == protocol::tcp ? "connection" : "socket";
    return std::string(work.over == protocol::tcp ? "tcp  " : "udp  ") + std::to_string(work.clients) + " " +
           client + (work.clients == 1 ? ", " : "s, ") + std::to_string(work.size) + " B";
}

// The results of all clients in one workload.
class record {
public:
    explicit record(coil::time_point end) : end_(end) {}

    [[nodiscard]] bool has_time_left() const { return coil::steady_clock::now() < end_; }
    void add(coil::steady_clock::duration latency) { latencies_.push_back(latency); }

    [[nodiscard]] std::size_t messages() const { return latencies_.size(); }

    // Returns the latency in microseconds that the given share of the messages did not exceed.
    [[nodiscard]] double percentile(double share) {
        const auto rank = static_cast<std::ptrdiff_t>(share * static_cast<double>(latencies_.size() - 1));
        std::nth_element(latencies_.begin(), latencies_.begin() + rank, latencies_.end());
        return std::chrono::duration<double, std::micro>(latencies_[static_cast<std::size_t>(rank)]).count();
    }

private:
    coil::time_point end_;
    std::vector<coil::steady_clock::duration> latencies_;
};

// Each client sends a message and reads its echo at least once, and repeats this until the time is up.

coil::task<> talk(tcp::socket server, tcp::endpoint to, std::size_t size, std::size_t seed, record& done) {
    const example::payload payload(size, seed);
    std::vector<std::byte> echo(size);
    co_await server.connect(to);
    server.set_option(tcp::no_delay(true));
    for (std::size_t number = 0; number == 0 || done.has_time_left(); ++number) {
        const auto begin = coil::steady_clock::now();
        co_await coil::write(server, payload.message(number));
        co_await coil::timeout(coil::read(server, echo), time_limit);
        done.add(coil::steady_clock::now() - begin);
        payload.check(number, echo);
    }
}

coil::task<> talk(udp::socket server, udp::endpoint to, std::size_t size, std::size_t seed, record& done) {
    const example::payload payload(size, seed);
    std::vector<std::byte> echo(size + 1);  // one extra byte, to detect an echo that is too long
    co_await server.connect(to);
    for (std::size_t number = 0; number == 0 || done.has_time_left(); ++number) {
        const auto begin = coil::steady_clock::now();
        co_await server.send(payload.message(number));
        const auto received = co_await coil::timeout(server.recv(echo), time_limit);
        done.add(coil::steady_clock::now() - begin);
        payload.check(number, std::span(echo).first(received.size));
    }
}

template <class Socket>
void start_clients(coil::io_context& context, const coil::ip::endpoint& server, const workload& work,
                   record& done) {
    const typename Socket::endpoint_type to(server);
    for (std::size_t i = 0; i < work.clients; ++i)
        coil::co_spawn(context, talk(Socket(context), to, work.size, i, done), coil::detached);
}

void run(coil::io_context& context, const coil::ip::endpoint& server, const workload& work,
         milliseconds duration) {
    const auto calls_before = context.metrics().system_calls;
    const auto begin = coil::steady_clock::now();
    record done(begin + duration);
    if (work.over == protocol::tcp)
        start_clients<tcp::socket>(context, server, work, done);
    else
        start_clients<udp::socket>(context, server, work, done);
    context.restart();
    context.run();

    const std::chrono::duration<double> elapsed = coil::steady_clock::now() - begin;
    const auto messages = static_cast<double>(done.messages());
    const auto calls = static_cast<double>(context.metrics().system_calls - calls_before);
    std::printf("%-30s %10.0f %9.1f %8.0f %8.0f %11.2f\n", name_of(work).c_str(), messages / elapsed.count(),
                messages * static_cast<double>(work.size) / 1e6 / elapsed.count(), done.percentile(0.5),
                done.percentile(0.99), calls / messages);
    std::fflush(stdout);
}

int main(int argc, char** argv) try {
    const example::command_line given(
        argc, argv, "Sends traffic through coil's TCP and UDP echo servers, checks it, and measures it.",
        {{"duration", "MS", "duration of each workload", "400"}});
    const auto duration = given.milliseconds("duration");

    coil::io_context context;
    // An exception in a task ends the demo, because run() throws it.
    context.on_task_error(
        [](const coil::task_failure& failure) { std::rethrow_exception(failure.exception); });
    example::child_server tcp_server("tcp_echo_server");
    example::child_server udp_server("udp_echo_server");

    std::printf("coil %d.%d.%d: echo servers and this client, a process and a thread each, over loopback\n",
                COIL_VERSION_MAJOR, COIL_VERSION_MINOR, COIL_VERSION_PATCH);
    std::printf("engine: %s (%s)\n\n", to_string(context.engine()), context.engine_reason());
    std::printf("%-30s %10s %9s %8s %8s %11s\n", "workload", "messages/s", "MB/s", "p50 us", "p99 us",
                "calls/msg");
    for (const workload& work: workloads)
        run(context, (work.over == protocol::tcp ? tcp_server : udp_server).listens_on(), work, duration);

    tcp_server.interrupt();
    udp_server.interrupt();
    std::printf(
        "\nEvery byte that came back was the one sent, and both servers ended with status 0.\n"
        "A message counts when its echo has arrived; MB/s counts its bytes in one direction; latency is the\n"
        "round trip. calls/msg: the client's system calls, as its context counts them.\n");
} catch (...) {
    return example::explain_failure();
}
