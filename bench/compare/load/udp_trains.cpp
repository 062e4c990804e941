// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

#include <netinet/udp.h>

#include "load/datagram_load.hpp"
#include "load/pattern.hpp"

namespace compare {
namespace {

constexpr std::size_t train_length = 32;

// Returns the size of a datagram. A datagram starts with a number, and a whole train must fit into 65507
// bytes.
std::size_t size_of_datagrams(const plan& plan) {
    if (plan.size < 2 * sizeof(std::uint64_t) || plan.size > 65507 / train_length)
        throw std::invalid_argument("--size must be a number from 16 to 2047 for trains of datagrams");
    return plan.size;
}

// Opens a socket on which the kernel splits each send into datagrams (UDP_SEGMENT) and coalesces received
// datagrams (UDP_GRO).
descriptor train_socket(const plan& plan) {
    descriptor made = connected_socket(SOCK_DGRAM, plan.port);
    const int size = static_cast<int>(size_of_datagrams(plan));
    const int on = 1;
    check(::setsockopt(made.get(), IPPROTO_UDP, UDP_SEGMENT, &size, sizeof size) == 0, "UDP_SEGMENT");
    check(::setsockopt(made.get(), IPPROTO_UDP, UDP_GRO, &on, sizeof on) == 0, "UDP_GRO");
    return made;
}

/// Calls `call` for each datagram in a coalesced train.
template <class F>
void for_each_datagram(std::span<const std::byte> train, std::size_t size, F&& call) {
    while (train.size() > size) {
        call(train.first(size));
        train = train.subspan(size);
    }
    call(train);
}

// A single client with several trains in flight. Each datagram starts with the number of its train.
class train_load final : public datagram_load {
public:
    explicit train_load(const plan& plan)
        : datagram_load(plan, buffer_pool::kind::trains), trains_(plan.in_flight) {
        add(train_socket(plan));
        for (std::size_t i = 0; i < trains_.size(); ++i) {
            trains_[i].bytes.resize(train_length * plan.size);
            trains_[i].number = i;
        }
    }

private:
    struct train {
        std::vector<std::byte> bytes = {};
        std::uint64_t number = 0;  // modulo the number of trains, this is the index in trains_
        std::size_t missing = 0;   // number of datagrams that have not come back
        std::int64_t sent_at = 0;
    };

    void send_first() override {
        for (train& each: trains_)
            send_next(each);
    }

    // Counts the missing datagrams of each late train as lost, and sends a new train instead.
    void send_lost(std::int64_t deadline) override {
        for (train& each: trains_)
            if (each.missing > 0 && each.sent_at < deadline) {
                lost_ += each.missing;
                send_next(each);
            }
    }

    bool is_in_flight() const override {
        return std::ranges::any_of(trains_, [](const train& each) { return each.missing > 0; });
    }

    // Sends the train with a new number, so that late datagrams with the previous number are ignored.
    void send_next(train& next) {
        next.number += trains_.size();
        next.missing = train_length;
        next.sent_at = now();
        for (std::size_t i = 0; i < train_length; ++i)
            std::memcpy(next.bytes.data() + i * plan_.size, &next.number, sizeof next.number);
        send(0, next.bytes);
    }

    void received(std::size_t, std::span<const std::byte> together) override {
        if (together.size() % plan_.size != 0)
            throw std::runtime_error("an echo has the wrong size: " + std::to_string(together.size()));
        for_each_datagram(together, plan_.size, [this](auto datagram) {
            const std::uint64_t number = number_of(datagram);
            train& from = trains_[number % trains_.size()];
            if (number != from.number || from.missing == 0)
                return;
            ++answered_;
            if (--from.missing == 0 && keeps_going_)
                send_next(from);
        });
    }

    std::vector<train> trains_;
};

// Each round sends plan.in_flight trains. The last datagram of every second train is shorter than the others.
// Each datagram starts with its own number, and its remaining bytes depend on its position.
class verified_trains {
public:
    explicit verified_trains(const plan& plan)
        : plan_(plan),
          bytes_(plan.seed),
          socket_(train_socket(plan)),
          missing_(plan.in_flight * train_length),
          buffer_(65536) {
        set_receive_timeout(socket_);
    }

    void run() {
        watchdog::expects("trains of datagrams to come back");
        for (std::size_t round = 0; round < rounds; ++round)
            exchange();
        std::printf("{\"verified_bytes\": %zu}\n", verified_);
    }

private:
    static constexpr std::size_t rounds = 16;
    static constexpr int attempts = 5;

    // Sends one round and waits for its datagrams. If any datagrams are lost, sends the whole round again.
    void exchange() {
        missing_.assign(missing_.size(), true);
        count_ = missing_.size();
        for (int attempt = 0; attempt < attempts; ++attempt) {
            for (std::size_t i = 0; i < plan_.in_flight; ++i)
                send(first_ + i * train_length);
            while (count_ > 0 && receive()) {}
            if (count_ == 0) {
                first_ += missing_.size();
                return;
            }
        }
        throw std::runtime_error(std::to_string(count_) + " datagrams did not come back");
    }

    [[nodiscard]] std::size_t size_of(std::uint64_t number) const {
        return (number + 1) % (2 * train_length) == 0 ? plan_.size / 2 : plan_.size;
    }

    void send(std::uint64_t number) {
        std::vector<std::byte> train;
        for (const std::uint64_t end = number + train_length; number < end; ++number) {
            const std::size_t at = train.size();
            train.resize(at + size_of(number));
            bytes_.fill(std::span(train).subspan(at), number * plan_.size);
            std::memcpy(train.data() + at, &number, sizeof number);
        }
        const auto sent = ::send(socket_.get(), train.data(), train.size(), 0);
        check(sent == static_cast<ssize_t>(train.size()), "send");
    }

    bool receive() {
        iovec room{buffer_.data(), buffer_.size()};
        alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))];
        msghdr message{};
        message.msg_iov = &room;
        message.msg_iovlen = 1;
        message.msg_control = control;
        message.msg_controllen = sizeof control;
        const auto received = ::recvmsg(socket_.get(), &message, 0);
        check(received >= 0 || errno == EAGAIN, "recvmsg");
        if (received < 0)
            return false;
        const auto size = static_cast<std::size_t>(received);
        int segment = 0;  // 0 means that the kernel has returned a single datagram
        const cmsghdr* header = CMSG_FIRSTHDR(&message);
        if (header && header->cmsg_level == IPPROTO_UDP && header->cmsg_type == UDP_GRO)
            std::memcpy(&segment, CMSG_DATA(header), sizeof segment);
        for_each_datagram(std::span(buffer_).first(size),
                          segment > 0 ? static_cast<std::size_t>(segment) : size,
                          [this](auto datagram) { verify(datagram); });
        return true;
    }

    void verify(std::span<const std::byte> datagram) {
        const std::uint64_t number = number_of(datagram);
        if (number >= first_ + missing_.size())
            throw std::runtime_error("datagram " + std::to_string(number) + " came back but was not sent");
        if (datagram.size() != size_of(number))
            throw std::runtime_error("an echo has the wrong size: " + std::to_string(datagram.size()));
        bytes_.check(datagram.subspan(sizeof number), number * plan_.size + sizeof number);
        if (number < first_ || !missing_[number - first_])
            return;  // a duplicate, because the datagram was sent again and both copies came back
        missing_[number - first_] = false;
        --count_;
        verified_ += datagram.size();
    }

    const plan& plan_;
    const pattern bytes_;
    descriptor socket_;
    std::vector<bool> missing_;  // one entry per datagram in this round
    std::size_t count_ = 0;      // how many datagrams are missing
    std::uint64_t first_ = 0;    // the number of the first datagram in this round
    std::size_t verified_ = 0;
    std::vector<std::byte> buffer_;
};

}  // namespace

void udp_trains(const plan& plan) {
    if (plan.verify)
        verified_trains(plan).run();
    else
        train_load(plan).run();
}

}  // namespace compare
