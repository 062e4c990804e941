// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#include <array>
#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include <coil/loop/this_coro.hpp>

#include "support/scripted_context.hpp"

namespace coil::test {
namespace {

task<int> forty_two() { co_return 42; }

task<> fail_with(int value) {
    co_await yield();
    throw value;
}

// ---- spawning ---------------------------------------------------------------------------------------------

TEST(CoSpawn, NeverStartsTheTaskInsideTheCall) {
    scripted_context context;
    std::vector<int> log;
    const auto append = [](std::vector<int>& to, int value) -> task<> {
        to.push_back(value);
        co_return;
    };
    for (int i = 0; i < 3; ++i)
        co_spawn(context.io(), append(log, i), detached);
    EXPECT_TRUE(log.empty());
    context.run();
    EXPECT_EQ(log, (std::vector{0, 1, 2}));
}

TEST(CoSpawn, StartsTheTaskInTheNextIteration) {
    scripted_context context;
    std::vector<int> log;
    context.run([&]() -> task<> {
        const auto spawned = [&log]() -> task<> {
            log.push_back(2);
            co_return;
        };
        auto handle = co_spawn(context.io(), spawned);
        log.push_back(1);
        co_await yield();
        EXPECT_TRUE(handle.done());
        log.push_back(3);
    });
    EXPECT_EQ(log, (std::vector{1, 2, 3}));
}

TEST(CoSpawn, KeepsTheFunctionAndItsArgumentsInTheFrame) {
    scripted_context context;
    auto held = std::make_shared<int>(1);
    std::string seen;
    {
        const auto function = [held, &seen](std::unique_ptr<int> number, std::string text) -> task<> {
            co_await yield();
            seen = text + std::to_string(*number + *held);
        };
        std::string text = "sum: ";
        co_spawn(context.io(), function, std::make_unique<int>(41), text, detached);
        text = "changed";
    }
    EXPECT_EQ(held.use_count(), 2);
    context.run();
    EXPECT_EQ(seen, "sum: 42");
    EXPECT_EQ(held.use_count(), 1);
}

class counter {
public:
    task<> add(int n) {
        co_await yield();
        total_ += n;
    }
    [[nodiscard]] int total() const { return total_; }

private:
    int total_ = 0;
};

TEST(CoSpawn, CallsMemberFunctions) {
    scripted_context context;
    counter tally;
    auto shared = std::make_shared<counter>();
    co_spawn(context.io(), &counter::add, &tally, 1, detached);
    co_spawn(context.io(), &counter::add, std::ref(tally), 2, detached);
    co_spawn(context.io(), &counter::add, shared, 4, detached);
    co_spawn(context.io(), &counter::add, counter(), 8, detached);
    EXPECT_EQ(shared.use_count(), 2);
    context.run();
    EXPECT_EQ(tally.total(), 3);
    EXPECT_EQ(shared->total(), 4);
    EXPECT_EQ(shared.use_count(), 1);
}

TEST(CoSpawn, MayBeCalledFromATaskAndFromAPost) {
    scripted_context context;
    int ran = 0;
    const auto count = [&]() -> task<> {
        ++ran;
        co_return;
    };
    context.io().post([&] { co_spawn(context.io(), count, detached); });
    context.run([&]() -> task<> {
        co_spawn(co_await this_coro::context, count, detached);
        co_return;
    });
    EXPECT_EQ(ran, 2);
}

// Runs on its own thread: the frame cache of this thread may be full of sizes from other tests.
TEST(CoSpawn, ManyTasksCostNoHeapInSteadyState) {
    std::thread([] {
        scripted_context context;
        const auto round = [&] {
            for (int i = 0; i < 100; ++i)
                co_spawn(context.io(), forty_two(), detached);
            context.run();
        };
        for (int i = 0; i < 20; ++i)  // fills the quarantine of test builds
            round();
        const auto before = detail::frame_statistics_of_thread().allocated;
        round();
        EXPECT_EQ(detail::frame_statistics_of_thread().allocated, before);
    }).join();
}

TEST(CoSpawn, OnANonOwnerThreadThrowsWrongThread) {
    scripted_context context;
    context.run([]() -> task<> { co_return; });  // this thread is now the owner
    std::thread([&] {
        try {
            co_spawn(context.io(), forty_two(), detached);
            ADD_FAILURE() << "nothing was thrown";
        } catch (const std::system_error& failure) {
            EXPECT_EQ(failure.code(), error::wrong_thread);
            EXPECT_NE(std::string(failure.what()).find("co_spawn"), std::string::npos) << failure.what();
        }
    }).join();
}

TEST(CoSpawn, OnADyingContextSpawnsNothing) {
    bool ran = false;
    struct spawns_at_end {
        io_context& context;
        bool& ran;
        ~spawns_at_end() {
            const auto late = [](bool& flag) -> task<> {
                flag = true;
                co_return;
            };
            co_spawn(context, late(ran), detached);
            auto handle = co_spawn(context, late, std::ref(ran));
            EXPECT_FALSE(handle);
            EXPECT_TRUE(handle.done());
        }
    };
    {
        scripted_context context;
        auto socket = context.connected_socket();
        auto suspended = context.spawn([&]() -> task<> {
            const spawns_at_end end{context.io(), ran};
            std::array<char, 10> buffer;
            static_cast<void>(co_await as_tuple(socket.recv(buffer)));
        });
        context.poll();
        context.destroy();
    }
    EXPECT_FALSE(ran);
}

// ---- joining ----------------------------------------------------------------------------------------------

TEST(Join, ReturnsTheResult) {
    scripted_context context;
    context.run([&]() -> task<> {
        auto handle = co_spawn(context.io(), forty_two());
        EXPECT_TRUE(handle);
        EXPECT_FALSE(handle.done());
        EXPECT_EQ(co_await handle.join(), 42);
        EXPECT_TRUE(handle.done());
    });
}

TEST(Join, ReturnsTheResultOfAFinishedTask) {
    scripted_context context;
    context.run([&]() -> task<> {
        auto handle = co_spawn(context.io(), forty_two());
        co_await yield();
        co_await yield();
        EXPECT_TRUE(handle.done());
        EXPECT_EQ(co_await handle.join(), 42);
    });
}

TEST(Join, ReturnsMoveOnlyResults) {
    scripted_context context;
    context.run([&]() -> task<> {
        auto handle = co_spawn(context.io(),
                               []() -> task<std::unique_ptr<int>> { co_return std::make_unique<int>(42); });
        EXPECT_EQ(*co_await handle.join(), 42);
    });
}

TEST(Join, ThrowsTheTasksException) {
    scripted_context context;
    context.run([&]() -> task<> {
        auto handle = co_spawn(context.io(), fail_with(7));
        int caught = 0;
        try {
            co_await handle.join();
        } catch (int value) {
            caught = value;
        }
        EXPECT_EQ(caught, 7);
    });
}

TEST(Join, AsTupleReturnsTheErrorCode) {
    scripted_context context;
    context.run([&]() -> task<> {
        auto handle = co_spawn(context.io(), []() -> task<int> {
            co_await yield();
            throw std::system_error(std::make_error_code(std::errc::broken_pipe));
        });
        auto [ec, value] = co_await as_tuple(handle.join());
        EXPECT_EQ(ec, error::broken_pipe);
    });
}

TEST(Join, SecondJoinIsRefused) {
    scripted_context context;
    context.run([&]() -> task<> {
        auto handle = co_spawn(context.io(), forty_two());
        EXPECT_EQ(co_await handle.join(), 42);
        auto [ec, value] = co_await as_tuple(handle.join());
        EXPECT_EQ(ec, error::operation_in_progress);
    });
}

TEST(Join, ConcurrentSecondJoinIsRefused) {
    scripted_context context;
    auto socket = context.connected_socket();
    std::optional<join_handle<int>> handle;
    handle.emplace(context.spawn([&]() -> task<int> {
        std::array<char, 10> buffer;
        co_return static_cast<int>(co_await socket.recv(buffer));
    }));
    int first = 0;
    auto one = context.spawn([&]() -> task<> { first = co_await handle->join(); });
    context.then([&] { context.answer(IORING_OP_RECV, "hello"); });
    context.run([&]() -> task<> {
        auto [ec, value] = co_await as_tuple(handle->join());
        EXPECT_EQ(ec, error::operation_in_progress);
    });
    EXPECT_EQ(first, 5);
}

TEST(Join, OnAnEmptyHandleIsAborted) {
    scripted_context context;
    context.run([&]() -> task<> {
        auto handle = co_spawn(context.io(), forty_two());
        auto moved = std::move(handle);
        EXPECT_FALSE(handle);
        auto [ec, value] = co_await as_tuple(handle.join());
        EXPECT_EQ(ec, error::operation_aborted);
        EXPECT_EQ(co_await moved.join(), 42);
    });
}

TEST(Join, CancellingTheWaitDoesNotCancelTheTask) {
    scripted_context context;
    auto socket = context.connected_socket();
    std::size_t received = 0;
    auto worker = context.spawn([&]() -> task<> {
        std::array<char, 10> buffer;
        received = co_await socket.recv(buffer);
    });
    std::error_code ended;
    auto waiter = context.spawn([&]() -> task<> { ended = (co_await as_tuple(worker.join())).error(); });
    context.then([&] { waiter.request_stop(); });
    context.then([&] { context.answer(IORING_OP_RECV, "hello"); });
    context.run();
    EXPECT_EQ(ended, error::operation_aborted);
    EXPECT_EQ(received, 5u);
}

TEST(Join, MayBeRepeatedAfterACancelledWait) {
    scripted_context context;
    auto socket = context.connected_socket();
    auto worker = context.spawn([&]() -> task<int> {
        std::array<char, 10> buffer;
        co_return static_cast<int>(co_await socket.recv(buffer));
    });
    auto waiter = context.spawn([&]() -> task<> { static_cast<void>(co_await as_tuple(worker.join())); });
    context.then([&] { waiter.request_stop(); });
    context.then([&] { context.answer(IORING_OP_RECV, "hello"); });
    context.run([&]() -> task<> {
        co_await waiter.join();
        EXPECT_EQ(co_await worker.join(), 5);
    });
}

TEST(Join, EndsWhenTheTaskIsStopped) {
    scripted_context context;
    auto socket = context.connected_socket();
    auto worker = context.spawn([&]() -> task<> {
        std::array<char, 10> buffer;
        co_await socket.recv(buffer);
    });
    context.run([&]() -> task<> {
        co_await yield();
        worker.request_stop();
        auto [ec] = co_await as_tuple(worker.join());
        EXPECT_EQ(ec, error::operation_aborted);
    });
}

TEST(Join, DroppedHandleLeavesTheTaskRunning) {
    scripted_context context;
    auto socket = context.connected_socket();
    std::size_t received = 0;
    {
        auto handle = context.spawn([&]() -> task<> {
            std::array<char, 10> buffer;
            received = co_await socket.recv(buffer);
        });
    }
    context.then([&] { context.answer(IORING_OP_RECV, "hello"); });
    context.run();
    EXPECT_EQ(received, 5u);
}

TEST(Join, HandleMayBeDroppedDuringAJoin) {
    scripted_context context;
    auto socket = context.connected_socket();
    std::optional<join_handle<int>> handle;
    handle.emplace(context.spawn([&]() -> task<int> {
        std::array<char, 10> buffer;
        co_return static_cast<int>(co_await socket.recv(buffer));
    }));
    context.then([&] { handle.reset(); });
    context.then([&] { context.answer(IORING_OP_RECV, "hello"); });
    context.run([&]() -> task<> { EXPECT_EQ(co_await handle->join(), 5); });
}

TEST(Join, HandleIsAssignable) {
    scripted_context context;
    int ran = 0;
    const auto count = [&]() -> task<> {
        ++ran;
        co_return;
    };
    auto handle = context.spawn(count);
    handle = context.spawn(count);
    context.run();
    EXPECT_EQ(ran, 2);
}

TEST(Join, HandleIsEmptyAfterItsContextEnds) {
    std::optional<scripted_context> context(std::in_place);
    auto socket = context->connected_socket();
    auto handle = context->spawn([&]() -> task<> {
        std::array<char, 10> buffer;
        static_cast<void>(co_await as_tuple(socket.recv(buffer)));
    });
    context->poll();
    context.reset();
    EXPECT_FALSE(handle);
    EXPECT_TRUE(handle.done());
    handle.request_stop();
    handle.detach();
}

TEST(Join, DestroyedWithItsContextInEitherOrder) {
    scripted_context context;
    auto socket = context.connected_socket();
    std::optional<join_handle<void>> worker;
    worker.emplace(context.spawn([&]() -> task<> {
        std::array<char, 10> buffer;
        co_await socket.recv(buffer);
    }));
    auto waiter = context.spawn([&]() -> task<> { co_await worker->join(); });
    // Tasks are destroyed newest first: `inner` before `owner`, which joins it and holds its handle.
    auto owner = context.spawn([&]() -> task<> {
        auto inner = co_spawn(context.io(), [&]() -> task<> { co_await waiter.join(); });
        co_await inner.join();
    });
    context.poll();
    context.destroy();
    EXPECT_FALSE(*worker);
}

TEST(ThisCoro, ContextIsTheRunningContext) {
    scripted_context context;
    context.run([&]() -> task<> { EXPECT_EQ(&co_await this_coro::context, &context.io()); });
}

}  // namespace
}  // namespace coil::test
