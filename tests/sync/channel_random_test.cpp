// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT

// Senders and receivers start, are stopped and are destroyed at random. Each message is received once, or its
// sender gets an error.

#include <coil/sync/channel.hpp>

#include <algorithm>
#include <iterator>
#include <list>
#include <map>
#include <random>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include <coil/coro/as_tuple.hpp>

#include "coro/manual_scheduler.hpp"

namespace coil::test {
namespace {

enum class send_state { pending, sent, not_sent };

struct message_record {
    send_state sender = send_state::pending;
    int received = 0;
};

/// Move-only; counts its instances.
class message {
public:
    message(int number, int& alive) : number_(number), alive_(&alive) { ++*alive_; }
    message(message&& other) noexcept : number_(other.number_), alive_(other.alive_) { ++*alive_; }
    message& operator=(message&&) = delete;
    ~message() { --*alive_; }

    [[nodiscard]] int number() const noexcept { return number_; }

private:
    int number_;
    int* alive_;
};

class random_run {
public:
    random_run(unsigned seed, std::size_t capacity, bool destroys)
        : random_(seed), destroys_(destroys), channel_(capacity) {}

    void run(int steps) {
        for (int i = 0; i < steps; ++i)
            step();
        // Ends the remaining senders and receivers.
        channel_.close();
        loop_.run();
        while (auto left = channel_.try_receive())
            note(tickets_++, *left);
        for (auto& each: tasks_)
            EXPECT_TRUE(each.done());
        tasks_.clear();
        EXPECT_EQ(alive_, 0) << "each message is destroyed once";
    }

    void check() const {
        for (std::size_t i = 0; i < messages_.size(); ++i) {
            const auto& [sender, received] = messages_[i];
            switch (sender) {
            case send_state::sent: EXPECT_EQ(received, 1) << "message " << i << " was sent"; break;
            case send_state::not_sent: EXPECT_EQ(received, 0) << "message " << i << " was not sent"; break;
            case send_state::pending:
                EXPECT_TRUE(destroys_);
                EXPECT_LE(received, 1) << "message " << i << ", sender destroyed";
                break;
            }
        }
        if (destroys_)
            return;
        int before = -1;
        for (const auto& [ticket, number]: received_) {
            EXPECT_LT(before, number) << "the first receiver gets the first message";
            before = number;
        }
    }

    [[nodiscard]] std::size_t received() const noexcept { return received_.size(); }
    [[nodiscard]] std::size_t sent() const { return static_cast<std::size_t>(count(send_state::sent)); }
    [[nodiscard]] std::size_t not_sent() const {
        return static_cast<std::size_t>(count(send_state::not_sent));
    }

private:
    /// A node that is run after all resumptions that were ready before it.
    class marker final : public detail::node {
    public:
        std::coroutine_handle<> run() noexcept override {
            passed = true;
            return nullptr;
        }
        bool passed = false;
    };

    task<> send() {
        const auto number = messages_.size();
        messages_.emplace_back();
        const auto result = co_await as_tuple(channel_.send(message(static_cast<int>(number), alive_)));
        messages_[number].sender = result.error() ? send_state::not_sent : send_state::sent;
    }
    task<> receive() {
        const int ticket = tickets_++;
        const auto result = co_await as_tuple(channel_.receive());
        if (*result)
            note(ticket, **result);
    }
    void note(int ticket, const message& received) {
        ++messages_[static_cast<std::size_t>(received.number())].received;
        received_.emplace(ticket, received.number());
    }

    void step() {
        switch (pick(destroys_ ? 10 : 8)) {
        case 0:
        case 1: tasks_.push_back(loop_.start(send())); break;
        case 2:
        case 3: tasks_.push_back(loop_.start(receive())); break;
        case 4: stop_random_task(); break;
        case 5: run_ready(pick(4)); break;
        case 6: run_ready(50); break;
        case 7: try_one(); break;
        default: destroy_random_task(); break;
        }
        std::erase_if(tasks_, [](const auto& each) { return each.done(); });
    }

    void stop_random_task() {
        if (!tasks_.empty())
            random_task()->env().request_stop();
    }
    void destroy_random_task() {
        if (!tasks_.empty())
            tasks_.erase(random_task());
    }
    void run_ready(int resumptions) {
        marker last;
        loop_.schedule(last);
        for (int i = 0; i < resumptions && !last.passed; ++i)
            loop_.run_one();
    }
    void try_one() {
        if (pick(2) == 0) {
            message fresh(static_cast<int>(messages_.size()), alive_);
            messages_.emplace_back();
            messages_.back().sender =
                channel_.try_send(std::move(fresh)) ? send_state::sent : send_state::not_sent;
        } else {
            if (auto found = channel_.try_receive())
                note(tickets_++, *found);
        }
    }

    std::list<started<void>>::iterator random_task() {
        return std::next(tasks_.begin(), pick(static_cast<int>(tasks_.size())));
    }
    int pick(int below) { return static_cast<int>(random_() % static_cast<unsigned>(below)); }
    [[nodiscard]] std::ptrdiff_t count(send_state what) const {
        return std::count_if(messages_.begin(), messages_.end(),
                             [&](const auto& each) { return each.sender == what; });
    }

    std::mt19937 random_;
    const bool destroys_;
    int alive_ = 0;
    std::vector<message_record> messages_;
    std::map<int, int> received_;  // by the ticket of the receiver
    int tickets_ = 0;
    manual_scheduler loop_;
    channel<message> channel_;
    std::list<started<void>> tasks_;
};

class ChannelAtRandom : public testing::TestWithParam<std::size_t> {
protected:
    static constexpr int steps = 500;
    static constexpr unsigned seeds = 20;

    void run(bool destroys) {
        std::size_t received = 0;
        std::size_t sent = 0;
        std::size_t not_sent = 0;
        for (unsigned seed = 0; seed < seeds && !HasFailure(); ++seed) {
            SCOPED_TRACE("seed " + std::to_string(seed));
            random_run one(seed, GetParam(), destroys);
            one.run(steps);
            one.check();
            received += one.received();
            sent += one.sent();
            not_sent += one.not_sent();
        }
        // The runs covered all cases.
        EXPECT_GT(received, 500u);
        EXPECT_GT(sent, 500u);
        EXPECT_GT(not_sent, 50u);
    }
};

TEST_P(ChannelAtRandom, DeliversEachMessageOnceInOrder) { run(false); }

TEST_P(ChannelAtRandom, DeliversOnceIfTasksAreDestroyed) { run(true); }

INSTANTIATE_TEST_SUITE_P(Capacity, ChannelAtRandom,
                         testing::Values(std::size_t{0}, std::size_t{1}, std::size_t{2}, std::size_t{10},
                                         channel<message>::unbounded),
                         [](const auto& chosen) {
                             return chosen.param == channel<message>::unbounded
                                        ? "Unbounded"
                                        : std::to_string(chosen.param);
                         });

}  // namespace
}  // namespace coil::test
