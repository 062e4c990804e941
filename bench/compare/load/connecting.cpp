// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT

#include <cstdio>
#include <string>
#include <vector>

#include "load/closed_loop.hpp"
#include "load/local_addresses.hpp"
#include "load/pattern.hpp"
#include "load/watchdog.hpp"
#include "load/workloads.hpp"
#include "support/bare_ring.hpp"
#include "support/sockets.hpp"

namespace compare {
namespace {

// Opens short connections, plan.connections of them at a time. Each connection is one chain of linked
// operations: connect, send, receive the echo, shut down, receive the end of the stream. The load shuts down
// first, so the TIME_WAIT state is on the load's side.
class short_connections {
public:
    explicit short_connections(const plan& plan)
        : plan_(plan), server_(loopback(plan.port)), slots_(plan.connections) {
        for (slot& each: slots_) {
            each.message.resize(plan.size);
            each.echo.resize(plan.size);
        }
    }

    void run() {
        drive(plan_.warm_up);
        latencies_ = {};
        measurement measured = measure(plan_, [this](std::int64_t duration) { return drive(duration); });
        measured.unit = "connection";
        measured.latencies = &latencies_;
        print(measured);
    }

    void verify() {
        for (std::size_t round = 0; round < 8; ++round)
            drive(0);
        std::printf("{\"verified_bytes\": %zu}\n", 8 * slots_.size() * plan_.size);
    }

private:
    enum step : std::uint64_t { connected, sent, received, shut_down, ended, steps };

    struct slot {
        descriptor socket;
        std::int64_t begun = 0;
        pattern bytes{0};
        std::vector<std::byte> message, echo;
        std::byte after_the_end;
    };

    driven drive(std::int64_t duration) {
        watchdog::expects(std::to_string(slots_.size()) + " concurrent short connections to end");
        const auto start_all = [this] {
            for (std::size_t i = 0; i < slots_.size(); ++i)
                start(i);
        };
        return loop_.drive(duration, start_all, [this] { iterate(); });
    }

    void iterate() {
        ring_.iterate([this](const io_uring_cqe& cqe) { dispatch(cqe); });
        loop_.time = now();
    }

    void start(std::size_t number) {
        slot& begun = slots_[number];
        begun.socket = addresses_.next_socket();
        begun.begun = now();
        if (plan_.verify) {
            begun.bytes = pattern(plan_.seed + next_seed_++);
            begun.bytes.fill(begun.message, 0);
        }
        ++loop_.running;
        const int fd = begun.socket.get();
        const auto link = [&](io_uring_sqe* sqe, step which, unsigned flags) {
            sqe->user_data = number * steps + which;
            sqe->flags |= static_cast<__u8>(flags);
        };
        // If all operations succeed, only the last one in the chain posts a completion.
        constexpr unsigned linked = IOSQE_IO_LINK | IOSQE_CQE_SKIP_SUCCESS;
        io_uring_sqe* sqe = ring_.next();
        io_uring_prep_connect(sqe, fd, reinterpret_cast<const sockaddr*>(&server_), sizeof server_);
        link(sqe, connected, linked);
        link(prepare_send(ring_, fd, begun.message.data(), begun.message.size(), 0), sent, linked);
        sqe = ring_.next();
        io_uring_prep_recv(sqe, fd, begun.echo.data(), begun.echo.size(), MSG_WAITALL);
        link(sqe, received, linked);
        sqe = ring_.next();
        io_uring_prep_shutdown(sqe, fd, SHUT_WR);
        link(sqe, shut_down, linked);
        sqe = ring_.next();
        io_uring_prep_recv(sqe, fd, &begun.after_the_end, 1, 0);
        link(sqe, ended, 0);
    }

    void dispatch(const io_uring_cqe& cqe) {
        static constexpr const char* names[] = {"connect", "send", "recv", "shutdown", "recv of the end"};
        const auto number = static_cast<std::size_t>(cqe.user_data / steps);
        const auto which = cqe.user_data % steps;
        check_result(cqe.res, names[which]);
        if (which != ended)
            throw std::runtime_error(std::string(names[which]) + " ended early");
        slot& over = slots_[number];
        if (cqe.res > 0)
            throw std::runtime_error("the server sent more than the echo");
        if (plan_.verify)
            over.bytes.check(over.echo, 0);
        latencies_.record(now() - over.begun);
        over.socket = descriptor();
        --loop_.running;
        ++loop_.done;
        if (loop_.keeps_going && !plan_.verify)
            start(number);
    }

    const plan& plan_;
    const sockaddr_in server_;
    local_addresses addresses_;
    bare_ring ring_;
    std::vector<slot> slots_;
    histogram latencies_;
    std::uint64_t next_seed_ = 0;
    closed_loop loop_;
};

}  // namespace

void connecting(const plan& plan) {
    short_connections load(plan);
    if (plan.verify)
        load.verify();
    else
        load.run();
}

}  // namespace compare
