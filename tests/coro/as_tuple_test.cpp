// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#include <coil/coro/as_tuple.hpp>

#include <memory>
#include <stdexcept>
#include <string>
#include <system_error>
#include <type_traits>

#include <gtest/gtest.h>

#include <coil/coro/task.hpp>

#include "coro/manual_scheduler.hpp"

namespace coil::test {
namespace {

static_assert(detail::description<detail::as_tuple_description<gate::description>>);
static_assert(std::is_same_v<detail::result_of<gate::description>, int>);
static_assert(std::is_trivially_copyable_v<detail::as_tuple_description<gate::description>>);
static_assert(!std::is_aggregate_v<detail::as_tuple_operation<gate::description>> &&
              !std::is_aggregate_v<detail::redirect_error_operation<gate::description>>);

constexpr auto reset = std::errc::connection_reset;

// ---- operations -------------------------------------------------------------------------------------------

TEST(AsTuple, ReturnsErrorAndValue) {
    manual_scheduler loop;
    gate at;
    const auto story = [&]() -> task<> {
        auto [ec, value] = co_await as_tuple(at.wait());
        EXPECT_FALSE(ec);
        EXPECT_EQ(value, 5);
        auto [failed, none] = co_await as_tuple(at.wait());
        EXPECT_EQ(failed, reset);
        EXPECT_EQ(none, 0);
    };
    auto root = loop.start(story());
    loop.run();
    at.open(5);
    loop.run();
    at.fail(make_error_code(reset));
    loop.run();
    root.result();
}

TEST(AsTuple, StopIsAnError) {
    manual_scheduler loop;
    gate at;
    const auto story = [&]() -> task<std::error_code> {
        const auto stopped = co_await as_tuple(at.wait());
        co_return stopped.error();
    };
    auto root = loop.start(story());
    loop.run();
    root.env().request_stop();
    loop.run();
    EXPECT_EQ(root.result(), error::operation_aborted);
}

TEST(AsTuple, AwaitsWrappedOperation) {
    manual_scheduler loop;
    gate at;
    const auto story = [&]() -> task<> { static_cast<void>(co_await as_tuple(at.wait())); };
    auto root = loop.start(story());
    loop.run();
    EXPECT_EQ(root.env().awaiting()->describe(), "a gate");
    root.destroy();
    EXPECT_FALSE(at.has_waiter());
}

TEST(AsTuple, DescriptionCanBeAwaitedLater) {
    manual_scheduler loop;
    gate at;
    const auto story = [&]() -> task<int> {
        auto later = as_tuple(at.wait());
        EXPECT_FALSE(at.has_waiter());
        auto [ec, value] = co_await std::move(later);
        co_return value;
    };
    auto root = loop.start(story());
    loop.run();
    at.open(6);
    loop.run();
    EXPECT_EQ(root.result(), 6);
}

TEST(RedirectError, ReturnsValueAndStoresError) {
    manual_scheduler loop;
    gate at;
    const auto story = [&]() -> task<> {
        std::error_code ec = make_error_code(std::errc::io_error);
        EXPECT_EQ(co_await redirect_error(at.wait(), ec), 7);
        EXPECT_FALSE(ec) << "cleared on success";
        EXPECT_EQ(co_await redirect_error(at.wait(), ec), 0);
        EXPECT_EQ(ec, reset);
    };
    auto root = loop.start(story());
    loop.run();
    at.open(7);
    loop.run();
    at.fail(make_error_code(reset));
    loop.run();
    root.result();
}

TEST(AsTuple, CanBeNested) {
    manual_scheduler loop;
    gate at;
    const auto story = [&]() -> task<> {
        auto [ec, value] = co_await as_tuple(as_tuple(at.wait()));
        EXPECT_EQ(ec, reset);
        EXPECT_EQ(value, 0);
    };
    auto root = loop.start(story());
    loop.run();
    at.fail(make_error_code(reset));
    loop.run();
    root.result();
}

// ---- tasks ------------------------------------------------------------------------------------------------

enum class ending { value, system_error, transfer_error, abort, other };

template <class Result>
task<Result> ends(ending how, Result result) {
    switch (how) {
    case ending::value: break;
    case ending::system_error: throw std::system_error(make_error_code(reset), "recv");
    case ending::transfer_error: throw transfer_error(make_error_code(reset), "write", 9);
    case ending::abort: throw std::system_error(error::operation_aborted);
    case ending::other: throw std::runtime_error("a bug");
    }
    co_return result;
}

task<> ends(ending how) { static_cast<void>(co_await ends(how, 0)); }

TEST(AsTuple, TaskSystemErrorBecomesError) {
    manual_scheduler loop;
    const auto story = []() -> task<> {
        auto [ec, value] = co_await as_tuple(ends(ending::value, 10));
        EXPECT_FALSE(ec);
        EXPECT_EQ(value, 10);
        auto [failed, none] = co_await as_tuple(ends(ending::system_error, 10));
        EXPECT_EQ(failed, reset);
        EXPECT_EQ(none, 0);
        auto [aborted, nothing] = co_await as_tuple(ends(ending::abort, 10));
        EXPECT_EQ(aborted, error::operation_aborted);
        EXPECT_EQ(nothing, 0);
    };
    loop.run(story());
}

TEST(AsTuple, TaskTransferErrorKeepsCount) {
    manual_scheduler loop;
    const auto story = []() -> task<> {
        const auto failed = co_await as_tuple(ends(ending::transfer_error, 0));
        EXPECT_EQ(failed.error(), reset);
        EXPECT_EQ(failed.bytes_transferred(), 9u);
        auto [ec, n] = co_await as_tuple(ends(ending::transfer_error, std::size_t{0}));
        EXPECT_EQ(ec, reset);
        EXPECT_EQ(n, 9u);
    };
    loop.run(story());
}

TEST(AsTuple, VoidTaskReturnsErrorOnly) {
    manual_scheduler loop;
    const auto story = []() -> task<> {
        auto [fine] = co_await as_tuple(ends(ending::value));
        EXPECT_FALSE(fine);
        auto [ec] = co_await as_tuple(ends(ending::system_error));
        EXPECT_EQ(ec, reset);
        co_await redirect_error(ends(ending::transfer_error), ec);
        EXPECT_EQ(ec, reset);
        co_await redirect_error(ends(ending::value), ec);
        EXPECT_FALSE(ec);
    };
    loop.run(story());
}

TEST(AsTuple, ReferenceTaskReturnsPointer) {
    manual_scheduler loop;
    std::string target = "here";
    const auto refer = [&](bool fails) -> task<std::string&> {
        if (fails)
            throw std::system_error(make_error_code(reset));
        co_return target;
    };
    const auto story = [&]() -> task<> {
        auto [ec, there] = co_await as_tuple(refer(false));
        EXPECT_FALSE(ec);
        EXPECT_EQ(there, &target);
        auto [failed, nowhere] = co_await as_tuple(refer(true));
        EXPECT_EQ(failed, reset);
        EXPECT_EQ(nowhere, nullptr);
    };
    loop.run(story());
}

TEST(AsTuple, MoveOnlyResultIsMoved) {
    manual_scheduler loop;
    const auto make = []() -> task<std::unique_ptr<int>> { co_return std::make_unique<int>(11); };
    const auto story = [&]() -> task<> {
        auto r = co_await as_tuple(make());
        auto& [ec, made] = r;
        EXPECT_FALSE(ec);
        EXPECT_EQ(*made, 11);
        std::error_code error;
        EXPECT_EQ(*co_await redirect_error(make(), error), 11);
    };
    loop.run(story());
}

TEST(AsTuple, OtherExceptionsPropagate) {
    manual_scheduler loop;
    const auto story = []() -> task<> {
        EXPECT_THROW(static_cast<void>(co_await as_tuple(ends(ending::other))), std::runtime_error);
        std::error_code ec;
        EXPECT_THROW(co_await redirect_error(ends(ending::other, 1), ec), std::runtime_error);
    };
    loop.run(story());
}

}  // namespace
}  // namespace coil::test
