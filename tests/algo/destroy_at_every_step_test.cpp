// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#include <array>
#include <atomic>
#include <chrono>
#include <functional>
#include <future>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include <coil/algo/connect.hpp>
#include <coil/algo/read.hpp>
#include <coil/algo/timeout.hpp>
#include <coil/algo/write.hpp>
#include <coil/coro/async_generator.hpp>
#include <coil/coro/shield.hpp>
#include <coil/coro/stop_when.hpp>
#include <coil/io/sleep.hpp>
#include <coil/io/steady_timer.hpp>
#include <coil/sync/channel.hpp>
#include <coil/sync/event.hpp>
#include <coil/sync/mutex.hpp>
#include <coil/sync/offload.hpp>
#include <coil/sync/one_shot.hpp>
#include <coil/sync/semaphore.hpp>
#include <coil/sync/task_group.hpp>
#include <coil/sync/when_all.hpp>
#include <coil/sync/when_any.hpp>

#include "support/scripted_context.hpp"

// Destroys a context after each resumption of each story: on its owner thread, on another thread, and by one
// of its own tasks, which aborts with a message. Nothing leaks, nothing is destroyed twice, and every
// descriptor is closed: the sanitizers and the scripted kernel check that.

namespace coil::test {
namespace {

using namespace std::chrono_literals;

/// Counts live objects. Each task of a story holds one.
class witness {
public:
    explicit witness(int& alive) noexcept : alive_(&alive) { ++alive; }
    witness(const witness& other) noexcept : witness(*other.alive_) {}
    witness& operator=(const witness&) = delete;
    ~witness() { --*alive_; }

private:
    int* alive_;
};

/// The objects of a story. Objects that tasks wait for are declared before the context, so they outlive it.
struct stage {
    int alive = 0;
    mutex lock;
    semaphore permits{1};
    event opened;
    channel<std::unique_ptr<int>> numbers{1};
    inplace_stop_source source;
    scripted_context context;

    [[nodiscard]] witness here() { return witness(alive); }
};

struct story {
    const char* name;
    task<> (*body)(stage&);
};

task<> receive_twice(stage& at) {
    const auto here = at.here();
    auto socket = at.context.connected_socket();
    std::array<char, 16> buffer{};
    at.context.script().after(1s, [&at] { at.context.script().answer(IORING_OP_RECV, "hello"); });
    co_await socket.recv(buffer);
    at.context.script().after(1s, [&at] { at.context.script().answer(IORING_OP_RECV, "world"); });
    co_await socket.recv(buffer);
}

task<> receive_ahead(stage& at) {
    const auto here = at.here();
    auto socket = at.context.connected_socket();
    at.context.script().after(1s, [&at] { at.context.script().answer(IORING_OP_RECV, "hello"); });
    auto incoming = socket.recv_stream();
    static_cast<void>(co_await incoming.next());
    co_await sleep_for(1s);
}

task<> send_much(stage& at) {
    const auto here = at.here();
    auto socket = at.context.connected_socket();
    const std::string bytes(100'000, 'x');
    at.context.script().after(1s, [&at] { at.context.script().answer(IORING_OP_SEND, 1000); });
    at.context.script().after(2s, [&at] { at.context.script().answer(IORING_OP_SEND, reply::all()); });
    co_await write(socket, bytes);
}

task<> accept_two(stage& at) {
    const auto here = at.here();
    auto acceptor = at.context.acceptor();
    at.context.script().after(1s,
                              [&at] { at.context.script().answer(IORING_OP_ACCEPT, reply::connection()); });
    auto first = co_await acceptor.accept();
    at.context.script().after(1s,
                              [&at] { at.context.script().answer(IORING_OP_ACCEPT, reply::connection()); });
    auto second = co_await acceptor.accept();
}

task<> connect_once(stage& at) {
    const auto here = at.here();
    tcp::socket socket(at.context.io());
    at.context.script().after(1s, [&at] { at.context.script().answer(IORING_OP_CONNECT, 0); });
    co_await socket.connect({ip::address_v4({192, 0, 2, 1}), 80});
}

task<> connect_to_a_range(stage& at) {
    const auto here = at.here();
    const std::vector<tcp::endpoint> range{{ip::address_v4({192, 0, 2, 1}), 80},
                                           {ip::address_v4({192, 0, 2, 2}), 80}};
    at.context.script().after(1s, [&at] { at.context.script().answer(IORING_OP_CONNECT, 0); });
    auto socket = co_await connect(at.context.io(), range);
}

task<> time_out(stage& at) {
    const auto here = at.here();
    auto socket = at.context.connected_socket();
    std::array<char, 16> buffer{};
    static_cast<void>(co_await as_tuple(timeout(socket.recv(buffer), 1s)));
    static_cast<void>(co_await as_tuple(timeout(read(socket, buffer), 1s)));
}

task<> child(stage& at, time_point::duration time) {
    const auto here = at.here();
    auto socket = at.context.connected_socket();
    std::array<char, 16> buffer{};
    static_cast<void>(co_await as_tuple(timeout(socket.recv(buffer), time)));
}

task<> run_a_group(stage& at) {
    const auto here = at.here();
    co_await with_group([&at](task_group& group) -> task<> {
        group.start(child, std::ref(at), 1s);
        group.start(child, std::ref(at), 2s);
        co_await sleep_for(1s);
        group.cancel();
    });
}

task<> race_both(stage& at) {
    const auto here = at.here();
    auto socket = at.context.connected_socket();
    std::array<char, 16> buffer{};
    static_cast<void>(co_await when_any(socket.recv(buffer), child(at, 5s), sleep_for(1s)));
}

task<> wait_for_all(stage& at) {
    const auto here = at.here();
    static_cast<void>(co_await when_all(child(at, 1s), child(at, 2s), sleep_for(3s)));
}

task<> pass_numbers(stage& at) {
    const auto here = at.here();
    auto producer = co_spawn(
        at.context.io(),
        [](stage& on) -> task<> {
            const auto also_here = on.here();
            for (int i = 0; i < 3; ++i)
                co_await on.numbers.send(std::make_unique<int>(i));
        },
        std::ref(at));
    for (int i = 0; i < 3; ++i) {
        co_await sleep_for(1s);
        static_cast<void>(co_await at.numbers.receive());
    }
    co_await producer.join();
}

task<> hold_the_lock(stage& at) {
    const auto here = at.here();
    const auto held = co_await at.lock.lock();
    co_await at.permits.acquire();
    co_await sleep_for(1s);
    at.permits.release();
}

task<> queue_for_the_lock(stage& at) {
    const auto here = at.here();
    auto other = co_spawn(at.context.io(), hold_the_lock, std::ref(at));
    co_await hold_the_lock(at);
    co_await other.join();
}

task<> wait_for_an_event(stage& at) {
    const auto here = at.here();
    auto other = co_spawn(
        at.context.io(),
        [](stage& on) -> task<> {
            const auto also_here = on.here();
            co_await on.opened.wait();
        },
        std::ref(at));
    co_await sleep_for(1s);
    at.opened.set();
    co_await other.join();
}

task<> wait_for_a_timer(stage& at) {
    const auto here = at.here();
    steady_timer timer(at.context.io(), 1s);
    auto other = co_spawn(
        at.context.io(),
        [](steady_timer& waited_for) -> task<> { static_cast<void>(co_await as_tuple(waited_for.wait())); },
        std::ref(timer));
    co_await timer.wait();
    timer.expires_after(1s);
    co_await timer.wait();
    co_await other.join();
}

async_generator<int> count(stage& at) {
    const auto here = at.here();
    for (int i = 0; i < 2; ++i) {
        co_await sleep_for(1s);
        co_yield i;
    }
}

task<> draw_numbers(stage& at) {
    const auto here = at.here();
    auto numbers = count(at);
    int sum = 0;
    while (const auto number = co_await numbers.next())
        sum += *number;
    EXPECT_EQ(sum, 1);
}

task<> stop_from_outside(stage& at) {
    const auto here = at.here();
    co_spawn(
        at.context.io(),
        [](stage& on) -> task<> {
            co_await sleep_for(1s);
            on.source.request_stop();
        },
        std::ref(at), detached);
    static_cast<void>(co_await as_tuple(stop_when(child(at, 5s), at.source.get_token())));
    static_cast<void>(co_await as_tuple(shield(timeout(sleep_for(2s), 1s))));
}

task<> wait_for_one_shot(stage& at) {
    const auto here = at.here();
    one_shot<int> answer;
    auto completer = answer.get_completer();
    auto other = co_spawn(
        at.context.io(),
        [](one_shot<int>::completer completing) -> task<> {
            co_await sleep_for(1s);
            completing.set_value(1);
        },
        std::move(completer));
    co_await answer.wait();
    co_await other.join();
}

constexpr story stories[] = {
    {"receive_twice", receive_twice},
    {"receive_ahead", receive_ahead},
    {"send_much", send_much},
    {"accept_two", accept_two},
    {"connect_once", connect_once},
    {"connect_to_a_range", connect_to_a_range},
    {"time_out", time_out},
    {"run_a_group", run_a_group},
    {"race", race_both},
    {"wait_for_all", wait_for_all},
    {"pass_numbers", pass_numbers},
    {"queue_for_the_lock", queue_for_the_lock},
    {"wait_for_an_event", wait_for_an_event},
    {"wait_for_a_timer", wait_for_a_timer},
    {"draw_numbers", draw_numbers},
    {"stop_from_outside", stop_from_outside},
    {"wait_for_one_shot", wait_for_one_shot},
};

constexpr int steps_max = 200;

/// Plays a story for at most `steps` resumptions. Returns whether it has ended.
bool play(stage& at, const story& what, int steps) {
    // operation_aborted if the owner thread has ended
    at.context.io().on_task_error([](const task_failure&) {});
    co_spawn(at.context.io(), what.body, std::ref(at), detached);
    for (int i = 0; i < steps; ++i)
        if (at.context.io().run_one() == 0)
            return true;
    return at.context.io().stopped();
}

/// Runs `end` for each story after 0, 1, 2 ... steps, until the story has ended.
template <class End>
void end_at_every_step(End end) {
    for (const story& each: stories) {
        SCOPED_TRACE(each.name);
        int steps = 0;
        for (bool is_over = false; !is_over && steps < steps_max; ++steps) {
            stage at;
            is_over = end(at, each, steps);
            EXPECT_EQ(at.alive, 0) << "after " << steps << " steps";
        }
        EXPECT_GT(steps, 2);
        EXPECT_LT(steps, steps_max);
    }
}

TEST(DestroyAtEveryStep, OnOwnerThread) {
    end_at_every_step([](stage& at, const story& what, int steps) {
        const bool is_over = play(at, what, steps);
        at.context.destroy();
        return is_over;
    });
}

TEST(DestroyAtEveryStep, OnAnotherThread) {
    end_at_every_step([](stage& at, const story& what, int steps) {
        std::promise<bool> played;
        std::promise<void> destroyed;
        std::thread owner([&] {
            played.set_value(play(at, what, steps));
            destroyed.get_future().wait();
        });
        const bool is_over = played.get_future().get();
        at.context.destroy();
        destroyed.set_value();
        owner.join();
        return is_over;
    });
}

TEST(DestroyAtEveryStep, AfterOwnerThreadEnds) {
    end_at_every_step([](stage& at, const story& what, int steps) {
        bool is_over = false;
        std::thread([&] { is_over = play(at, what, steps); }).join();
        at.context.destroy();
        return is_over;
    });
}

/// The next owner thread runs one more step and then destroys the context.
TEST(DestroyAtEveryStep, OnNextOwnersThread) {
    end_at_every_step([](stage& at, const story& what, int steps) {
        bool is_over = false;
        std::thread([&] { is_over = play(at, what, steps); }).join();
        if (!is_over)
            at.context.io().run_one();
        at.context.destroy();
        return is_over;
    });
}

TEST(DestroyAtEveryStepDeathTest, ByOwnTaskAborts) {
    for (const story& each: stories) {
        SCOPED_TRACE(each.name);
        const auto end = [&] {
            stage at;
            co_spawn(
                at.context.io(),
                [](stage& on) -> task<> {
                    co_await yield();
                    co_await yield();
                    on.context.destroy();
                },
                std::ref(at), detached);
            play(at, each, steps_max);
        };
        EXPECT_DEATH(end(), "io_context: destroyed by a task or a posted function that it runs");
    }
}

// A thread of the pool may be running the function: the destruction of the frame waits for it.
TEST(DestroyAtEveryStep, DuringOffload) {
    std::promise<void> has_begun;
    std::atomic<bool> has_ended{false};
    int alive = 0;
    {
        scripted_context context;
        co_spawn(
            context.io(),
            [](int& counted, std::promise<void>& begun, std::atomic<bool>& ended) -> task<> {
                const witness here(counted);
                co_await offload([&] {
                    begun.set_value();
                    for (int i = 0; i < 100; ++i)
                        std::this_thread::yield();
                    ended = true;
                });
            },
            std::ref(alive), std::ref(has_begun), std::ref(has_ended), detached);
        context.poll();
        has_begun.get_future().wait();
    }
    EXPECT_TRUE(has_ended);
    EXPECT_EQ(alive, 0);
}

}  // namespace
}  // namespace coil::test
