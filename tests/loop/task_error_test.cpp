// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#include <array>
#include <chrono>
#include <cstring>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include <coil/algo/timeout.hpp>
#include <coil/coro/async_generator.hpp>
#include <coil/io/sleep.hpp>
#include <coil/sync/task_group.hpp>

#include "support/allocations.hpp"
#include "support/scripted_context.hpp"

// Errors of tasks that are never joined.

namespace coil::test {
namespace {

using namespace std::chrono_literals;

/// Calls `action`, and returns the lines that it writes to stderr.
template <class F>
std::vector<std::string> lines_on_stderr(F&& action) {
    testing::internal::CaptureStderr();
    action();
    const std::string text = testing::internal::GetCapturedStderr();
    std::vector<std::string> lines;
    for (std::size_t at = 0; at < text.size();) {
        const std::size_t end = std::min(text.find('\n', at), text.size());
        lines.push_back(text.substr(at, end - at));
        at = end + 1;
    }
    return lines;
}

task<> fail_with_system_error() {
    co_await yield();
    detail::throw_failure(std::make_error_code(std::errc::connection_reset), "recv (peer 192.0.2.1:80)");
}

task<> fail_with_bug() {
    co_await yield();
    throw std::logic_error("a bug");
}

TEST(TaskError, SystemErrorIsPrintedAndEndsOneTask) {
    scripted_context context;
    bool other_finished = false;
    co_spawn(context.io(), fail_with_system_error(), detached);
    auto other = context.spawn([&]() -> task<> {
        co_await sleep_for(1s);
        other_finished = true;
    });
    const auto lines = lines_on_stderr([&] { context.io().run(); });
    ASSERT_EQ(lines.size(), 1u);
    for (const char* part: {"coil: ", "task_error_test.cpp:", "recv", "192.0.2.1:80", "Connection reset"})
        EXPECT_NE(lines[0].find(part), std::string::npos) << lines[0];
    EXPECT_TRUE(other_finished);
}

TEST(TaskError, NamesTheOperationAndItsPeer) {
    scripted_context context;
    tcp::socket socket(context);
    context.answer_next(0);
    context.answer_next(-ECONNRESET);
    const auto receive = [&]() -> task<> {
        std::array<char, 10> buffer;
        co_await socket.connect({ip::address_v4({192, 0, 2, 1}), 80});
        co_await socket.recv(buffer);
    };
    co_spawn(context.io(), receive, detached);
    const auto lines = lines_on_stderr([&] { context.io().run(); });
    ASSERT_EQ(lines.size(), 1u);
    for (const char* part: {"recv", "192.0.2.1:80", "Connection reset"})
        EXPECT_NE(lines[0].find(part), std::string::npos) << lines[0];
}

// A bug in one client's task does not end the server, even without an error handler.
TEST(TaskError, BugInAReportingGroupIsPrinted) {
    scripted_context context;
    bool other_finished = false;
    const auto other = [&]() -> task<> {
        co_await sleep_for(1s);
        other_finished = true;
    };
    const auto serve = [&]() -> task<> {
        co_await with_group({.report_errors = true}, [&](task_group& group) -> task<> {
            group.start(fail_with_bug);
            group.start(other);
            co_return;
        });
    };
    co_spawn(context.io(), serve, detached);
    const auto lines = lines_on_stderr([&] { context.io().run(); });
    ASSERT_EQ(lines.size(), 1u);
    EXPECT_NE(lines[0].find("a bug"), std::string::npos) << lines[0];
    EXPECT_TRUE(other_finished);
}

TEST(TaskError, ErrorInAReportingGroupIsPrinted) {
    scripted_context context;
    const auto serve = []() -> task<> {
        co_await with_group({.report_errors = true}, [](task_group& group) -> task<> {
            group.start(fail_with_system_error);
            co_return;
        });
    };
    co_spawn(context.io(), serve, detached);
    const auto lines = lines_on_stderr([&] { context.io().run(); });
    ASSERT_EQ(lines.size(), 1u);
    EXPECT_TRUE(lines[0].starts_with("coil: a task of the group at task_error_test.cpp:")) << lines[0];
}

TEST(TaskError, OutputIsRateLimited) {
    scripted_context context;
    const auto lines = lines_on_stderr([&] {
        for (int i = 0; i < 100; ++i)
            co_spawn(context.io(), fail_with_system_error(), detached);
        context.run();
        context.script().advance(2s);
        co_spawn(context.io(), fail_with_system_error(), detached);
        context.run();
    });
    ASSERT_EQ(lines.size(), 12u);
    EXPECT_NE(lines[10].find("90 more"), std::string::npos) << lines[10];
}

TEST(TaskError, BugPropagatesAndRunMayBeRepeated) {
    scripted_context context;
    bool other_finished = false;
    co_spawn(context.io(), fail_with_bug(), detached);
    auto other = context.spawn([&]() -> task<> {
        co_await sleep_for(1s);
        other_finished = true;
    });
    EXPECT_THROW(context.io().run(), std::logic_error);
    EXPECT_FALSE(other_finished);
    context.io().run();
    EXPECT_TRUE(other_finished);
}

TEST(TaskError, SeveralBugsPropagateOneByOne) {
    scripted_context context;
    for (int i = 0; i < 3; ++i)
        co_spawn(context.io(), fail_with_bug(), detached);
    for (int i = 0; i < 3; ++i)
        EXPECT_THROW(context.io().run(), std::logic_error);
    EXPECT_EQ(context.io().run(), 0u);
}

TEST(TaskError, NonStandardExceptionPropagates) {
    scripted_context context;
    co_spawn(
        context.io(),
        []() -> task<> {
            co_await yield();
            throw 42;
        },
        detached);
    EXPECT_THROW(context.io().run(), int);
}

TEST(TaskError, HandlerReceivesAllErrors) {
    scripted_context context;
    std::vector<task_failure> failures;
    context.io().on_task_error([&](const task_failure& failure) { failures.push_back(failure); });
    co_spawn(context.io(), fail_with_system_error(), detached);
    co_spawn(context.io(), fail_with_bug(), detached);
    const unsigned line = __LINE__ - 1;
    EXPECT_TRUE(lines_on_stderr([&] { context.io().run(); }).empty());
    ASSERT_EQ(failures.size(), 2u);
    EXPECT_EQ(failures[0].code, std::errc::connection_reset);
    EXPECT_FALSE(failures[1].code);
    EXPECT_THROW(std::rethrow_exception(failures[1].exception), std::logic_error);
    EXPECT_EQ(failures[1].spawned_at.line(), line);
    EXPECT_NE(std::strstr(failures[1].spawned_at.file_name(), "task_error_test.cpp"), nullptr);
    EXPECT_GT(failures[1].awaited_at.line(), 0u);
    EXPECT_LT(failures[1].awaited_at.line(), line);
    EXPECT_NE(failures[1].text.find("a bug"), std::string::npos) << failures[1].text;
}

TEST(TaskError, HandlersExceptionPropagates) {
    scripted_context context;
    context.io().on_task_error(
        [](const task_failure& failure) { std::rethrow_exception(failure.exception); });
    co_spawn(context.io(), fail_with_system_error(), detached);
    EXPECT_THROW(context.io().run(), std::system_error);
    EXPECT_EQ(context.io().run(), 0u);
}

TEST(TaskError, HandlerMaySpawn) {
    scripted_context context;
    int restarts = 0;
    context.io().on_task_error([&](const task_failure&) {
        if (++restarts < 3)
            co_spawn(context.io(), fail_with_system_error(), detached);
    });
    co_spawn(context.io(), fail_with_system_error(), detached);
    context.io().run();
    EXPECT_EQ(restarts, 3);
}

TEST(TaskError, StoppedTaskIsNoError) {
    scripted_context context;
    context.io().on_task_error([](const task_failure& failure) { ADD_FAILURE() << failure.text; });
    auto socket = context.connected_socket();
    auto handle = context.spawn([&]() -> task<> {
        std::array<char, 10> buffer;
        co_await socket.recv(buffer);
    });
    context.then([&] {
        handle.request_stop();
        handle.detach();
    });
    context.io().run();
}

TEST(TaskError, AbortWithoutAStopIsAnError) {
    scripted_context context;
    int errors = 0;
    context.io().on_task_error([&](const task_failure& failure) {
        EXPECT_EQ(failure.code, error::operation_aborted);
        ++errors;
    });
    auto socket = context.connected_socket();
    co_spawn(
        context.io(),
        [](tcp::socket& from) -> task<> {
            std::array<char, 10> buffer;
            co_await from.recv(buffer);
        },
        std::ref(socket), detached);
    context.then([&] { socket.cancel(); });
    context.io().run();
    EXPECT_EQ(errors, 1);
}

TEST(TaskError, JoinedTaskFailsOnlyItsJoiner) {
    scripted_context context;
    context.run([&]() -> task<> {  // run() fails the test if an error is reported
        auto handle = co_spawn(context.io(), fail_with_system_error());
        auto [ec] = co_await as_tuple(handle.join());
        EXPECT_EQ(ec, error::connection_reset);
    });
}

TEST(TaskError, IsReportedWhenTheHandleIsDropped) {
    scripted_context context;
    int errors = 0;
    context.io().on_task_error([&](const task_failure&) { ++errors; });
    {
        auto handle = co_spawn(context.io(), fail_with_system_error());
        context.io().run();
        EXPECT_TRUE(handle.done());
        EXPECT_EQ(errors, 0);
    }
    EXPECT_EQ(errors, 1);
}

TEST(TaskError, UnfinishedTaskReportsNothing) {
    scripted_context context;
    context.io().on_task_error([](const task_failure& failure) { ADD_FAILURE() << failure.text; });
    auto handle = co_spawn(context.io(), fail_with_system_error());
    EXPECT_EQ(context.io().poll_one(), 1u);
    EXPECT_TRUE(lines_on_stderr([&] { context.destroy(); }).empty());
}

void expect_line(const std::vector<std::string>& lines, const char* what) {
    ASSERT_EQ(lines.size(), 1u);
    EXPECT_NE(lines[0].find(what), std::string::npos) << lines[0];
}

// ---- errors that neither run() nor a join has taken when the context ends ---------------------------------

TEST(TaskError, HandleDroppedAfterRunPrints) {
    scripted_context context;
    {
        auto handle = co_spawn(context.io(), fail_with_bug());
        context.io().run();
    }
    expect_line(lines_on_stderr([&] { context.destroy(); }), "a bug");
}

TEST(TaskError, TwoHandlesDroppedAfterRunPrintTwice) {
    scripted_context context;
    const auto dropped = lines_on_stderr([&] {
        auto first = co_spawn(context.io(), fail_with_bug());
        auto second = co_spawn(context.io(), fail_with_bug());
        context.io().run();
    });
    expect_line(dropped, "a bug");
    expect_line(lines_on_stderr([&] { context.destroy(); }), "a bug");
}

TEST(TaskError, HandleOutlivingItsContextPrints) {
    scripted_context context;
    context.io().on_task_error([](const task_failure& failure) { ADD_FAILURE() << failure.text; });
    auto bug = co_spawn(context.io(), fail_with_bug());
    context.io().run();
    expect_line(lines_on_stderr([&] { context.destroy(); }), "a bug");
}

TEST(TaskError, PostThatNeverRanPrintsNothing) {
    scripted_context context;
    context.io().post([] { throw std::logic_error("one"); });
    context.io().post([] { throw std::logic_error("two"); });
    EXPECT_THROW(context.io().run(), std::logic_error);
    EXPECT_TRUE(lines_on_stderr([&] { context.destroy(); }).empty());  // the second never ran
}

TEST(TaskError, JoinDestroyedWithItsContextPrints) {
    scripted_context context;
    co_spawn(
        context.io(),
        [](io_context& io) -> task<> {
            auto handle = co_spawn(io, fail_with_bug());
            co_await handle.join();
            ADD_FAILURE() << "the join returned";
        },
        std::ref(context.io()), detached);
    while (context.io().poll_one() > 0 && context.io().metrics().resumptions < 3)
        ;
    expect_line(lines_on_stderr([&] { context.destroy(); }), "a bug");
}

TEST(TaskError, ManyUnjoinedTasksAreRateLimited) {
    scripted_context context;
    std::vector<join_handle<void>> handles;
    for (int i = 0; i < 100; ++i)
        handles.push_back(co_spawn(context.io(), fail_with_bug()));
    context.io().run();
    const auto lines = lines_on_stderr([&] { context.destroy(); });
    ASSERT_EQ(lines.size(), 11u);
    EXPECT_NE(lines[10].find("90 more"), std::string::npos) << lines[10];
}

TEST(TaskError, JoinedTaskPrintsNothing) {
    scripted_context context;
    std::optional<join_handle<void>> handle;
    context.run([&]() -> task<> {
        handle.emplace(co_spawn(context.io(), fail_with_bug()));
        EXPECT_THROW(co_await handle->join(), std::logic_error);
    });
    EXPECT_TRUE(lines_on_stderr([&] { context.destroy(); }).empty());
}

// ---- no memory --------------------------------------------------------------------------------------------

/// Makes all further allocations of this thread fail, and ends with an error.
task<> fail_without_memory([[maybe_unused]] std::shared_ptr<int> held) {
    co_await yield();
    const std::system_error failure(std::make_error_code(std::errc::connection_reset), "planned");
    allocations::fail_from(1, allocations::unlimited);
    throw failure;
}

// Regression: the text could not be allocated, so bad_alloc left run(), the handler was not called, and the
// task's frame leaked.
TEST(TaskError, IsReportedWithoutTextIfOutOfMemory) {
    scripted_context context;
    std::error_code code;
    bool has_exception = false;
    bool has_text = true;
    context.io().on_task_error([&](const task_failure& failure) {
        code = failure.code;
        has_exception = failure.exception != nullptr;
        has_text = !failure.text.empty();
    });
    const auto held = std::make_shared<int>(1);
    co_spawn(context.io(), fail_without_memory(held), detached);
    EXPECT_NO_THROW(context.io().run());
    EXPECT_GT(allocations::fail_no_more(), 0u);
    EXPECT_EQ(code, std::errc::connection_reset);
    EXPECT_TRUE(has_exception);
    EXPECT_FALSE(has_text);
    EXPECT_EQ(held.use_count(), 1);
}

// Regression: the destructor of a handle threw bad_alloc, which ended the program.
TEST(TaskError, DroppedHandlePrintsIfOutOfMemory) {
    scripted_context context;
    const auto lines = lines_on_stderr([&] {
        {
            auto handle = co_spawn(context.io(), fail_without_memory(nullptr));
            context.io().run();
        }
        EXPECT_GT(allocations::fail_no_more(), 0u);
    });
    ASSERT_EQ(lines.size(), 1u);
    EXPECT_NE(lines[0].find("task_error_test.cpp"), std::string::npos) << lines[0];
    EXPECT_NE(lines[0].find("no memory"), std::string::npos) << lines[0];
}

// ---- destructors that throw -------------------------------------------------------------------------------

struct throws_at_the_end {
    ~throws_at_the_end() noexcept(false) { throw std::runtime_error("a destructor"); }
};

task<> end_with_throwing_local() {
    const throws_at_the_end local;
    co_await yield();
}

TEST(TaskError, DestructorOfALocalFailsTheTask) {
    scripted_context context;
    co_spawn(context.io(), end_with_throwing_local, detached);
    EXPECT_THROW(context.io().run(), std::runtime_error);
}

task<> sleep_on_a_throwing_local() {
    const throws_at_the_end local;
    co_await sleep_for(1h);
}

async_generator<int> sleep_in_a_generator() {
    const throws_at_the_end local;
    co_await sleep_for(1h);
    co_yield 1;
}

// Regression: the exception was swallowed, and the frame leaked.
TEST(TaskErrorDeathTest, ThrowingDestructorIsNamed) {
    const auto end = [](task<> (*body)()) {
        scripted_context context;
        co_spawn(context.io(), body, detached);
        context.poll();
        context.destroy();
    };
    const char* message = "task: a destructor threw while its coroutine was destroyed.*a destructor";
    EXPECT_DEATH(end(sleep_on_a_throwing_local), message);
    EXPECT_DEATH(end([]() -> task<> { co_await sleep_on_a_throwing_local(); }), message);
    EXPECT_DEATH(end([]() -> task<> { co_await timeout(sleep_on_a_throwing_local(), 2h); }), message);
    EXPECT_DEATH(end([]() -> task<> {
                     auto numbers = sleep_in_a_generator();
                     static_cast<void>(co_await numbers.next());
                 }),
                 message);
}

// ---- handlers that are replaced while they run ------------------------------------------------------------

TEST(TaskError, HandlerMayReplaceItself) {
    scripted_context context;
    std::vector<std::string> log;
    const std::string first(100, '1'), second(100, '2'), third(100, '3');
    context.io().on_task_error([&, first](const task_failure&) {
        context.io().on_task_error([&, second](const task_failure&) { log.push_back(second); });
        log.push_back(first);
        context.io().on_task_error([&, third](const task_failure&) { log.push_back(third); });
        log.push_back(first);
    });
    for (int i = 0; i < 2; ++i) {
        co_spawn(context.io(), fail_with_bug(), detached);
        context.run();
    }
    EXPECT_EQ(log, (std::vector{first, first, third}));
}

TEST(TaskError, HandlerIsReplacedDuringItsCall) {
    scripted_context context;
    auto failed = co_spawn(context.io(), fail_with_bug());
    std::vector<std::string> log;
    const std::string first(100, '1'), second(100, '2');
    context.io().on_task_error([&, first](const task_failure&) {
        context.io().on_task_error([&, second](const task_failure&) { log.push_back(second); });
        failed.detach();  // calls the new handler while this one still runs
        log.push_back(first);
    });
    co_spawn(context.io(), fail_with_bug(), detached);
    context.run();
    EXPECT_EQ(log, (std::vector{second, first}));
}

TEST(TaskError, ContextThatNeverRunsSaysSo) {
    const auto lines = lines_on_stderr([] {
        scripted_context context;
        co_spawn(context.io(), []() -> task<> { co_return; }, detached);
    });
    ASSERT_EQ(lines.size(), 1u);
    EXPECT_EQ(lines[0], "coil: an io_context was destroyed before its first run(); its tasks never began");

    EXPECT_TRUE(lines_on_stderr([] {
                    scripted_context context;
                    co_spawn(context.io(), []() -> task<> { co_await sleep_for(1h); }, detached);
                    context.poll();
                }).empty());
    // An exception between co_spawn() and run() is not a mistake.
    EXPECT_TRUE(lines_on_stderr([] {
                    try {
                        scripted_context context;
                        co_spawn(context.io(), []() -> task<> { co_return; }, detached);
                        throw std::logic_error("the port is in use");
                    } catch (const std::logic_error&) {}
                }).empty());
}

}  // namespace
}  // namespace coil::test
