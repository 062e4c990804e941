// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#include <coil/loop/inbox.hpp>

#include <atomic>
#include <deque>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

namespace coil::test {
namespace {

class letter final : public detail::node {
public:
    letter() noexcept = default;
    letter(int sender, int number) noexcept : sender_(sender), number_(number) {}

    std::coroutine_handle<> run() noexcept override { return nullptr; }

    int sender() const { return sender_; }
    int number() const { return number_; }

private:
    int sender_ = 0;
    int number_ = 0;
};

TEST(Inbox, OnlyPushToEmptyWakesTheOwner) {
    detail::inbox box;
    letter first, second, third;
    detail::intrusive_list<detail::node> taken;
    EXPECT_TRUE(box.empty());
    EXPECT_TRUE(box.push(first));
    EXPECT_FALSE(box.push(second));
    EXPECT_FALSE(box.empty());
    box.drain(taken);
    EXPECT_TRUE(box.empty());
    EXPECT_TRUE(box.push(third));
    box.drain(taken);
}

TEST(Inbox, DrainAppendsInFifoOrder) {
    detail::inbox box;
    letter already, first, second, third;
    detail::intrusive_list<detail::node> taken;
    taken.push_back(already);
    for (letter* each: {&first, &second, &third})
        static_cast<void>(box.push(*each));
    box.drain(taken);
    for (letter* each: {&already, &first, &second, &third})
        EXPECT_EQ(&taken.pop_front(), each);
    EXPECT_TRUE(taken.empty());
}

TEST(Inbox, DrainOfEmptyInboxAddsNothing) {
    detail::inbox box;
    detail::intrusive_list<detail::node> taken;
    box.drain(taken);
    EXPECT_TRUE(taken.empty());
}

TEST(Inbox, DrainedNodeMayBePushedAgain) {
    detail::inbox box;
    letter first, second;
    detail::intrusive_list<detail::node> taken;
    for (int round = 0; round < 3; ++round) {
        EXPECT_TRUE(box.push(second));
        EXPECT_FALSE(box.push(first));
        box.drain(taken);
        EXPECT_EQ(&taken.pop_front(), &second);
        EXPECT_EQ(&taken.pop_front(), &first);
        EXPECT_TRUE(taken.empty());
    }
}

TEST(Inbox, ConcurrentPushesAreDrainedExactlyOnce) {
    constexpr int senders = 4;
    constexpr int each_sends = 5000;
    detail::inbox box;
    std::vector<std::deque<letter>> sent(senders);
    for (int sender = 0; sender < senders; ++sender)
        for (int number = 0; number < each_sends; ++number)
            sent[static_cast<std::size_t>(sender)].emplace_back(sender, number);

    std::atomic<int> wakes = 0;
    std::vector<std::thread> threads;
    for (auto& letters: sent) {
        threads.emplace_back([&] {
            for (letter& each: letters)
                wakes += box.push(each);
        });
    }
    std::vector<int> expected(senders);
    int received = 0, drains = 0;
    while (received < senders * each_sends) {
        detail::intrusive_list<detail::node> taken;
        box.drain(taken);
        drains += !taken.empty();
        while (!taken.empty()) {
            auto& each = static_cast<letter&>(taken.pop_front());
            EXPECT_EQ(each.number(), expected[static_cast<std::size_t>(each.sender())]++);
            ++received;
        }
        std::this_thread::yield();
    }
    for (std::thread& each: threads)
        each.join();
    EXPECT_TRUE(box.empty());
    EXPECT_EQ(wakes, drains) << "only a push to an empty inbox wakes";
}

}  // namespace
}  // namespace coil::test
