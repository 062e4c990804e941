// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT

#include <array>
#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include "load/pattern.hpp"
#include "load/watchdog.hpp"
#include "load/workloads.hpp"
#include "support/sockets.hpp"

namespace compare {
namespace {

// Sends a message and reads the echo, to make sure that the server has accepted the connection.
void exchange_once(int socket, std::uint64_t seed) {
    const pattern bytes(seed);
    std::array<std::byte, 64> message, echo;
    bytes.fill(message, 0);
    check(::send(socket, message.data(), message.size(), MSG_NOSIGNAL) == ssize_t{message.size()}, "send");
    const auto received = ::recv(socket, echo.data(), echo.size(), MSG_WAITALL);
    check(received >= 0, "recv");
    if (received != ssize_t{echo.size()})
        throw std::runtime_error("the server closed a connection");
    bytes.check(echo, 0);
}

}  // namespace

void measure_idle(const plan& plan, const open_connection& open) {
    (void)plan.process.cpu_at_rest();  // waits until the server has started
    const std::int64_t allocated_before = allocated_bytes(plan.malloc_count);
    const std::int64_t resident_before = plan.process.resident();

    std::vector<exchange> opened;
    for (std::size_t i = 0; i < plan.connections; ++i) {
        watchdog::expects("the echo on connection " + std::to_string(i));
        opened.push_back(open());
        opened.back()(plan.seed + i);
    }
    (void)plan.process.cpu_at_rest();

    const auto connections = static_cast<double>(plan.connections);
    const std::int64_t allocated = allocated_bytes(plan.malloc_count) - allocated_before;
    const std::int64_t resident = plan.process.resident() - resident_before;
    std::printf("{\"unit\": \"connection\", \"count\": %zu, ", plan.connections);
    if (allocated_before >= 0)
        std::printf("\"malloc_bytes\": %.1f, ", static_cast<double>(allocated) / connections);
    std::printf("\"resident_bytes\": %.1f}\n", static_cast<double>(resident) / connections);

    for (std::size_t i = 0; plan.verify && i < opened.size(); ++i)
        opened[i](plan.seed + plan.connections + i);
}

void idle(const plan& plan) {
    measure_idle(plan, [&] {
        auto socket = std::make_shared<descriptor>(connected_socket(SOCK_STREAM, plan.port));
        return [socket](std::uint64_t seed) { exchange_once(socket->get(), seed); };
    });
}

}  // namespace compare
