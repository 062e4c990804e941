// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT

// Deadlines against arrivals on the real kernel, as many and as close together as a second allows: whoever wins, every
// byte is somebody's.

#include <array>
#include <chrono>
#include <random>
#include <string>
#include <vector>

#include <coil/algo/timeout.hpp>

#include "algo/every_stream.hpp"

namespace coil::test {
namespace {

using namespace std::chrono_literals;

struct score {
    std::size_t timed_out = 0;
    std::size_t timed_out_with_bytes = 0;
    std::size_t completed = 0;
};

class TimeoutRace : public testing::Test {
protected:
    static constexpr std::size_t races = 10'000;

    template <class F>
    void tell(F story) {
        context_.run([&]() -> task<> {
            auto both =
                co_await transport<tcp::socket>::connect(context_, transport<tcp::socket>::variants()[0]);
            co_await story(both.near, both.far);
        });
    }
    io_context& context() { return context_; }

private:
    real_context context_;
};

TEST_F(TimeoutRace, EveryByteThatArrivesIsReceivedOnceAndInOrder) {
    tell([this](tcp::socket& near, tcp::socket& far) -> task<> {
        const numbered_bytes bytes(11);
        std::size_t sent = 0;
        bool enough = false;
        auto sender = co_spawn(context(), [&]() -> task<> {
            std::minstd_rand random(11);
            while (!enough) {
                sent += co_await write(far, bytes.part(sent, random() % 40 + 1));
                co_await wait_turns(random() % 4);
            }
            far.shutdown(socket_base::shutdown_send);
        });
        std::minstd_rand random(12);
        std::size_t received = 0;
        score races_of_recv;
        score races_of_read;
        for (std::size_t race = 0; race < races; ++race) {
            std::array<char, 100> buffer;
            const auto patience = std::chrono::nanoseconds(random() % 30'000);
            const bool whole = race % 2 == 0;
            auto [ec, n] = whole ? co_await as_tuple(timeout(read(near, buffer), patience))
                                 : co_await as_tuple(timeout(near.recv(buffer), patience));
            CO_ASSERT_TRUE(!ec || ec == error::timed_out) << ec.message();
            CO_ASSERT_TRUE(bytes.stand_at(received, std::span(buffer).first(n)));
            received += n;
            score& counted = whole ? races_of_read : races_of_recv;
            counted.completed += !ec;
            counted.timed_out += ec && n == 0;
            counted.timed_out_with_bytes += ec && n > 0;
        }
        enough = true;
        std::array<char, 1000> buffer;
        while (const std::size_t n = co_await near.recv(buffer)) {
            CO_ASSERT_TRUE(bytes.stand_at(received, std::span(buffer).first(n)));
            received += n;
        }
        co_await sender.join();
        EXPECT_EQ(received, sent);
        // A race that nobody ever lost was none.
        EXPECT_GT(races_of_recv.completed, 0u);
        EXPECT_GT(races_of_recv.timed_out, 0u);
        EXPECT_EQ(races_of_recv.timed_out_with_bytes, 0u);  // a recv that got bytes has completed
        EXPECT_GT(races_of_read.completed, 0u);
        EXPECT_GT(races_of_read.timed_out_with_bytes, 0u);
    });
}

TEST_F(TimeoutRace, EveryByteThatAWriteCountsIsSent) {
    tell([this](tcp::socket& near, tcp::socket& far) -> task<> {
        const numbered_bytes bytes(13);
        std::size_t received = 0;
        auto receiver = co_spawn(context(), [&]() -> task<> {
            std::minstd_rand random(13);
            std::vector<char> buffer(20'000);
            while (const std::size_t n = co_await far.recv(buffer)) {
                CO_ASSERT_TRUE(bytes.stand_at(received, std::span(buffer).first(n)));
                received += n;
                co_await wait_turns(random() % 30);
            }
        });
        near.set_option(socket_base::send_buffer_size(8192));
        far.set_option(socket_base::receive_buffer_size(32768));
        std::minstd_rand random(14);
        std::size_t sent = 0;
        score counted;
        for (std::size_t race = 0; race < races; ++race) {
            const std::string part = bytes.part(sent, random() % 3000 + 1);
            const auto patience = std::chrono::nanoseconds(random() % 30'000);
            auto [ec, n] = co_await as_tuple(timeout(write(near, part), patience));
            CO_ASSERT_TRUE(!ec || ec == error::timed_out) << ec.message();
            EXPECT_EQ(n == part.size(), !ec);
            sent += n;
            counted.completed += !ec;
            counted.timed_out += static_cast<bool>(ec);
        }
        near.shutdown(socket_base::shutdown_send);
        co_await receiver.join();
        EXPECT_EQ(received, sent);
        EXPECT_GT(counted.completed, 0u);
        EXPECT_GT(counted.timed_out, 0u);
    });
}

TEST_F(TimeoutRace, EveryConnectionIsAcceptedOnce) {
    tell([this](tcp::socket&, tcp::socket&) -> task<> {
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
        std::minstd_rand random(15);
        std::size_t accepted = 0;
        std::size_t timed_out = 0;
        while (accepted < connections) {
            auto taken =
                co_await as_tuple(timeout(acceptor.accept(), std::chrono::nanoseconds(random() % 60'000)));
            timed_out += taken.error() == error::timed_out;
            if (!taken)
                continue;
            ++accepted;
            char byte[1];
            EXPECT_EQ(co_await (*taken).recv(byte), 1u);
        }
        co_await clients.join();
        EXPECT_GT(timed_out, 0u);
    });
}

}  // namespace
}  // namespace coil::test
