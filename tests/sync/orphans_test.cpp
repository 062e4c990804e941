// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#include <array>
#include <cstdlib>
#include <future>
#include <memory>
#include <optional>
#include <string>
#include <thread>

#include <unistd.h>

#include <coil/io/sleep.hpp>
#include <coil/io/steady_timer.hpp>
#include <coil/sync/channel.hpp>
#include <coil/sync/event.hpp>
#include <coil/sync/mutex.hpp>
#include <coil/sync/offload.hpp>
#include <coil/sync/one_shot.hpp>
#include <coil/sync/semaphore.hpp>
#include <coil/sync/thread_pool.hpp>
#include <coil/test/stream_pair.hpp>

#include "support/child.hpp"
#include "support/real_context.hpp"
#include "support/scripted_context.hpp"
#include "support/small_rings.hpp"

// A context ends without destroying the frames of its tasks if a task calls exit(), or if the kernel never
// releases an operation. Objects that these tasks wait for or hold may outlive the context, and are destroyed
// without a message.

namespace coil::test {
namespace {

using namespace std::chrono_literals;

/// One of each object that may outlive the tasks that use it.
struct objects {
    explicit objects(io_context& context) : timer(context) {}

    event ready;
    mutex free_lock;
    mutex taken_lock;
    mutex_lock holder = taken_lock.try_lock();
    semaphore permits{0};
    semaphore_permit permit;
    channel<int> empty{1};
    channel<int> full{0};
    one_shot<int> answer;
    std::optional<one_shot_completer<int>> completer{answer.get_completer()};
    one_shot<int> question;
    one_shot_completer<int> asker = question.get_completer();
    test::stream_pair receiving;
    test::stream_pair sending{{.capacity = 1}};
    steady_timer timer;
    std::promise<void> gate;
    thread_pool pool{{.threads = 1}};  // is destroyed before the gate, at which its thread may wait
    std::array<char, 4> bytes{};
};

/// An object that a task waits for or holds, and what the program does with it after the end of the context.
struct use {
    const char* name;
    task<> (*waits)(objects&);
    void (*touches)(objects&);
};

const use uses[] = {
    {"event", [](objects& all) -> task<> { co_await all.ready.wait(); },
     [](objects& all) { all.ready.set(); }},
    {"mutex that a task holds",
     [](objects& all) -> task<> {
         auto lock = co_await all.free_lock.lock();
         co_await sleep_for(1h);
     },
     [](objects& all) {
         const mutex_lock lock = all.free_lock.try_lock();
         EXPECT_FALSE(lock.owns_lock());
     }},
    {"mutex that a task waits for",
     [](objects& all) -> task<> { auto lock = co_await all.taken_lock.lock(); },
     [](objects& all) { all.holder.unlock(); }},
    {"semaphore", [](objects& all) -> task<> { co_await all.permits.acquire(); },
     [](objects& all) { all.permits.release(2); }},
    {"permit of a semaphore",
     [](objects& all) -> task<> {
         all.permits.release();
         auto permit = co_await all.permits.acquire_permit();
         co_await all.permits.acquire();
     },
     [](objects& all) { all.permits.release(); }},
    {"channel that a task receives from",
     [](objects& all) -> task<> { static_cast<void>(co_await all.empty.receive()); },
     [](objects& all) {
         EXPECT_TRUE(all.empty.try_send(1));
         all.empty.close();
     }},
    {"channel that a task sends to", [](objects& all) -> task<> { co_await all.full.send(1); },
     [](objects& all) {
         EXPECT_EQ(all.full.try_receive(), std::nullopt);
         all.full.close();
     }},
    {"channel with a message handed over",
     [](objects& all) -> task<> {
         // The message is sent just before exit(), so the receiver is not resumed.
         static_cast<void>(co_await all.empty.receive());
     },
     nullptr},
    {"one_shot", [](objects& all) -> task<> { static_cast<void>(co_await all.answer.wait()); },
     [](objects& all) { all.completer->set_value(1); }},
    {"one_shot without a completer",
     [](objects& all) -> task<> { static_cast<void>(co_await all.question.wait()); },
     [](objects& all) { all.question = one_shot<int>(); }},
    {"stream that a task receives from",
     [](objects& all) -> task<> { co_await all.receiving.first.recv(all.bytes); },
     [](objects& all) { all.receiving.second.close(); }},
    {"stream that a task sends to",
     [](objects& all) -> task<> {
         co_await all.sending.first.send(all.bytes);
         co_await all.sending.first.send(all.bytes);
     },
     [](objects& all) { all.sending.second.reset(); }},
    {"timer", [](objects& all) -> task<> { co_await all.timer.wait(); },
     [](objects& all) { all.timer.expires_after(1h); }},
    {"thread_pool",
     [](objects& all) -> task<> {
         co_await offload(all.pool, [](objects* blocks) { blocks->gate.get_future().wait(); }, &all);
     },
     [](objects& all) { all.gate.set_value(); }},
};

/// When the objects are destroyed.
enum class order { after_the_context, before_the_context, context_does_not_end };

struct process {
    std::unique_ptr<io_context> context;
    std::unique_ptr<objects> all;
    const use* used = nullptr;
    bool touches = false;
};

// exit() destroys the members in the order of the case, as it would static objects.
process here;

void end_objects() {
    if (here.touches && here.used->touches)
        here.used->touches(*here.all);
    else
        here.all->gate.set_value();  // the pool joins its thread
    here.all.reset();
}

int exit_in_a_task(const use& used, order wanted, bool touches, bool in_a_child) {
    here.context = std::make_unique<io_context>(small_rings);
    here.all = std::make_unique<objects>(*here.context);
    here.used = &used;
    here.touches = touches;
    const bool hands_over = !used.touches;
    std::atexit([] { ::_exit(testing::Test::HasFailure() ? 1 : ends_well); });  // skips LeakSanitizer
    if (wanted == order::after_the_context)
        std::atexit(end_objects);
    if (wanted != order::context_does_not_end)
        std::atexit([] { here.context.reset(); });
    if (wanted != order::after_the_context)
        std::atexit(end_objects);
    co_spawn(*here.context, used.waits(*here.all), detached);
    here.context->poll();
    int status = 1;
    here.context->post([&] {
        if (hands_over)
            static_cast<void>(here.all->empty.try_send(1));
        const auto leave = [] {
            std::exit(2);
            return 3;
        };
        status = in_a_child ? status_of_child(leave) : leave();
    });
    here.context->restart();
    here.context->poll();
    return status;
}

// Regression: the objects resumed tasks of an ended context, and aborted correct programs.
TEST(Orphans, ExitInATaskIsSilentForAllObjects) {
    for (const use& each: uses) {
        for (const order wanted:
             {order::after_the_context, order::before_the_context, order::context_does_not_end}) {
            for (const bool touches: {false, true}) {
                SCOPED_TRACE(std::string(each.name) + ", order " + std::to_string(static_cast<int>(wanted)) +
                             (touches ? ", touched" : ""));
                EXPECT_EQ(status_of_child([&] { return exit_in_a_task(each, wanted, touches, false); }),
                          ends_well);
            }
        }
    }
}

TEST(Orphans, ExitInAChildOfATaskIsSilent) {
    for (const use& each: uses) {
        SCOPED_TRACE(each.name);
        EXPECT_EQ(
            status_of_child([&] { return exit_in_a_task(each, order::after_the_context, false, true); }),
            ends_well);
    }
}

// Regression: the next context found the waiters of the previous one.
TEST(Orphans, ObjectsServeTheNextContext) {
    for (const use& each: uses) {
        SCOPED_TRACE(each.name);
        const auto stuck = [&] {
            std::optional<scripted_context> former(std::in_place);
            auto all = std::make_unique<objects>(former->io());
            auto socket = former->connected_socket();
            std::array<char, 1> byte;
            const auto recv = [&]() -> task<> { co_await socket.recv(byte); };
            co_spawn(former->io(), recv(), detached);
            co_spawn(former->io(), each.waits(*all), detached);
            // The context is destroyed on a thread that may not cancel the operation.
            std::promise<void> polled;
            std::promise<void> destroyed;
            std::thread owner([&] {
                former->poll();
                if (!each.touches)
                    static_cast<void>(all->empty.try_send(1));
                polled.set_value();
                destroyed.get_future().wait();
            });
            polled.get_future().wait();
            former->script().never_release();
            ::close(STDERR_FILENO);  // suppresses the report of the operation
            former->destroy();

            scripted_context next;
            int ended = 0;
            const auto waits = [&]() -> task<> {
                co_await all->ready.wait();
                ++ended;
            };
            const auto receives = [&]() -> task<> {
                EXPECT_EQ(co_await all->empty.receive(), 7);
                ++ended;
            };
            const auto acquires = [&]() -> task<> {
                co_await all->permits.acquire();
                ++ended;
            };
            const auto sends = [&]() -> task<> {
                co_await all->full.send(8);
                ++ended;
            };
            const auto locks = [&]() -> task<> {
                auto lock = co_await all->taken_lock.lock();
                ++ended;
            };
            co_spawn(next.io(), waits(), detached);
            co_spawn(next.io(), receives(), detached);
            co_spawn(next.io(), acquires(), detached);
            co_spawn(next.io(), sends(), detached);
            co_spawn(next.io(), locks(), detached);
            next.poll();
            EXPECT_EQ(ended, 0);
            all->ready.set();
            EXPECT_TRUE(all->empty.try_send(7));
            all->permits.release();
            EXPECT_EQ(all->full.try_receive(), 8);
            all->holder.unlock();
            next.poll();
            EXPECT_EQ(ended, 5);
            all->gate.set_value();
            all.reset();
            destroyed.set_value();
            owner.join();
            return ended == 5 ? ends_well : 1;
        };
        EXPECT_EQ(status_of_child(stuck), ends_well);
    }
}

}  // namespace
}  // namespace coil::test
