// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT

// Properties that hold for all waits in sync: of events, mutexes, semaphores and channels.

#include <string>
#include <system_error>
#include <type_traits>
#include <vector>

#include <gtest/gtest.h>

#include <coil/coro/as_tuple.hpp>
#include <coil/sync/channel.hpp>
#include <coil/sync/event.hpp>
#include <coil/sync/mutex.hpp>
#include <coil/sync/semaphore.hpp>

#include "coro/manual_scheduler.hpp"

namespace coil::test {
namespace {

using names = std::vector<std::string>;

// Each class waits for one primitive, grants the wait once, and reports if the grant can still be taken.

class waits_for_an_event {
public:
    auto wait() { return event_.wait(); }
    void grant() { event_.set(); }
    bool is_granted() const { return event_.is_set(); }

private:
    event event_;
};

class waits_for_a_mutex {
public:
    auto wait() { return mutex_.lock(); }
    void grant() { held_.unlock(); }
    bool is_granted() const { return !mutex_.is_locked(); }

private:
    mutex mutex_;
    mutex_lock held_ = mutex_.try_lock();
};

class waits_for_a_semaphore {
public:
    auto wait() { return semaphore_.acquire(); }
    void grant() { semaphore_.release(); }
    bool is_granted() const { return semaphore_.available() > 0; }

private:
    semaphore semaphore_{0};
};

class waits_to_receive {
public:
    auto wait() { return channel_.receive(); }
    void grant() { EXPECT_TRUE(channel_.try_send(1)); }
    bool is_granted() const { return !channel_.empty(); }

private:
    channel<int> channel_{3};
};

class waits_to_send {
public:
    waits_to_send() {
        for (int i = 0; i < 3; ++i)
            EXPECT_TRUE(channel_.try_send(0));
    }
    auto wait() { return channel_.send(1); }
    void grant() { EXPECT_TRUE(channel_.try_receive()); }
    bool is_granted() const { return channel_.size() < channel_.capacity(); }

private:
    channel<int> channel_{3};
};

class waits_to_meet_a_receiver {
public:
    auto wait() { return channel_.send(1); }
    void grant() {
        if (!channel_.try_receive())
            receivers_.push_back(loop_.start(receive(channel_)));
        loop_.run();
    }
    bool is_granted() const { return !receivers_.empty() && !receivers_.back().done(); }

    static task<> receive(channel<int>& from) { co_await from.receive(); }

private:
    manual_scheduler loop_;  // for the receivers, so that the test does not count their resumptions
    channel<int> channel_{0};
    std::vector<started<void>> receivers_;
};

template <class Wait>
task<> wait_once(Wait& what) {
    static_cast<void>(co_await what.wait());
}

template <class Wait>
task<> wait_and_note(Wait& what, std::string name, names& log) {
    static_cast<void>(co_await what.wait());
    log.push_back(name);
}

void expect_aborted(const started<void>& root) {
    try {
        root.result();
        ADD_FAILURE() << "nothing was thrown";
    } catch (const std::system_error& failure) {
        EXPECT_EQ(failure.code(), error::operation_aborted) << failure.what();
    }
}

template <class Wait>
class EveryWait : public testing::Test {
protected:
    using operation = detail::operation_of<decltype(std::declval<Wait&>().wait())>;
    static_assert(!std::is_aggregate_v<operation> && !std::is_move_constructible_v<operation>);
    static_assert(!std::is_aggregate_v<decltype(std::declval<Wait&>().wait())>);
    static_assert(sizeof(operation) <= 96);

    manual_scheduler loop;
    Wait what;
};

using waits = testing::Types<waits_for_an_event, waits_for_a_mutex, waits_for_a_semaphore, waits_to_receive,
                             waits_to_send, waits_to_meet_a_receiver>;
TYPED_TEST_SUITE(EveryWait, waits);

TYPED_TEST(EveryWait, CompletesInTheNextIteration) {
    auto root = this->loop.start(wait_once(this->what));
    this->loop.run();
    ASSERT_FALSE(root.done());
    this->what.grant();
    EXPECT_FALSE(root.done()) << "no task is resumed inside the call that wakes it";
    EXPECT_EQ(this->loop.run(), 1u);
    root.result();
}

TYPED_TEST(EveryWait, CompletesInlineIfAlreadyGranted) {
    this->what.grant();
    auto root = this->loop.start(wait_once(this->what));
    EXPECT_EQ(this->loop.run(), 1u) << "one resumption was enough";
    root.result();
}

TYPED_TEST(EveryWait, ReturnsAnOutcome) {
    const auto wait_as_tuple = [&]() -> task<std::error_code> {
        const auto result = co_await as_tuple(this->what.wait());
        co_return result.error();
    };
    auto root = this->loop.start(wait_as_tuple());
    this->loop.run();
    this->what.grant();
    this->loop.run();
    EXPECT_EQ(root.result(), std::error_code());
}

TYPED_TEST(EveryWait, DescribesItself) {
    auto root = this->loop.start(wait_once(this->what));
    this->loop.run();
    ASSERT_NE(root.env().awaiting(), nullptr);
    const std::string text = root.env().awaiting()->describe();
    root.env().request_stop();
    this->loop.run();
    try {
        root.result();
        ADD_FAILURE() << "nothing was thrown";
    } catch (const std::system_error& failure) {
        EXPECT_EQ(failure.what(), text + ": operation aborted");
    }
}

// ---- order ------------------------------------------------------------------------------------------------

TYPED_TEST(EveryWait, IsFifo) {
    names log;
    auto first = this->loop.start(wait_and_note(this->what, "first", log));
    auto second = this->loop.start(wait_and_note(this->what, "second", log));
    auto third = this->loop.start(wait_and_note(this->what, "third", log));
    this->loop.run();
    for (int i = 0; i < 3; ++i)
        this->what.grant();
    this->loop.run();
    EXPECT_EQ(log, (names{"first", "second", "third"}));
}

TYPED_TEST(EveryWait, LateWaiterDoesNotOvertake) {
    names log;
    auto first = this->loop.start(wait_and_note(this->what, "first", log));
    this->loop.run();
    auto second = this->loop.start(wait_and_note(this->what, "second", log));
    this->what.grant();
    this->what.grant();
    this->loop.run();
    EXPECT_EQ(log.size(), 2u);
    EXPECT_TRUE(first.done() && second.done());
}

TYPED_TEST(EveryWait, StoppedWaiterLeavesTheQueue) {
    names log;
    auto first = this->loop.start(wait_and_note(this->what, "first", log));
    auto second = this->loop.start(wait_and_note(this->what, "second", log));
    auto third = this->loop.start(wait_and_note(this->what, "third", log));
    this->loop.run();
    second.env().request_stop();
    this->what.grant();
    this->what.grant();
    this->loop.run();
    expect_aborted(second);
    EXPECT_EQ(log, (names{"first", "third"}));
}

// ---- stop -------------------------------------------------------------------------------------------------

TYPED_TEST(EveryWait, TakesNothingInAStoppedScope) {
    this->what.grant();
    auto root = this->loop.start(wait_once(this->what));
    root.env().request_stop();
    EXPECT_EQ(this->loop.run(), 2u) << "a refusal takes a trip through the ready list";
    expect_aborted(root);
    EXPECT_TRUE(this->what.is_granted());
}

TYPED_TEST(EveryWait, TakesNothingIfStopped) {
    auto root = this->loop.start(wait_once(this->what));
    this->loop.run();
    root.env().request_stop();
    EXPECT_FALSE(root.done()) << "it ends in its own resumption, not inside request_stop()";
    this->loop.run();
    expect_aborted(root);
    this->what.grant();
    EXPECT_TRUE(this->what.is_granted());
}

TYPED_TEST(EveryWait, IsStoppedOnce) {
    auto root = this->loop.start(wait_once(this->what));
    this->loop.run();
    root.env().request_stop();
    root.env().request_stop();
    EXPECT_EQ(this->loop.run(), 1u);
    expect_aborted(root);
}

TYPED_TEST(EveryWait, KeepsAGrantThatPrecedesTheStop) {
    auto root = this->loop.start(wait_once(this->what));
    this->loop.run();
    this->what.grant();
    root.env().request_stop();
    EXPECT_EQ(this->loop.run(), 1u);
    root.result();
}

TYPED_TEST(EveryWait, TakesNoGrantThatFollowsTheStop) {
    auto root = this->loop.start(wait_once(this->what));
    this->loop.run();
    root.env().request_stop();
    this->what.grant();
    this->loop.run();
    expect_aborted(root);
    EXPECT_TRUE(this->what.is_granted());
}

TYPED_TEST(EveryWait, LaterStopEndsTheNextAwait) {
    names log;
    gate closed;
    const auto story = [&]() -> task<> {
        static_cast<void>(co_await this->what.wait());
        log.push_back("granted");
        co_await closed.wait();
        log.push_back("never");
    };
    auto root = this->loop.start(story());
    this->loop.run();
    this->what.grant();
    this->loop.run_one();
    root.env().request_stop();
    this->loop.run();
    EXPECT_EQ(log, names{"granted"});
}

// ---- destruction ------------------------------------------------------------------------------------------

TYPED_TEST(EveryWait, DestroyedWaiterLeavesTheQueue) {
    names log;
    auto first = this->loop.start(wait_and_note(this->what, "first", log));
    auto second = this->loop.start(wait_and_note(this->what, "second", log));
    this->loop.run();
    first.destroy();
    this->what.grant();
    this->loop.run();
    EXPECT_EQ(log, names{"second"});
}

TYPED_TEST(EveryWait, DestroyedGrantedWaiterIsNotResumed) {
    names log;
    auto root = this->loop.start(wait_and_note(this->what, "never", log));
    this->loop.run();
    this->what.grant();
    root.destroy();
    EXPECT_EQ(this->loop.run(), 0u);
    EXPECT_EQ(log, names());
}

TYPED_TEST(EveryWait, DestroyedUnstartedWaiterTakesNothing) {
    auto root = this->loop.start(wait_once(this->what));
    this->what.grant();
    root.destroy();
    EXPECT_EQ(this->loop.run(), 0u);
    EXPECT_TRUE(this->what.is_granted());
}

TYPED_TEST(EveryWait, DestroyedStoppedWaiterIsNotResumed) {
    auto root = this->loop.start(wait_once(this->what));
    this->loop.run();
    root.env().request_stop();
    root.destroy();
    EXPECT_EQ(this->loop.run(), 0u);
    this->what.grant();
    EXPECT_TRUE(this->what.is_granted());
}

}  // namespace
}  // namespace coil::test
