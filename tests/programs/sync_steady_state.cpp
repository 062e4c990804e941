// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT

// Checks that the waits and combinators in `sync` allocate nothing after a warm-up, whether they suspend or
// complete inline.

#include <cstdio>
#include <cstdlib>

#include <coil/coro/async_generator.hpp>
#include <coil/coro/shield.hpp>
#include <coil/coro/stop_when.hpp>
#include <coil/coro/yield.hpp>
#include <coil/loop/co_spawn.hpp>
#include <coil/sync/channel.hpp>
#include <coil/sync/event.hpp>
#include <coil/sync/mutex.hpp>
#include <coil/sync/semaphore.hpp>
#include <coil/sync/task_group.hpp>
#include <coil/sync/when_all.hpp>
#include <coil/sync/when_any.hpp>

#include "../../bench/support/allocations.hpp"

namespace {

constexpr int rounds_to_warm_up = 1000;  // more frames than the quarantine in test builds can hold
constexpr int rounds = 1000;

/// The objects that connect the two tasks. partner() responds to each wait in wait_for_everything().
struct shared_objects {
    coil::event request;
    coil::event answer;
    coil::mutex door;
    coil::semaphore places{0};
    coil::channel<int> meeting{0};
    coil::channel<int> buffered{4};
    coil::event never;
    coil::inplace_stop_source unstopped;
    bool over = false;
};

coil::async_generator<int> ones() {
    for (;;) {
        co_await coil::yield();
        co_yield 1;
    }
}

coil::task<> use_combinators(shared_objects& shared) {
    static_cast<void>(co_await coil::when_any(coil::yield(), shared.never.wait(), shared.places.acquire()));
    co_await coil::when_all(coil::yield(), coil::yield());
    co_await coil::with_group([](coil::task_group& group) -> coil::task<> {
        group.start([]() -> coil::task<> { co_await coil::yield(); });
        co_await group.join();
    });
    co_await coil::stop_when(coil::shield(coil::yield()), shared.unstopped.get_token());
}

coil::task<> partner(shared_objects& shared) {
    while (!shared.over) {
        co_await shared.request.wait();
        shared.request.reset();
        shared.answer.set();
        {
            const auto lock = co_await shared.door.lock();
            co_await coil::yield();
        }
        shared.places.release();
        co_await shared.meeting.send(1);
        for (int i = 0; i < 10; ++i)
            co_await shared.buffered.send(i);
    }
}

coil::task<> wait_for_everything(shared_objects& shared, coil::async_generator<int>& values) {
    shared.request.set();
    co_await shared.answer.wait();
    shared.answer.reset();
    { const auto lock = co_await shared.door.lock(); }
    co_await shared.places.acquire();
    co_await shared.meeting.receive();
    for (int i = 0; i < 10; ++i)
        co_await shared.buffered.receive();
    co_await values.next();
    co_await use_combinators(shared);
}

coil::task<> count(shared_objects& shared, unsigned long long& made) {
    auto values = ones();
    for (int i = 0; i < rounds_to_warm_up; ++i)
        co_await wait_for_everything(shared, values);
    const auto before = coil::bench::allocations();
    for (int i = 0; i < rounds; ++i)
        co_await wait_for_everything(shared, values);
    made = coil::bench::allocations() - before;
    shared.over = true;
    co_await wait_for_everything(shared, values);
}

void* volatile sink;  // prevents the compiler from removing the planted allocation

}  // namespace

int main() {
    const auto before = coil::bench::allocations();
    sink = std::malloc(100);
    const auto planted = coil::bench::allocations() - before;
    std::free(sink);

    shared_objects shared;
    unsigned long long made = 1;
    coil::io_context context;
    coil::co_spawn(context, partner(shared), coil::detached);
    coil::co_spawn(context, count(shared, made), coil::detached);
    context.run();
    std::printf("%llu allocations in %d rounds; counted %llu of 1 planted\n", made, rounds, planted);
    return made == 0 && planted == 1 ? 0 : 1;
}
