// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT

// Races deadlines against arrivals in virtual time, often in the same nanosecond: 200,000, or a million if
// COIL_TEST_FULL is set. No byte and no connection is lost, whether the deadline or the arrival wins.

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdlib>
#include <random>
#include <string>

#include <linux/io_uring.h>

#include <coil/algo/read.hpp>
#include <coil/algo/timeout.hpp>

#include "algo/every_stream.hpp"
#include "support/scripted_context.hpp"

namespace coil::test {
namespace {

#ifdef __SANITIZE_THREAD__
constexpr bool is_slow = true;  // and there is only one thread
#else
constexpr bool is_slow = false;
#endif
// A batch is short, because a script keeps all its requests.
const std::size_t batches = std::getenv("COIL_TEST_FULL") && !is_slow ? 100 : 20;
constexpr std::size_t races = 5'000;  // per kind and batch

class score {
public:
    void count(bool in_time) { ++(in_time ? in_time_ : timed_out_); }
    void expect_fair() const {
        EXPECT_EQ(in_time_ + timed_out_, batches * races);
        EXPECT_GE(in_time_, batches * races / 10);
        EXPECT_GE(timed_out_, batches * races / 10);
    }

private:
    std::size_t in_time_ = 0;
    std::size_t timed_out_ = 0;
};

/// Random durations, in whole ticks of the timer queue so that events coincide.
class random_times {
public:
    explicit random_times(std::minstd_rand::result_type seed) : random_(seed) {}

    [[nodiscard]] std::chrono::nanoseconds next() {
        return std::chrono::nanoseconds(1024 * (random_() % 12));
    }
    [[nodiscard]] std::size_t up_to(std::size_t most) { return random_() % most + 1; }

private:
    std::minstd_rand random_;
};

/// Bytes that were sent and not yet received. An arrival completes the recv in flight, if there is one.
class network {
public:
    network(scripted_context& context, std::minstd_rand::result_type seed)
        : script_(&context.script()), bytes_(seed) {}

    void send(std::size_t size, std::chrono::nanoseconds takes) {
        script_->after(takes, [this, size] {
            arrived_ += size;
            deliver();
        });
    }
    /// Delivers the bytes that have arrived to the next recv in flight.
    void flush() {
        script_->after(std::chrono::nanoseconds(0), [this] { deliver(); });
    }

    [[nodiscard]] bool is_right(std::size_t received, std::span<const char> part) {
        return bytes_.match_at(received, part);
    }
    [[nodiscard]] std::size_t arrived() const { return arrived_; }

private:
    void deliver() {
        const auto receivers = script_->in_flight(IORING_OP_RECV);
        if (receivers.empty() || delivered_ == arrived_)
            return;
        const std::size_t size = std::min<std::size_t>(arrived_ - delivered_, receivers.front().sqe().len);
        script_->answer(receivers.front(), bytes_.part(delivered_, size));
        delivered_ += size;
    }

    ring::scripted_kernel* script_;
    numbered_bytes bytes_;
    std::size_t arrived_ = 0;
    std::size_t delivered_ = 0;
};

TEST(TimeoutProperty, DeadlinesOnRecvLoseNoByte) {
    score scores;
    for (std::size_t batch = 0; batch < batches; ++batch) {
        scripted_context context;
        auto socket = context.connected_socket();
        random_times times(static_cast<unsigned>(batch) + 1);
        network net(context, 7);
        std::size_t sent = 0, received = 0;
        context.run([&]() -> task<> {
            std::array<char, 64> buffer;
            for (std::size_t i = 0; i < races; ++i) {
                const std::size_t size = times.up_to(40);
                sent += size;
                net.send(size, times.next());
                const bool whole = i % 4 == 0;
                const auto into = mutable_buffer(buffer.data(), times.up_to(64));
                outcome<std::size_t> result = std::size_t{0};
                if (whole)
                    result = co_await as_tuple(timeout(read(socket, into), times.next()));
                else
                    result = co_await as_tuple(timeout(socket.recv(into), times.next()));
                const auto [ec, n] = result;
                CO_ASSERT_TRUE(!ec || ec == error::timed_out) << ec.message();
                CO_ASSERT_TRUE(net.is_right(received, std::span(buffer).first(n)));
                EXPECT_TRUE(!ec || whole || n == 0) << "a recv that got bytes has completed";
                received += n;
                scores.count(!ec);
            }
            while (received < sent) {
                net.flush();
                const std::size_t n = co_await socket.recv(buffer);
                CO_ASSERT_TRUE(n > 0 && net.is_right(received, std::span(buffer).first(n)));
                received += n;
            }
        });
        ASSERT_EQ(received, sent);
        ASSERT_FALSE(testing::Test::HasFailure()) << "batch " << batch;
    }
    scores.expect_fair();
}

TEST(TimeoutProperty, DeadlinesOnAcceptLoseNoConnection) {
    score scores;
    for (std::size_t batch = 0; batch < batches; ++batch) {
        scripted_context context;
        auto acceptor = context.acceptor();
        random_times times(static_cast<unsigned>(batch) + 1);
        std::size_t connections = 0, came = 0, answered = 0, accepted = 0;
        auto& script = context.script();
        const auto answer = [&] {
            if (answered < came && !script.in_flight(IORING_OP_ACCEPT).empty()) {
                script.answer(IORING_OP_ACCEPT, reply::connection());
                ++answered;
            }
        };
        context.run([&]() -> task<> {
            for (std::size_t i = 0; i < races; ++i) {
                if (times.up_to(3) > 1) {  // fewer connections than accepts
                    ++connections;
                    script.after(times.next(), [&] {
                        ++came;
                        answer();
                    });
                }
                auto taken = co_await as_tuple(timeout(acceptor.accept(), times.next()));
                CO_ASSERT_TRUE(taken || taken.error() == error::timed_out) << taken.error().message();
                accepted += taken.has_value();
                scores.count(taken.has_value());
            }
            while (accepted < connections) {
                script.after(std::chrono::nanoseconds(0), answer);
                co_await acceptor.accept();
                ++accepted;
            }
            acceptor.close();
        });
        ASSERT_EQ(answered, connections);
        ASSERT_FALSE(testing::Test::HasFailure()) << "batch " << batch;
    }
    scores.expect_fair();
}

}  // namespace
}  // namespace coil::test
