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

// Sends messages and counts what comes back. As the server's CPU is what we want to fill, this does less than a server must:
// no message is looked at, nor even copied out of the kernel (MSG_TRUNC), and those due at once go out in one piece.
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
        std::deque<std::int64_t> sent_at = {};  // of each message that is not yet answered
        std::size_t received = 0;               // bytes of the next answer
    };

    // A tag is the connection's number; this bit tells a send.
    static constexpr std::uint64_t is_send = std::uint64_t{1} << 63;

    // Until the time is up, and all is answered.
    driven drive(std::int64_t duration) {
        watchdog::expects("the answers of " + std::to_string(plan_.connections) + " connections");
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
            turn();
        return {window, in_window, answered_};
    }

    // Closed loop: each answer is followed by the next message.
    void send_when_answered(std::int64_t end) {
        answering_ = true;
        for (std::size_t i = 0; i < connections_.size(); ++i)
            send(i, plan_.in_flight, now_);
        while (now_ < end)
            turn();
        answering_ = false;
    }

    // Open loop: messages have their times. If we or the server come late the message counts from when it was due.
    void send_at_a_rate(std::int64_t begin, std::int64_t end) {
        const double interval = 1e9 / plan_.rate;
        for (std::uint64_t number = 0; now_ < end;) {
            for (;; ++number) {
                const auto due = begin + static_cast<std::int64_t>(static_cast<double>(number) * interval);
                if (due > now_ || due >= end)
                    break;
                send(number % connections_.size(), 1, due);
            }
            ring_.poll([this](const io_uring_cqe& answer) { dispatch(answer); });
            turned();
        }
    }

    void turn() {
        ring_.turn([this](const io_uring_cqe& answer) { dispatch(answer); });
        turned();
    }

    // What a turn brought came together: its time is read once, with the first answer.
    std::int64_t time_of_turn() {
        if (!time_is_read_)
            now_ = now();
        time_is_read_ = true;
        return now_;
    }

    void turned() {
        time_of_turn();
        time_is_read_ = false;
    }

    void dispatch(const io_uring_cqe& answer) {
        if (answer.user_data & is_send)
            check_answer(answer.res, "send");  // only what fails is answered
        else
            received(static_cast<std::size_t>(answer.user_data), answer);
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

    void received(std::size_t number, const io_uring_cqe& answer) {
        if (answer.flags & IORING_CQE_F_BUFFER)
            pool_.give_back(pool_.take(answer));
        if (answer.res == 0)
            throw std::runtime_error("the server closed connection " + std::to_string(number));
        if (answer.res > 0)
            count(number, static_cast<std::size_t>(answer.res));
        else if (answer.res != -ENOBUFS)
            check_answer(answer.res, "recv");
        if (!(answer.flags & IORING_CQE_F_MORE))
            receive(number);
    }

    void count(std::size_t number, std::size_t bytes) {
        connection& from = connections_[number];
        from.received += bytes;
        const std::size_t messages = from.received / plan_.size;
        from.received %= plan_.size;
        if (messages > from.sent_at.size())
            throw std::runtime_error("connection " + std::to_string(number) + " got more than it sent");
        if (messages == 0)
            return;
        const std::int64_t arrived = time_of_turn();
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
