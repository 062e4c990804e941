// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT

#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include "load/closed_loop.hpp"
#include "load/local_addresses.hpp"
#include "load/pattern.hpp"
#include "load/tls_client.hpp"
#include "load/watchdog.hpp"
#include "load/workloads.hpp"
#include "support/epoll.hpp"

namespace compare {
namespace {

// Opens short connections, plan.connections of them at a time. Each connection performs the handshake, sends
// a message, receives the echo, sends close_notify and the end of the stream, and waits until the server has
// closed. The load closes first, so the TIME_WAIT state is on the load's side.
class short_tls_connections {
public:
    short_tls_connections(const plan& plan, bool resumes)
        : plan_(plan), resumes_(resumes), server_(loopback(plan.port)), slots_(plan.connections) {
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
    enum class step { handshake, echo, end };

    struct slot {
        std::unique_ptr<tls_client> tls;
        step next = step::handshake;
        bool should_resume = false;
        std::int64_t begun = 0;
        pattern bytes{0};
        std::vector<std::byte> message, echo;
        std::size_t received = 0;
    };

    driven drive(std::int64_t duration) {
        watchdog::expects(std::to_string(slots_.size()) + " concurrent short TLS connections to end");
        const auto start_all = [this] {
            for (slot& each: slots_)
                start(each);
        };
        return loop_.drive(duration, start_all, [this] { iterate(); });
    }

    void iterate() {
        for (const epoll_event& each: epoll_.wait())
            go_on(*static_cast<slot*>(each.data.ptr));
        loop_.time = now();
    }

    // Connecting on loopback does not wait, because the kernel accepts the connection for the server.
    void start(slot& begun) {
        descriptor socket = addresses_.next_socket();
        begun.begun = now();
        check(::connect(socket.get(), reinterpret_cast<const sockaddr*>(&server_), sizeof server_) == 0,
              "connect");
        begun.tls = std::make_unique<tls_client>(settings_, std::move(socket));
        begun.tls->set_non_blocking();
        begun.should_resume = resumes_ && settings_.resume(begun.tls->tls());
        begun.next = step::handshake;
        begun.received = 0;
        if (plan_.verify) {
            begun.bytes = pattern(plan_.seed + next_seed_++);
            begun.bytes.fill(begun.message, 0);
        }
        ++loop_.running;
        epoll_.add(begun.tls->socket(), EPOLLIN, &begun);
        go_on(begun);
    }

    void go_on(slot& of) {
        if (of.next == step::handshake) {
            if (!of.tls->handshake())
                return;
            if (of.should_resume && !SSL_session_reused(of.tls->tls()))
                throw std::runtime_error("the server did not resume a session");
            of.tls->write_all(of.message);
            of.next = step::echo;
        }
        if (of.next == step::echo) {
            while (of.received < of.echo.size()) {
                const std::size_t n = of.tls->read(std::span(of.echo).subspan(of.received));
                if (n == 0)
                    return;
                of.received += n;
            }
            if (plan_.verify)
                of.bytes.check(of.echo, 0);
            of.tls->shut_down();
            of.next = step::end;
        }
        if (of.tls->has_ended())
            end(of);
    }

    void end(slot& over) {
        latencies_.record(now() - over.begun);
        over.tls.reset();
        --loop_.running;
        ++loop_.done;
        if (loop_.keeps_going && !plan_.verify)
            start(over);
    }

    const plan& plan_;
    const bool resumes_;
    const sockaddr_in server_;
    local_addresses addresses_;
    tls_settings settings_;
    epoll epoll_;
    std::vector<slot> slots_;
    histogram latencies_;
    std::uint64_t next_seed_ = 0;
    closed_loop loop_;
};

void run(const plan& plan, bool resumes) {
    short_tls_connections load(plan, resumes);
    if (plan.verify)
        load.verify();
    else
        load.run();
}

}  // namespace

void tls_connecting(const plan& plan) { run(plan, false); }

void tls_resuming(const plan& plan) { run(plan, true); }

}  // namespace compare
