// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT

// Adapters pass on results that are not default constructible, such as a connection object.

#include <chrono>
#include <memory>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include <coil/algo/timeout.hpp>
#include <coil/coro/as_tuple.hpp>
#include <coil/coro/shield.hpp>
#include <coil/coro/stop_when.hpp>
#include <coil/io/sleep.hpp>
#include <coil/sync/when_all.hpp>
#include <coil/sync/when_any.hpp>

#include "support/scripted_context.hpp"

namespace coil::test {
namespace {

using namespace std::chrono_literals;

class connection {
public:
    explicit connection(int number) : number_(std::make_unique<int>(number)) {}
    [[nodiscard]] int number() const { return *number_; }

private:
    std::unique_ptr<int> number_;
};

task<connection> connect(int number, std::chrono::milliseconds takes) {
    co_await sleep_for(takes);
    co_return connection(number);
}

task<connection> refuse() {
    throw std::system_error(std::make_error_code(std::errc::connection_refused), "connect to a");
    co_return connection(0);
}

class ResultWithoutDefault : public testing::Test {
protected:
    scripted_context context_;
};

TEST_F(ResultWithoutDefault, PassesThroughAdapters) {
    context_.run([&]() -> task<> {
        EXPECT_EQ((co_await timeout(connect(1, 1ms), 1s)).number(), 1);
        EXPECT_EQ((co_await shield(connect(2, 1ms))).number(), 2);
        inplace_stop_source source;
        EXPECT_EQ((co_await stop_when(connect(3, 1ms), source.get_token())).number(), 3);
        auto both = co_await when_all(connect(4, 1ms), connect(5, 2ms));
        EXPECT_EQ(std::get<0>(both).number() + std::get<1>(both).number(), 9);
        auto race = co_await when_any(connect(6, 1ms), connect(7, 1s));
        EXPECT_EQ(race.get<0>().value().number(), 6);
        auto success = co_await first_success(refuse(), connect(8, 1ms));
        EXPECT_EQ(success.get<1>().value().number(), 8);
        std::vector<task<connection>> many;
        many.push_back(connect(9, 1ms));
        many.push_back(connect(10, 1ms));
        auto all = co_await when_all(std::move(many));
        EXPECT_EQ(all.at(1).number(), 10);
    });
}

TEST_F(ResultWithoutDefault, FailsWithTheError) {
    context_.run([&]() -> task<> {
        auto late = co_await as_tuple(timeout(connect(1, 1s), 1ms));
        EXPECT_FALSE(late);
        EXPECT_EQ(late.error(), error::timed_out);
        auto refused = co_await as_tuple(timeout(refuse(), 1s));
        EXPECT_EQ(refused.error(), std::errc::connection_refused);
        EXPECT_THROW(refused.value(), std::system_error);
        auto race = co_await when_any(refuse(), sleep_for(1h));
        EXPECT_FALSE(race.get<0>());
    });
}

}  // namespace
}  // namespace coil::test
