// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#include <chrono>
#include <cstdlib>
#include <functional>
#include <future>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include <unistd.h>

#include <coil/io/sleep.hpp>
#include <coil/loop/sync_wait.hpp>

#include "support/real_context.hpp"
#include "support/scripted_context.hpp"

// A context can't be run or destroyed by its own tasks.

namespace coil::test {
namespace {

using namespace std::chrono_literals;

struct entry {
    const char* name;
    std::function<std::size_t(io_context&)> enter;
};

const std::vector<entry>& entries() {
    static const std::vector<entry> all{
        {"run", [](io_context& context) { return context.run(); }},
        {"run_one", [](io_context& context) { return context.run_one(); }},
        {"run_for", [](io_context& context) { return context.run_for(1s); }},
        {"run_until", [](io_context& context) { return context.run_until(context.now()); }},
        {"poll", [](io_context& context) { return context.poll(); }},
        {"poll_one", [](io_context& context) { return context.poll_one(); }},
    };
    return all;
}

void expect_refused(io_context& context) {
    for (const auto& each: entries()) {
        try {
            each.enter(context);
            ADD_FAILURE() << each.name << " threw nothing";
        } catch (const std::system_error& failure) {
            EXPECT_EQ(failure.code(), error::already_running) << each.name;
            EXPECT_NE(std::string(failure.what()).find("sync_wait"), std::string::npos) << failure.what();
            const std::string call = each.name == std::string("run_for") ? "run_until" : each.name;
            EXPECT_EQ(std::string(failure.what()).find("io_context::" + call + ":"), 0u) << failure.what();
        }
    }
}

TEST(NestedRun, InsideATaskIsRefused) {
    scripted_context context;
    context.run([&]() -> task<> {
        expect_refused(context);
        co_await sleep_for(1s);
        expect_refused(context);
    });
}

// Regression: a poll() inside a posted function found no work and stopped the context, so functions posted
// afterwards never ran.
TEST(NestedRun, InsideAPostedFunctionIsRefused) {
    scripted_context context;
    int ran = 0;
    context.io().post([&] {
        expect_refused(context);
        context.io().post([&] { ++ran; });
    });
    context.io().run();
    EXPECT_EQ(ran, 1);
}

TEST(NestedRun, InsideAnErrorHandlerIsRefused) {
    scripted_context context;
    int errors = 0;
    context.io().on_task_error([&](const task_failure&) {
        expect_refused(context);
        ++errors;
    });
    co_spawn(
        context.io(),
        []() -> task<> {
            co_await yield();
            detail::throw_failure(error::eof, "planned");
        },
        detached);
    context.io().run();
    EXPECT_EQ(errors, 1);
}

TEST(NestedRun, UncaughtRefusalPropagates) {
    scripted_context context;
    context.io().post([&] { context.io().poll(); });
    try {
        context.io().run();
        ADD_FAILURE() << "nothing was thrown";
    } catch (const std::system_error& failure) {
        EXPECT_EQ(failure.code(), error::already_running);
    }
    context.io().post([] {});
    EXPECT_EQ(context.io().run(), 1u);  // the context is still usable
}

TEST(NestedRun, AnotherContextIsAllowed) {
    scripted_context outer;
    int inner_ran = 0;
    outer.run([&]() -> task<> {
        scripted_context inner;
        inner.run([&]() -> task<> {
            ++inner_ran;
            co_return;
        });
        co_return;
    });
    EXPECT_EQ(inner_ran, 1);
}

/// Calls every run function of its context in its destructor.
struct late_runner {
    io_context& context;
    std::vector<std::size_t>& results;

    ~late_runner() {
        context.restart();
        for (const auto& each: entries())
            results.push_back(each.enter(context));
    }
};

// Regression: the dying context opened a new ring, and added itself to its thread's list of contexts, where
// it stayed.
TEST(NestedRun, InsideADyingContextDoesNothing) {
    std::vector<std::size_t> results;
    std::thread([&] {
        scripted_context context;
        auto runner = context.spawn([&]() -> task<> {
            const late_runner late{context.io(), results};
            co_await sleep_for(1h);
        });
        context.poll();
        context.destroy();
    }).join();
    EXPECT_EQ(results, std::vector<std::size_t>(entries().size(), 0));
}

// ---- destroying a context that runs -----------------------------------------------------------------------

TEST(NestedRunDeathTest, DestroyedByItsOwnTaskAborts) {
    const auto end = [] {
        auto context = std::make_shared<io_context>();
        co_spawn(
            *context,
            [](std::shared_ptr<io_context>& last) -> task<> {
                co_await yield();
                last.reset();
            },
            std::ref(context), detached);
        context->run();
    };
    EXPECT_DEATH(end(), "io_context: destroyed by a task or a posted function that it runs; let run");
}

TEST(NestedRunDeathTest, DestroyedByItsOwnPostAborts) {
    const auto end = [] {
        auto* context = new io_context;
        context->post([&] { delete context; });
        context->poll();
    };
    EXPECT_DEATH(end(), "io_context: destroyed by a task or a posted function that it runs; let run");
}

TEST(NestedRunDeathTest, DestroyedWhileItRunsAborts) {
    const auto end = [] {
        auto context = std::make_unique<io_context>();
        const work_guard guard(*context);
        std::promise<void> is_running;
        context->post([&] { is_running.set_value(); });
        std::thread runner([&] { context->run(); });
        is_running.get_future().wait();
        context.reset();
    };
    EXPECT_DEATH(end(), "io_context: destroyed while another thread is in its run.*stop");
}

// exit() in a task destroys a static context. The frame of that task is in use, so it is not destroyed.
TEST(NestedRunDeathTest, ExitInATaskLeavesTheFrames) {
    const auto leave = [] {
        std::atexit([] { ::_exit(7); });  // runs after the context's destructor; skips LeakSanitizer
        static io_context context;
        const auto wait = []() -> task<> { co_await sleep_for(1h); };
        co_spawn(context, wait, detached);
        co_spawn(
            context,
            []() -> task<> {
                co_await sleep_for(1ms);
                std::exit(0);
            },
            detached);
        context.run();
    };
    EXPECT_EXIT(leave(), testing::ExitedWithCode(7), "^$");
}

// Regression: a static handle referred to the context that exit() had destroyed.
TEST(NestedRunDeathTest, ExitInATaskDetachesHandles) {
    const auto leave = [] {
        std::atexit([] { ::_exit(7); });
        static std::optional<join_handle<void>> waiting;
        static std::unique_ptr<io_context> context = std::make_unique<io_context>();
        waiting.emplace(co_spawn(*context, []() -> task<> { co_await sleep_for(1h); }));
        co_spawn(
            *context,
            []() -> task<> {
                co_await sleep_for(1ms);
                std::exit(0);
            },
            detached);
        context->run();
    };
    EXPECT_EXIT(leave(), testing::ExitedWithCode(7), "^$");
}

}  // namespace
}  // namespace coil::test
