// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT

#include <coil/algo/timeout.hpp>
#include <coil/coro/as_tuple.hpp>
#include <coil/coro/shield.hpp>
#include <coil/coro/yield.hpp>
#include <coil/loop/co_spawn.hpp>

#include <chrono>
#include <optional>
#include <system_error>
#include <vector>

#include <gtest/gtest.h>

#include "support/scripted_context.hpp"

namespace coil::test {
namespace {

using namespace std::chrono_literals;

int global = 5;

task<int&> lend() {
    co_await yield();
    co_return global;
}

task<> fail_after_nine_bytes() {
    co_await yield();
    throw transfer_error(make_error_code(error::eof), "planned", 9);
}

TEST(Join, ReturnsAReference) {
    scripted_context context;
    context.run([&]() -> task<> {
        auto first = co_spawn(context.io(), lend());
        EXPECT_EQ(&co_await first.join(), &global);
        auto second = co_spawn(context.io(), lend);
        const auto [error, pointer] = co_await as_tuple(second.join());
        EXPECT_EQ(pointer, &global);
    });
}

// Regression: a join lost the byte count that awaiting the task itself returns.
TEST(Join, ReturnsTheByteCountOfAFailedTask) {
    scripted_context context;
    context.run([&]() -> task<> {
        auto handle = co_spawn(context.io(), fail_after_nine_bytes);
        const auto result = co_await as_tuple(handle.join());
        EXPECT_EQ(result.error(), error::eof);
        EXPECT_EQ(result.bytes_transferred(), 9u);
    });
}

// Regression: a task that joined itself waited for its own end, without an error.
TEST(Join, RefusesATaskThatJoinsItself) {
    scripted_context context;
    std::optional<join_handle<void>> own;
    std::error_code error;
    own = context.spawn([&]() -> task<> { error = (co_await as_tuple(own->join())).error(); });
    context.run();
    EXPECT_EQ(error, std::errc::resource_deadlock_would_occur);
    EXPECT_EQ(error, error::joins_itself);
    EXPECT_NE(error.message().find("a task joins itself"), std::string::npos) << error.message();
    EXPECT_TRUE(own->done());
}

// Regression: a self-join inside a scope waited until the deadline, or forever.
TEST(Join, RefusesATaskThatJoinsItselfInAScope) {
    scripted_context context;
    std::optional<join_handle<void>> own;
    std::vector<std::error_code> errors;
    own = context.spawn([&]() -> task<> {
        errors.push_back((co_await as_tuple(timeout(own->join(), 1h))).error());
        errors.push_back((co_await as_tuple(shield(timeout(own->join(), 1h)))).error());
    });
    context.run();
    EXPECT_EQ(errors, std::vector<std::error_code>(2, error::joins_itself));
}

}  // namespace
}  // namespace coil::test
