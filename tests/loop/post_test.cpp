// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#include <array>
#include <atomic>
#include <memory>
#include <optional>
#include <stdexcept>
#include <thread>
#include <vector>

#include "support/real_context.hpp"
#include "support/scripted_context.hpp"

namespace coil::test {
namespace {

TEST(Post, RunsFunctionsInOrderAndNeverInsideTheCall) {
    scripted_context context;
    std::vector<int> log;
    context.io().post([&] {
        log.push_back(1);
        context.io().post([&] { log.push_back(3); });
        log.push_back(2);
    });
    EXPECT_TRUE(log.empty());
    EXPECT_EQ(context.io().run(), 2u);
    EXPECT_EQ(log, (std::vector{1, 2, 3}));
}

TEST(Post, FromATaskRunsAfterReadyTasks) {
    scripted_context context;
    std::vector<int> log;
    co_spawn(
        context.io(),
        [](io_context& io, std::vector<int>& order) -> task<> {
            io.post([&order] { order.push_back(2); });
            order.push_back(1);
            co_return;
        },
        std::ref(context.io()), std::ref(log), detached);
    context.run();
    EXPECT_EQ(log, (std::vector{1, 2}));
}

TEST(Post, IsWorkUntilItHasRun) {
    scripted_context context;
    context.io().post([] {});
    EXPECT_EQ(context.io().run(), 1u);
}

TEST(Post, AcceptsMoveOnlyFunctions) {
    scripted_context context;
    auto value = std::make_unique<int>(42);
    int seen = 0;
    context.io().post([&seen, value = std::move(value)] { seen = *value; });
    context.run();
    EXPECT_EQ(seen, 42);
}

TEST(Post, DestroysTheFunctionAfterTheCall) {
    scripted_context context;
    auto held = std::make_shared<int>(1);
    context.io().post([held] {});
    EXPECT_EQ(held.use_count(), 2);
    context.run();
    EXPECT_EQ(held.use_count(), 1);
}

TEST(Post, IsDroppedWithItsContext) {
    auto held = std::make_shared<int>(1);
    {
        scripted_context context;
        context.io().post([held] { ADD_FAILURE() << "it ran"; });
    }
    EXPECT_EQ(held.use_count(), 1);
}

/// Posts again in its destructor.
class posts_when_destroyed {
public:
    posts_when_destroyed(io_context& context, std::shared_ptr<int> held)
        : context_(&context), held_(std::move(held)) {}
    posts_when_destroyed(posts_when_destroyed&& other) noexcept
        : context_(std::exchange(other.context_, nullptr)), held_(std::move(other.held_)) {}
    ~posts_when_destroyed() {
        if (context_)
            context_->post([held = held_] { ADD_FAILURE() << "it ran"; });
    }
    void operator()() {}

private:
    io_context* context_;
    std::shared_ptr<int> held_;
};

TEST(Post, InADroppedFunctionsDestructorIsDropped) {
    auto held = std::make_shared<int>(1);
    {
        scripted_context context;
        context.io().post(posts_when_destroyed(context.io(), held));
    }
    EXPECT_EQ(held.use_count(), 1);
}

TEST(Post, InALocalsDestructorIsDropped) {
    auto held = std::make_shared<int>(1);
    {
        scripted_context context;
        auto socket = context.connected_socket();
        co_spawn(
            context.io(),
            [](io_context& io, tcp::socket& from, std::shared_ptr<int> kept) -> task<> {
                const posts_when_destroyed local(io, std::move(kept));
                std::array<char, 10> buffer;
                static_cast<void>(co_await as_tuple(from.recv(buffer)));
            },
            std::ref(context.io()), std::ref(socket), held, detached);
        context.poll();
    }
    EXPECT_EQ(held.use_count(), 1);
}

TEST(Post, ExceptionPropagatesAndRunMayBeRepeated) {
    scripted_context context;
    std::vector<int> log;
    context.io().post([&] { log.push_back(1); });
    context.io().post([] { throw std::runtime_error("a bug"); });
    context.io().post([&] { log.push_back(2); });
    EXPECT_THROW(context.io().run(), std::runtime_error);
    EXPECT_FALSE(context.io().stopped());
    EXPECT_EQ(log, (std::vector{1}));
    context.io().run();
    EXPECT_EQ(log, (std::vector{1, 2}));
}

TEST(Post, TwoExceptionsPropagateOneByOne) {
    scripted_context context;
    context.io().post([] { throw std::runtime_error("one"); });
    context.io().post([] { throw std::logic_error("two"); });
    EXPECT_THROW(context.io().run(), std::runtime_error);
    EXPECT_THROW(context.io().run(), std::logic_error);
    EXPECT_EQ(context.io().run(), 0u);
}

TEST(Post, SystemErrorPropagatesThroughRun) {
    scripted_context context;
    context.io().post([] { throw std::system_error(std::make_error_code(std::errc::broken_pipe)); });
    EXPECT_THROW(context.io().run(), std::system_error);
}

/// Can be copied once, by post(). The next copy throws.
struct immovable_later {
    immovable_later(std::shared_ptr<int> kept, int& counted) : held(std::move(kept)), moves(counted) {}
    immovable_later(const immovable_later& other) : held(other.held), moves(other.moves) {
        if (++moves > 1)
            throw std::runtime_error("moved again");
    }
    void operator()() const { ++*held; }

    std::shared_ptr<int> held;
    int& moves;
};

// Regression: post() moved the function out of its block to call it. If the move threw, the block leaked, and
// the call was lost.
TEST(Post, CallsTheFunctionInPlace) {
    scripted_context context;
    auto held = std::make_shared<int>(0);
    int moves = 0;
    context.io().post(immovable_later(held, moves));
    context.io().run();
    EXPECT_EQ(*held, 1);
    EXPECT_EQ(held.use_count(), 1);
}

/// Throws in its destructor unless it was moved from.
class throws_in_destructor {
public:
    throws_in_destructor() = default;
    throws_in_destructor(throws_in_destructor&& other) noexcept
        : is_armed_(std::exchange(other.is_armed_, false)) {}
    ~throws_in_destructor() noexcept(false) {
        if (is_armed_)
            throw std::runtime_error("a destructor");
    }
    void operator()() const {}

private:
    bool is_armed_ = true;
};

TEST(Post, DestructorExceptionPropagatesThroughRun) {
    scripted_context context;
    context.io().post(throws_in_destructor());
    EXPECT_THROW(context.io().run(), std::runtime_error);
}

TEST(Post, ExceptionOfADroppedFunctionIsPrinted) {
    scripted_context context;
    context.io().post(throws_in_destructor());
    testing::internal::CaptureStderr();
    context.destroy();
    const std::string text = testing::internal::GetCapturedStderr();
    EXPECT_NE(text.find("a destructor"), std::string::npos) << text;
}

TEST(Post, WakesASleepingLoop) {
    scripted_context context;
    bool ran = false;
    const work_guard guard(context.io());
    context.script().then([&] {
        std::thread other([&] {
            context.io().post([&] {
                ran = true;
                context.io().stop();
            });
        });
        other.join();
    });
    context.io().run();
    EXPECT_TRUE(ran);
}

TEST(Post, ManyCostOneWake) {
    real_context context;
    int ran = 0;
    for (int i = 0; i < 1000; ++i)
        context.io().post([&] { ++ran; });
    context.poll();
    EXPECT_EQ(ran, 1000);
    EXPECT_LE(context.io().metrics().completions, 2u);
}

TEST(RealPost, PostsOfManyThreadsAreNotLost) {
    real_context context;
    constexpr int threads = 8;
    constexpr int posts = 10'000;
    std::optional<work_guard> guard(std::in_place, context.io());
    std::vector<int> next(threads, 0);  // per thread: the number expected next
    int ran = 0;
    std::vector<std::thread> posters;
    for (int sender = 0; sender < threads; ++sender)
        posters.emplace_back([&, sender] {
            for (int i = 0; i < posts; ++i)
                context.io().post([&, sender, i] {
                    EXPECT_EQ(next[static_cast<std::size_t>(sender)]++, i);
                    if (++ran == threads * posts)
                        guard.reset();
                });
        });
    context.io().run_for(std::chrono::seconds(30));
    for (auto& poster: posters)
        poster.join();
    EXPECT_EQ(ran, threads * posts);
}

// One post at a time: each finds the loop asleep or about to sleep.
TEST(RealPost, NoWakeIsLostBeforeSleeping) {
    real_context context;
    const work_guard guard(context.io());
    std::atomic<int> handled{0};
    constexpr int rounds = 5'000;
    std::thread poster([&] {
        for (int i = 0; i < rounds; ++i) {
            context.io().post([&] { handled.fetch_add(1); });
            while (handled.load() <= i)
                ;
        }
        context.io().stop();
    });
    context.io().run_for(std::chrono::seconds(30));
    EXPECT_EQ(handled.load(), rounds);
    handled = rounds;  // ends the poster even after a failure
    poster.join();
}

}  // namespace
}  // namespace coil::test
