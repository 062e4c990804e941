// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT

// Races deadlines against arrivals on the real kernel. No byte and no connection is lost, whether the
// deadline or the arrival wins.

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include <coil/algo/timeout.hpp>

#include "algo/every_stream.hpp"

namespace coil::test {
namespace {

using namespace std::chrono_literals;

// Random timeouts that adapt to the speed of the machine, so that about half of them expire: an expired one
// raises the upper bound by 5 %, an operation that completes in time lowers it by 5 %.
class race {
public:
    explicit race(std::minstd_rand::result_type seed) : random_(seed) {}

    [[nodiscard]] std::chrono::nanoseconds next_timeout() {
        return std::chrono::nanoseconds(random_() % static_cast<std::uint64_t>(longest_));
    }
    void ended(bool in_time, std::size_t bytes = 0) {
        ++(in_time ? in_time_ : timed_out_);
        with_bytes_ += !in_time && bytes > 0;
        longest_ = std::clamp(longest_ * (in_time ? 0.95 : 1.05), 100.0, 1e9);
    }
    [[nodiscard]] std::size_t timed_out_with_bytes() const { return with_bytes_; }

    /// Each outcome must occur in at least a twentieth of the races.
    void expect_fair() const {
        const std::size_t fair = (in_time_ + timed_out_) / 20;
        EXPECT_GE(in_time_, fair);
        EXPECT_GE(timed_out_, fair);
    }

private:
    std::minstd_rand random_;
    double longest_ = 30'000;
    std::size_t in_time_ = 0;
    std::size_t timed_out_ = 0;
    std::size_t with_bytes_ = 0;
};

class TimeoutRace : public testing::Test {
protected:
    /// Allows 20,000 races. A slow machine stops after 7 seconds, but not before a tenth of them.
    [[nodiscard]] bool continues(std::size_t raced) const {
        constexpr std::size_t races = 20'000;
        return raced < races && (raced < races / 10 || std::chrono::steady_clock::now() < slice_end_);
    }

    template <class F>
    void run(F story) {
        context_.run([&]() -> task<> {
            auto both =
                co_await transport<tcp::socket>::connect(context_, transport<tcp::socket>::variants()[0]);
            co_await story(both.near, both.far);
        });
    }
    io_context& context() { return context_; }

private:
    real_context context_;
    const std::chrono::steady_clock::time_point slice_end_ = std::chrono::steady_clock::now() + 7s;
};

TEST_F(TimeoutRace, RecvLosesNoByte) {
    run([this](tcp::socket& near, tcp::socket& far) -> task<> {
        const numbered_bytes bytes(11);
        std::size_t sent = 0;
        bool done = false;
        auto sender = co_spawn(context(), [&]() -> task<> {
            std::minstd_rand random(11);
            while (!done) {
                sent += co_await write(far, bytes.part(sent, random() % 40 + 1));
                co_await yield_times(random() % 4);
            }
            far.shutdown(socket_base::shutdown_send);
        });
        std::size_t received = 0;
        race races_of_recv(12);
        race races_of_read(13);
        for (std::size_t i = 0; continues(i); ++i) {
            std::array<char, 100> buffer;
            const bool whole = i % 2 == 0;
            race& ours = whole ? races_of_read : races_of_recv;
            outcome<std::size_t> result = std::size_t{0};
            if (whole)
                result = co_await as_tuple(timeout(read(near, buffer), ours.next_timeout()));
            else
                result = co_await as_tuple(timeout(near.recv(buffer), ours.next_timeout()));
            const auto [ec, n] = result;
            CO_ASSERT_TRUE(!ec || ec == error::timed_out) << ec.message();
            CO_ASSERT_TRUE(bytes.match_at(received, std::span(buffer).first(n)));
            received += n;
            ours.ended(!ec, n);
        }
        done = true;
        std::array<char, 1000> buffer;
        while (const std::size_t n = co_await near.recv(buffer)) {
            CO_ASSERT_TRUE(bytes.match_at(received, std::span(buffer).first(n)));
            received += n;
        }
        co_await sender.join();
        EXPECT_EQ(received, sent);
        races_of_recv.expect_fair();
        races_of_read.expect_fair();
        EXPECT_EQ(races_of_recv.timed_out_with_bytes(), 0u);  // a recv that got bytes has completed
        EXPECT_GT(races_of_read.timed_out_with_bytes(), 0u);
    });
}

TEST_F(TimeoutRace, WriteCountsExactly) {
    run([this](tcp::socket& near, tcp::socket& far) -> task<> {
        const numbered_bytes bytes(13);
        std::size_t received = 0;
        auto receiver = co_spawn(context(), [&]() -> task<> {
            std::minstd_rand random(13);
            std::vector<char> buffer(20'000);
            while (const std::size_t n = co_await far.recv(buffer)) {
                CO_ASSERT_TRUE(bytes.match_at(received, std::span(buffer).first(n)));
                received += n;
                co_await yield_times(random() % 30);
            }
        });
        near.set_option(socket_base::send_buffer_size(8192));
        far.set_option(socket_base::receive_buffer_size(32768));
        std::minstd_rand random(14);
        std::size_t sent = 0;
        race writes(15);
        for (std::size_t i = 0; continues(i); ++i) {
            const std::string part = bytes.part(sent, random() % 3000 + 1);
            auto [ec, n] = co_await as_tuple(timeout(write(near, part), writes.next_timeout()));
            CO_ASSERT_TRUE(!ec || ec == error::timed_out) << ec.message();
            EXPECT_EQ(n == part.size(), !ec);
            sent += n;
            writes.ended(!ec, n);
        }
        near.shutdown(socket_base::shutdown_send);
        co_await receiver.join();
        EXPECT_EQ(received, sent);
        writes.expect_fair();
    });
}

TEST_F(TimeoutRace, AcceptsEachConnectionOnce) {
    run([this](tcp::socket&, tcp::socket&) -> task<> {
        constexpr std::size_t connections = 300;
        tcp::acceptor acceptor(context(), {ip::address_v4::loopback(), 0});
        auto clients = co_spawn(context(), [&]() -> task<> {
            for (std::size_t i = 0; i < connections; ++i) {
                tcp::socket client(context());
                co_await client.connect(acceptor.local_endpoint());
                co_await write(client, "x");
                client.set_option(socket_base::linger(true, 0));  // leaves no port in TIME_WAIT
                char end[1];
                co_await client.recv(end);
            }
        });
        race accepts(16);
        std::size_t accepted = 0;
        while (accepted < connections) {
            auto taken = co_await as_tuple(timeout(acceptor.accept(), accepts.next_timeout()));
            accepts.ended(taken.has_value());
            if (!taken)
                continue;
            ++accepted;
            char byte[1];
            EXPECT_EQ(co_await (*taken).recv(byte), 1u);
        }
        co_await clients.join();
        accepts.expect_fair();
    });
}

}  // namespace
}  // namespace coil::test
