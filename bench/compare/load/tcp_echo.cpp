// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT

#include <algorithm>
#include <deque>
#include <string>
#include <vector>

#include "load/verify.hpp"
#include "load/watchdog.hpp"
#include "load/workloads.hpp"
#include "support/buffer_pool.hpp"
#include "support/sockets.hpp"

namespace compare {
namespace {

// Sends messages and counts the echoed bytes. The server must be the bottleneck, so the load does less work
// than a server. The load neither reads the data nor copies it out of the kernel (MSG_TRUNC), and uses a
// single send for all messages that are due at one time.
class echo_load {
public:
    explicit echo_load(const plan& plan)
        : plan_(plan), to_send_(std::max<std::size_t>(plan.in_flight * plan.size, 65536)) {
        connections_.reserve(plan.connections);
        for (std::size_t i = 0; i < plan.connections; ++i) {
            connections_.push_back({connected_socket(SOCK_STREAM, plan.port)});
            receive(i);
        }
    }

    void run() {
        drive(plan_.warm_up);
        latencies_ = {};
        measurement measured = measure(plan_, [this](std::int64_t duration) { return drive(duration); });
        measured.latencies = &latencies_;
        print(measured);
    }

private:
    struct connection {
        descriptor socket;
        std::deque<std::int64_t> sent_at = {};  // one entry for each message whose echo has not arrived
        std::size_t received = 0;               // number of bytes of the next echo that have arrived
    };

    // A tag is the number of a connection. If this bit is set, the operation is a send.
    static constexpr std::uint64_t is_send = std::uint64_t{1} << 63;

    // Runs until the time is up and the echoes of all messages have arrived.
    driven drive(std::int64_t duration) {
        watchdog::expects("the echoes on " + std::to_string(plan_.connections) + " connections");
        answered_ = unanswered_ = 0;
        now_ = now();
        const std::int64_t begin = now_;
        const std::int64_t end = begin + duration;
        if (plan_.rate > 0)
            send_at_a_rate(begin, end);
        else
            send_when_answered(end);
        const std::int64_t window = now_ - begin;
        const std::uint64_t in_window = answered_;
        while (unanswered_ > 0)
            iterate();
        return {window, in_window, answered_};
    }

    // Runs a closed loop, in which the arrival of an echo triggers the next message.
    void send_when_answered(std::int64_t end) {
        answering_ = true;
        for (std::size_t i = 0; i < connections_.size(); ++i)
            send(i, plan_.in_flight, now_);
        while (now_ < end)
            iterate();
        answering_ = false;
    }

    // Runs an open loop, in which messages are sent at fixed times. Latency is measured from the time at
    // which a message was due, even if the load or the server is late.
    void send_at_a_rate(std::int64_t begin, std::int64_t end) {
        const double interval = 1e9 / plan_.rate;
        for (std::uint64_t number = 0; now_ < end;) {
            for (;; ++number) {
                const auto due = begin + static_cast<std::int64_t>(static_cast<double>(number) * interval);
                if (due > now_ || due >= end)
                    break;
                send(number % connections_.size(), 1, due);
            }
            ring_.poll([this](const io_uring_cqe& cqe) { dispatch(cqe); });
            end_iteration();
        }
    }

    void iterate() {
        ring_.iterate([this](const io_uring_cqe& cqe) { dispatch(cqe); });
        end_iteration();
    }

    // All completions in an iteration share one timestamp. The clock is read when it is first needed.
    std::int64_t time_of_iteration() {
        if (!time_is_read_)
            now_ = now();
        time_is_read_ = true;
        return now_;
    }

    void end_iteration() {
        time_of_iteration();
        time_is_read_ = false;
    }

    void dispatch(const io_uring_cqe& cqe) {
        if (cqe.user_data & is_send)
            check_result(cqe.res, "send");  // only failed sends post a completion
        else
            received(static_cast<std::size_t>(cqe.user_data), cqe);
    }

    void send(std::size_t number, std::size_t messages, std::int64_t due) {
        connection& to = connections_[number];
        to.sent_at.insert(to.sent_at.end(), messages, due);
        unanswered_ += messages;
        io_uring_sqe* sqe =
            prepare_send(ring_, to.socket.get(), to_send_.data(), messages * plan_.size, is_send);
        sqe->flags |= IOSQE_CQE_SKIP_SUCCESS;
    }

    void receive(std::size_t number) {
        prepare_receive(ring_, connections_[number].socket.get(), number, pool_, MSG_TRUNC);
    }

    void received(std::size_t number, const io_uring_cqe& cqe) {
        if (cqe.flags & IORING_CQE_F_BUFFER)
            pool_.give_back(pool_.take(cqe));
        if (cqe.res == 0)
            throw std::runtime_error("the server closed connection " + std::to_string(number));
        if (cqe.res > 0)
            count(number, static_cast<std::size_t>(cqe.res));
        else if (cqe.res != -ENOBUFS)
            check_result(cqe.res, "recv");
        if (!(cqe.flags & IORING_CQE_F_MORE))
            receive(number);
    }

    void count(std::size_t number, std::size_t bytes) {
        connection& from = connections_[number];
        from.received += bytes;
        const std::size_t messages = from.received / plan_.size;
        from.received %= plan_.size;
        if (messages > from.sent_at.size())
            throw std::runtime_error("connection " + std::to_string(number) + " received more than it sent");
        if (messages == 0)
            return;
        const std::int64_t arrived = time_of_iteration();
        for (std::size_t i = 0; i < messages; ++i) {
            latencies_.record(arrived - from.sent_at.front());
            from.sent_at.pop_front();
        }
        answered_ += messages;
        unanswered_ -= messages;
        if (answering_)
            send(number, messages, arrived);
    }

    const plan& plan_;
    const std::vector<std::byte> to_send_;
    bare_ring ring_;
    buffer_pool pool_{ring_};
    std::vector<connection> connections_;
    histogram latencies_;
    std::int64_t now_ = 0;
    bool time_is_read_ = false;
    std::uint64_t answered_ = 0;
    std::uint64_t unanswered_ = 0;
    bool answering_ = false;
};

}  // namespace

void tcp_echo(const plan& plan) {
    if (plan.verify)
        verify_tcp_echo(plan);
    else
        echo_load(plan).run();
}

}  // namespace compare
