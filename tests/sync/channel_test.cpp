// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#include <coil/sync/channel.hpp>

#include <memory>
#include <optional>
#include <string>
#include <system_error>
#include <type_traits>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include <coil/base/assert.hpp>
#include <coil/coro/as_tuple.hpp>

#include "coro/manual_scheduler.hpp"
#include "support/mistake.hpp"
#include "support/real_context.hpp"

// Properties of all waits in sync are tested in every_wait_test.cpp, random interleavings in
// channel_random_test.cpp.

namespace coil::test {
namespace {

static_assert(!std::is_copy_constructible_v<channel<int>> && !std::is_move_constructible_v<channel<int>>);

using numbers = std::vector<int>;

task<> send_all(channel<int>& into, numbers all) {
    for (const int each: all)
        co_await into.send(each);
}

task<> receive_all(channel<int>& from, numbers& got) {
    while (const auto message = co_await from.receive())
        got.push_back(*message);
}

task<> receive_one(channel<int>& from, numbers& got) {
    const auto message = co_await from.receive();
    got.push_back(message.value_or(-1));
}

template <class F>
std::error_code error_of(F&& function) {
    try {
        function();
    } catch (const std::system_error& failure) {
        return failure.code();
    }
    return {};
}

// ---- passing ----------------------------------------------------------------------------------------------

TEST(Channel, IsFifoAtEveryCapacity) {
    for (const std::size_t capacity: {std::size_t{0}, std::size_t{1}, std::size_t{2}, std::size_t{7},
                                      std::size_t{100}, channel<int>::unbounded}) {
        manual_scheduler loop;
        channel<int> numbers_of(capacity);
        EXPECT_EQ(numbers_of.capacity(), capacity);
        numbers sent;
        for (int i = 0; i < 50; ++i)
            sent.push_back(i);
        numbers got;
        auto receiver = loop.start(receive_all(numbers_of, got));
        auto sender = loop.start(send_all(numbers_of, sent));
        loop.run();
        sender.result();
        EXPECT_EQ(got, sent) << "capacity " << capacity;
        EXPECT_FALSE(receiver.done());
        numbers_of.close();
        loop.run();
        receiver.result();
    }
}

TEST(Channel, SendersWaitIfFull) {
    manual_scheduler loop;
    channel<int> two(2);
    EXPECT_TRUE(two.empty());
    auto sender = loop.start(send_all(two, {1, 2, 3, 4}));
    loop.run();
    EXPECT_EQ(two.size(), 2u);
    EXPECT_FALSE(sender.done());
    EXPECT_EQ(two.try_receive(), 1);
    EXPECT_EQ(two.size(), 2u) << "the waiting sender's message moved into the buffer";
    loop.run();
    EXPECT_EQ(two.try_receive(), 2);
    loop.run();
    sender.result();
    EXPECT_EQ(two.try_receive(), 3);
    EXPECT_EQ(two.try_receive(), 4);
    EXPECT_EQ(two.try_receive(), std::nullopt);
}

TEST(Channel, RendezvousSendWaitsForAReceiver) {
    manual_scheduler loop;
    channel<int> meeting(0);
    auto sender = loop.start(send_all(meeting, {7}));
    loop.run();
    EXPECT_FALSE(sender.done());
    EXPECT_EQ(meeting.size(), 0u);
    numbers got;
    auto receiver = loop.start(receive_one(meeting, got));
    loop.run();
    sender.result();
    EXPECT_EQ(got, numbers{7});
}

TEST(Channel, RendezvousTrySendNeedsAReceiver) {
    manual_scheduler loop;
    channel<int> meeting(0);
    EXPECT_FALSE(meeting.try_send(1)) << "no receiver waits";
    numbers got;
    auto receiver = loop.start(receive_one(meeting, got));
    loop.run();
    EXPECT_TRUE(meeting.try_send(2));
    EXPECT_FALSE(meeting.try_send(3)) << "the receiver already has a message";
    EXPECT_EQ(got, numbers());
    loop.run();
    EXPECT_EQ(got, numbers{2});
}

TEST(Channel, UnboundedSendNeverWaits) {
    manual_scheduler loop;
    channel<int> many(channel<int>::unbounded);
    auto sender = loop.start(send_all(many, numbers(10'000, 5)));
    EXPECT_LE(loop.run(),
              1 + 10'000 / detail::scheduler::inline_max);  // yields when the inline budget is spent
    sender.result();
    EXPECT_EQ(many.size(), 10'000u);
}

TEST(Channel, ReceiversAreServedFifo) {
    manual_scheduler loop;
    channel<int> shared(1);
    numbers first;
    numbers second;
    auto one = loop.start(receive_one(shared, first));
    auto two = loop.start(receive_one(shared, second));
    loop.run();
    EXPECT_TRUE(shared.try_send(1));
    EXPECT_TRUE(shared.try_send(2));
    EXPECT_TRUE(shared.try_send(3)) << "two were handed over, there is room for one";
    EXPECT_FALSE(shared.try_send(4));
    loop.run();
    EXPECT_EQ(first, numbers{1});
    EXPECT_EQ(second, numbers{2});
}

TEST(Channel, SendersAreServedFifo) {
    manual_scheduler loop;
    channel<int> shared(1);
    EXPECT_TRUE(shared.try_send(0));
    auto one = loop.start(send_all(shared, {1, 4}));
    auto two = loop.start(send_all(shared, {2}));
    auto three = loop.start(send_all(shared, {3}));
    numbers got;
    auto receiver = loop.start(receive_all(shared, got));
    loop.run();
    EXPECT_EQ(got, (numbers{0, 1, 2, 3, 4}));
    shared.close();
    loop.run();
}

TEST(Channel, MessagesNeedNoCopyAndNoDefaultConstructor) {
    struct parcel {
        explicit parcel(int given) : content(std::make_unique<int>(given)) {}
        std::unique_ptr<int> content;
    };
    manual_scheduler loop;
    channel<parcel> parcels(1);
    const auto story = [&]() -> task<int> {
        co_await parcels.send(parcel(5));
        auto first = co_await parcels.receive();
        EXPECT_TRUE(parcels.try_send(parcel(6)));
        auto second = parcels.try_receive();
        co_return *first->content * 10 + *second->content;
    };
    EXPECT_EQ(loop.run(story()), 56);
}

TEST(Channel, MessageMayBeAnErrorCode) {
    manual_scheduler loop;
    channel<std::error_code> failures(1);
    const auto story = [&]() -> task<> {
        co_await failures.send(make_error_code(error::eof));
        const auto result = co_await as_tuple(failures.receive());
        EXPECT_FALSE(result.error());
        EXPECT_EQ(**result, error::eof);
    };
    loop.run(story());
}

// ---- trying -----------------------------------------------------------------------------------------------

TEST(Channel, FailedTrySendKeepsTheMessage) {
    channel<std::unique_ptr<int>> one(1);
    auto first = std::make_unique<int>(1);
    auto second = std::make_unique<int>(2);
    EXPECT_TRUE(one.try_send(std::move(first)));
    EXPECT_FALSE(one.try_send(std::move(second)));
    EXPECT_TRUE(second) << "the channel was full";
    one.close();
    EXPECT_TRUE(one.try_receive());
    EXPECT_FALSE(one.try_send(std::move(second)));
    EXPECT_TRUE(second) << "the channel was closed";
}

TEST(Channel, TrySendCopiesOnlyIfThereIsRoom) {
    struct counted {
        explicit counted(int& count) : copies(&count) {}
        counted(const counted& other) : copies(other.copies) { ++*copies; }
        counted(counted&&) noexcept = default;
        int* copies;
    };
    int copies = 0;
    const counted message(copies);
    channel<counted> one(1);
    EXPECT_TRUE(one.try_send(message));
    EXPECT_FALSE(one.try_send(message));
    EXPECT_EQ(copies, 1);
}

// ---- closing ----------------------------------------------------------------------------------------------

TEST(Channel, ClosedChannelCanBeDrained) {
    manual_scheduler loop;
    channel<int> closing(3);
    EXPECT_TRUE(closing.try_send(1));
    EXPECT_TRUE(closing.try_send(2));
    closing.close();
    closing.close();
    EXPECT_TRUE(closing.is_closed());
    numbers got;
    loop.run(receive_all(closing, got));
    EXPECT_EQ(got, (numbers{1, 2}));
    loop.run(receive_one(closing, got));
    EXPECT_EQ(got.back(), -1) << "the end is permanent";
}

TEST(Channel, SendToClosedThrowsChannelClosed) {
    manual_scheduler loop;
    channel<int> closed(3);
    closed.close();
    EXPECT_EQ(error_of([&] { loop.run(send_all(closed, {1})); }), error::channel_closed);
    EXPECT_FALSE(closed.try_send(1));
    EXPECT_EQ(closed.size(), 0u);
}

TEST(Channel, CloseFailsWaitingSenders) {
    manual_scheduler loop;
    channel<int> closing(1);
    auto first = loop.start(send_all(closing, {1, 2}));
    auto second = loop.start(send_all(closing, {3}));
    loop.run();
    closing.close();
    EXPECT_FALSE(first.done()) << "senders fail in their own resumption";
    loop.run();
    try {
        first.result();
        ADD_FAILURE() << "nothing was thrown";
    } catch (const std::system_error& failure) {
        EXPECT_STREQ(failure.what(), "send to a channel: the channel is closed");
    }
    EXPECT_EQ(error_of([&] { second.result(); }), error::channel_closed);
    EXPECT_EQ(closing.try_receive(), 1);
    EXPECT_EQ(closing.try_receive(), std::nullopt);
}

TEST(Channel, CloseEndsWaitingReceivers) {
    manual_scheduler loop;
    channel<int> closing(0);
    numbers got;
    auto first = loop.start(receive_one(closing, got));
    auto second = loop.start(receive_one(closing, got));
    loop.run();
    EXPECT_TRUE(closing.try_send(1));
    closing.close();
    loop.run();
    EXPECT_EQ(got, (numbers{1, -1})) << "a message handed over before close() is received";
}

TEST(Channel, EndIsNotAnError) {
    manual_scheduler loop;
    channel<int> closed(0);
    closed.close();
    const auto story = [&]() -> task<> {
        const auto [ec, message] = co_await as_tuple(closed.receive());
        EXPECT_FALSE(ec);
        EXPECT_FALSE(message);
    };
    loop.run(story());
}

// ---- losing nothing ---------------------------------------------------------------------------------------

TEST(Channel, StoppedReceiverKeepsItsMessage) {
    manual_scheduler loop;
    channel<int> one(1);
    numbers got;
    auto receiver = loop.start(receive_one(one, got));
    loop.run();
    EXPECT_TRUE(one.try_send(1));
    receiver.env().request_stop();
    loop.run();
    EXPECT_EQ(got, numbers{1});
}

TEST(Channel, MessageOfDestroyedReceiverGoesToTheNext) {
    manual_scheduler loop;
    channel<int> one(1);
    numbers got;
    auto first = loop.start(receive_one(one, got));
    auto second = loop.start(receive_one(one, got));
    loop.run();
    EXPECT_TRUE(one.try_send(1));
    first.destroy();
    EXPECT_EQ(one.size(), 0u);
    loop.run();
    EXPECT_EQ(got, numbers{1});
}

TEST(Channel, MessageOfLastReceiverReturnsToTheHead) {
    manual_scheduler loop;
    channel<int> one(1);
    numbers got;
    auto receiver = loop.start(receive_one(one, got));
    loop.run();
    EXPECT_TRUE(one.try_send(1));
    EXPECT_TRUE(one.try_send(2));
    receiver.destroy();
    EXPECT_EQ(one.size(), 2u) << "one more than its capacity";
    EXPECT_FALSE(one.try_send(3));
    EXPECT_EQ(one.try_receive(), 1);
    EXPECT_FALSE(one.try_send(3));
    EXPECT_EQ(one.try_receive(), 2);
}

TEST(Channel, MessagesMayReturnBeyondTheCapacity) {
    manual_scheduler loop;
    channel<int> meeting(0);
    numbers got;
    std::vector<started<void>> receivers;
    for (int i = 0; i < 20; ++i)
        receivers.push_back(loop.start(receive_one(meeting, got)));
    loop.run();
    for (int i = 0; i < 20; ++i)
        EXPECT_TRUE(meeting.try_send(i));
    while (!receivers.empty())
        receivers.pop_back();  // the newest first, as in the destructor of a context
    EXPECT_EQ(meeting.size(), 20u);
    meeting.close();
    loop.run(receive_all(meeting, got));
    ASSERT_EQ(got.size(), 20u);
    for (int i = 0; i < 20; ++i)
        EXPECT_EQ(got[static_cast<std::size_t>(i)], i);
}

TEST(Channel, MessageOfStoppedSenderIsDestroyed) {
    manual_scheduler loop;
    channel<std::shared_ptr<int>> none(0);
    auto message = std::make_shared<int>(1);
    const auto send = [&]() -> task<> {
        co_await none.send(message);  // a copy
    };
    auto sender = loop.start(send());
    loop.run();
    EXPECT_EQ(message.use_count(), 2);
    sender.env().request_stop();
    loop.run();
    EXPECT_EQ(error_of([&] { sender.result(); }), error::operation_aborted);
    EXPECT_EQ(message.use_count(), 1);
    EXPECT_FALSE(none.try_receive());
}

TEST(Channel, BufferedMessageOutlivesItsSender) {
    manual_scheduler loop;
    channel<int> one(1);
    EXPECT_TRUE(one.try_send(1));
    auto sender = loop.start(send_all(one, {2}));
    loop.run();
    EXPECT_EQ(one.try_receive(), 1);
    sender.destroy();
    EXPECT_EQ(one.try_receive(), 2);
}

TEST(Channel, DestroysUnreceivedMessages) {
    auto message = std::make_shared<int>(1);
    {
        channel<std::shared_ptr<int>> kept(5);
        for (int i = 0; i < 3; ++i)
            EXPECT_TRUE(kept.try_send(message));
        EXPECT_EQ(message.use_count(), 4);
    }
    EXPECT_EQ(message.use_count(), 1);
}

// Regression: without assertions the waiters waited forever.
TEST(ChannelDeathTest, DestructorEndsItsWaiters) {
    for (const bool sends: {false, true}) {
        const auto story = [sends] {
            manual_scheduler loop;
            std::optional<channel<int>> gone(std::in_place, 0u);
            auto root = loop.start([](channel<int>& awaited, bool is_sender) -> task<> {
                if (is_sender)
                    EXPECT_EQ((co_await as_tuple(awaited.send(1))).error(), error::operation_aborted);
                else
                    EXPECT_EQ((co_await as_tuple(awaited.receive())).error(), error::operation_aborted);
            }(*gone, sends));
            loop.run();
            gone.reset();
            loop.run();
            root.result();
        };
        expect_mistake(
            story,
            "channel: destroyed while tasks wait for it.*the first of them at .*channel_test.cpp:[0-9]+");
    }
}

TEST(ChannelDeathTest, DestroyedBeforeDeliveryAborts) {
    const auto story = [] {
        manual_scheduler loop;
        numbers got;
        std::optional<channel<int>> gone(std::in_place, 1u);
        auto receiver = loop.start(receive_one(*gone, got));
        loop.run();
        static_cast<void>(gone->try_send(1));
        gone.reset();
    };
    EXPECT_DEATH(story(), "channel: destroyed while a task that has a message has not resumed");
}

// ---- call shapes that g++ 12 must compile correctly -------------------------------------------------------

TEST(Channel, DestroysEachMessageOnce) {
    static int alive = 0;
    struct counted {
        explicit counted(std::string given) : text(std::move(given)) { ++alive; }
        counted(counted&& other) noexcept : text(std::move(other.text)) { ++alive; }
        ~counted() { --alive; }
        std::string text;
    };
    manual_scheduler loop;
    {
        channel<counted> shapes(1);
        const auto story = [&]() -> task<> {
            co_await shapes.send(counted(std::string(50, 'a')));
            const auto first = co_await shapes.receive();
            counted named(std::string(50, 'b'));
            co_await shapes.send(std::move(named));
            if (const auto second = co_await shapes.receive()) {
                EXPECT_EQ(second->text, std::string(50, 'b'));
            }
            auto sending = shapes.send(counted(std::string(50, 'c')));
            co_await std::move(sending);
            auto third = co_await as_tuple(shapes.receive());
            EXPECT_EQ((*third)->text, std::string(50, 'c'));
            shapes.close();
            while (auto none = co_await shapes.receive())
                ADD_FAILURE();
        };
        loop.run(story());
    }
    EXPECT_EQ(alive, 0);
}

// ---- on a real context ------------------------------------------------------------------------------------

TEST(Channel, OnARealContextWorkersShareTheWork) {
    real_context context;
    channel<int> work(2);
    channel<int> results(channel<int>::unbounded);
    int sum = 0;
    context.run([&]() -> task<> {
        const auto square = [&]() -> task<> {
            while (const auto number = co_await work.receive())
                co_await results.send(*number * *number);
        };
        auto first = context.spawn(square);
        auto second = context.spawn(square);
        for (int i = 1; i <= 10; ++i)
            co_await work.send(i);
        work.close();
        co_await first.join();
        co_await second.join();
        results.close();
        while (const auto result = co_await results.receive())
            sum += *result;
    });
    EXPECT_EQ(sum, 385);
}

TEST(Channel, DestroyedTasksLeaveTheQueue) {
    channel<int> never(1);
    {
        real_context context;
        numbers got;
        context.spawn([&] { return receive_one(never, got); }).detach();
        context.spawn([&] { return send_all(never, {1, 2, 3, 4}); }).detach();
        context.poll();
        EXPECT_EQ(got, numbers{1});
    }
    EXPECT_EQ(never.size(), 1u);
}

}  // namespace
}  // namespace coil::test
