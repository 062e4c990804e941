// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#if !defined(__SANITIZE_THREAD__)  // TSan takes a child's threads for the parent's
#include <memory>
#include <netdb.h>
#include <semaphore>

#include <coil/resolver/error.hpp>
#include <coil/resolver/resolver.hpp>
#include <coil/sync/offload.hpp>
#include <coil/sync/thread_pool.hpp>

#include "resolver/name_oracle.hpp"
#include "support/child.hpp"
#include "support/real_context.hpp"
#include "support/small_rings.hpp"

namespace coil::test {
namespace {

void answer_again(detail::look_up& question) { question.status = EAI_AGAIN; }

task<> offload_and_resolve(io_context& context, thread_pool& pool) {
    tcp::resolver resolver(context);
    EXPECT_EQ(co_await offload(pool, [] { return 17; }), 17);
    auto [ec, found] = co_await as_tuple(resolver.resolve("other", "80"));
    EXPECT_EQ(ec, error::host_not_found_try_again);
}

// A child of fork(2) has none of its parent's threads. Regression: work that the child queued never
// completed, and the child waited forever for work that the parent had queued.
TEST(ForkedThreads, ChildStartsItsOwnThreads) {
    name_oracle oracle;
    real_context context(small_rings);
    auto pool = std::make_unique<thread_pool>(1);
    tcp::resolver resolver(context.io());
    std::binary_semaphore began{0}, may_end{0};
    unsigned ended = 0;
    const auto offloads = [&]() -> task<> {
        co_await offload(*pool, [&] {
            began.release();
            may_end.acquire();
        });
        ++ended;
    };
    const auto queues = [&]() -> task<> {
        co_await offload(*pool, [] {});
        ++ended;
    };
    const auto resolves = [&]() -> task<> {
        static_cast<void>(co_await as_tuple(resolver.resolve("slow", "80")));
        ++ended;
    };
    co_spawn(context.io(), offloads(), detached);
    co_spawn(context.io(), queues(), detached);
    co_spawn(context.io(), resolves(), detached);
    context.poll();
    began.acquire();
    ASSERT_TRUE(oracle.wait_until_asked("slow"));

    const int status = status_of_child([&] {
        detail::look_up::asked = answer_again;
        {
            io_context fresh(small_rings);
            co_spawn(fresh, offload_and_resolve(fresh, *pool), detached);
            fresh.run();
        }
        context.destroy();
        pool.reset();
        return ends_well;
    });
    EXPECT_EQ(status, ends_well);

    may_end.release();
    oracle.answer("slow", EAI_AGAIN);
    context.io().restart();
    run_until(context.io(), [&] { return ended == 3; });
    EXPECT_EQ(ended, 3u);
}

}  // namespace
}  // namespace coil::test
#endif
