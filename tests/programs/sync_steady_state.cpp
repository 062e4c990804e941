// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT

// Once warm, waiting among tasks allocates nothing, whether or not there is anything to wait for; nor does waiting for
// several things at once.

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

constexpr int rounds_to_warm_up = 1000;  // more than a test build's quarantine of frames holds
constexpr int rounds = 1000;

/// What two tasks do to each other: the partner answers whatever the deeds begin.
struct scene {
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

coil::task<> do_several_at_once(scene& shared) {
    static_cast<void>(co_await coil::when_any(coil::yield(), shared.never.wait(), shared.places.acquire()));
    co_await coil::when_all(coil::yield(), coil::yield());
    co_await coil::with_group([](coil::task_group& group) -> coil::task<> {
        group.start([]() -> coil::task<> { co_await coil::yield(); });
        co_await group.join();
    });
    co_await coil::stop_when(coil::shield(coil::yield()), shared.unstopped.get_token());
}

coil::task<> be_partner(scene& shared) {
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

coil::task<> wait_for_everything(scene& shared, coil::async_generator<int>& values) {
    shared.request.set();
    co_await shared.answer.wait();
    shared.answer.reset();
    { const auto lock = co_await shared.door.lock(); }
    co_await shared.places.acquire();
    co_await shared.meeting.receive();
    for (int i = 0; i < 10; ++i)
        co_await shared.buffered.receive();
    co_await values.next();
    co_await do_several_at_once(shared);
}

coil::task<> count(scene& shared, unsigned long long& made) {
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

void* volatile sink;  // so that no compiler leaves the planted allocation out

}  // namespace

int main() {
    const auto before = coil::bench::allocations();
    sink = std::malloc(100);
    const auto planted = coil::bench::allocations() - before;
    std::free(sink);

    scene shared;
    unsigned long long made = 1;
    coil::io_context context;
    coil::co_spawn(context, be_partner(shared), coil::detached);
    coil::co_spawn(context, count(shared, made), coil::detached);
    context.run();
    std::printf("%llu allocations in %d rounds; of one that was planted, %llu were seen\n", made, rounds,
                planted);
    return made == 0 && planted == 1 ? 0 : 1;
}
