// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "load/watchdog.hpp"
#include "load/workloads.hpp"
#include "support/buffer_pool.hpp"
#include "support/sockets.hpp"

namespace compare {

/// A closed loop of datagrams: the arrival of an echo triggers the next send. The derived class decides what
/// to send, counts the echoes, and resends every datagram that has not come back after `patience`.
class datagram_load {
public:
    void run() {
        drive(plan_.warm_up);
        latencies_ = {};
        lost_ = 0;
        measurement measured = measure(plan_, [this](std::int64_t duration) { return drive(duration); });
        measured.unit = "datagram";
        measured.latencies = &latencies_;
        measured.lost = lost_;
        print(measured);
    }

protected:
    static constexpr std::int64_t patience = 200'000'000;  // in nanoseconds

    datagram_load(const plan& plan, buffer_pool::kind kind) : plan_(plan), pool_(ring_, kind) {}
    ~datagram_load() = default;

    /// Sends the first datagrams.
    virtual void send_first() = 0;
    /// Resends the datagrams that were sent before `deadline` and have not come back, and adds their number
    /// to lost_.
    virtual void send_lost(std::int64_t deadline) = 0;
    [[nodiscard]] virtual bool is_in_flight() const = 0;
    /// Handles the bytes that socket `number` has received.
    virtual void received(std::size_t number, std::span<const std::byte> bytes) = 0;

    void add(descriptor socket) {
        sockets_.push_back(std::move(socket));
        receive(sockets_.size() - 1);
    }

    void send(std::size_t number, std::span<const std::byte> bytes) {
        io_uring_sqe* sqe = prepare_send(ring_, sockets_[number].get(), bytes.data(), bytes.size(), is_send);
        sqe->flags |= IOSQE_CQE_SKIP_SUCCESS;
    }

    const plan& plan_;
    histogram latencies_;
    std::uint64_t answered_ = 0;
    std::uint64_t lost_ = 0;
    bool keeps_going_ = false;  // false while the last echoes arrive

private:
    static constexpr std::uint64_t is_send = std::uint64_t{1} << 63;

    driven drive(std::int64_t duration) {
        watchdog::expects("echoes of datagrams on " + std::to_string(sockets_.size()) + " sockets");
        answered_ = 0;
        keeps_going_ = true;
        const std::int64_t begin = now_ = next_check_ = now();
        send_first();
        while (now_ < begin + duration)
            iterate();
        const std::int64_t window = now_ - begin;
        const std::uint64_t in_window = answered_;
        keeps_going_ = false;
        while (is_in_flight())
            iterate();
        return {window, in_window, answered_};
    }

    void iterate() {
        ring_.iterate_for(patience / 2, [this](const io_uring_cqe& cqe) { dispatch(cqe); });
        now_ = now();
        if (now_ > next_check_) {
            next_check_ = now_ + patience / 2;
            send_lost(now_ - patience);
        }
    }

    void dispatch(const io_uring_cqe& cqe) {
        if (cqe.user_data & is_send) {
            check_result(cqe.res, "send");  // only failed sends post a completion
            return;
        }
        const auto number = static_cast<std::size_t>(cqe.user_data);
        if (cqe.flags & IORING_CQE_F_BUFFER) {
            const auto chunk = pool_.take(cqe);
            received(number, {chunk.data, chunk.size});
            pool_.give_back(chunk);
        } else if (cqe.res != -ENOBUFS) {
            check_result(cqe.res, "recv");
        }
        if (!(cqe.flags & IORING_CQE_F_MORE))
            receive(number);
    }

    void receive(std::size_t number) { prepare_receive(ring_, sockets_[number].get(), number, pool_); }

    bare_ring ring_;
    buffer_pool pool_;
    std::vector<descriptor> sockets_;
    std::int64_t now_ = 0;
    std::int64_t next_check_ = 0;
};

/// Returns the number at the start of a datagram. Throws if the datagram is too short.
inline std::uint64_t number_of(std::span<const std::byte> datagram) {
    std::uint64_t number;
    if (datagram.size() < sizeof number)
        throw std::runtime_error("an echo has the wrong size: " + std::to_string(datagram.size()));
    std::memcpy(&number, datagram.data(), sizeof number);
    return number;
}

/// Limits a receive to one second, so that a lost datagram does not end the check.
inline void set_receive_timeout(const descriptor& socket) {
    const timeval one_second{1, 0};
    check(::setsockopt(socket.get(), SOL_SOCKET, SO_RCVTIMEO, &one_second, sizeof one_second) == 0,
          "SO_RCVTIMEO");
}

}  // namespace compare
