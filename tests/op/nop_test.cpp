// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#include <coil/op/nop.hpp>

#include <cerrno>

#include "support/scripted_context.hpp"

namespace coil::test {
namespace {

TEST(Nop, CompletesThroughTheRing) {
    scripted_context context;
    context.run([&]() -> task<> { co_await op::nop_description{}; });
    EXPECT_EQ(context.script().submitted(IORING_OP_NOP), 1u);
}

TEST(Nop, ManyAreSubmittedInOneEnter) {
    scripted_context context;
    for (int i = 0; i < 100; ++i)
        co_spawn(context.io(), []() -> task<> { co_await op::nop_description{}; }, detached);
    context.run();
    EXPECT_EQ(context.script().submitted(IORING_OP_NOP), 100u);
    EXPECT_EQ(context.script().enters(), 1u);
}

TEST(Nop, ErrorNamesTheOperation) {
    scripted_context context;
    context.run([&]() -> task<> {
        context.answer_next(-EOPNOTSUPP);
        try {
            co_await op::nop_description{};
            ADD_FAILURE() << "nothing was thrown";
        } catch (const std::system_error& failure) {
            EXPECT_EQ(failure.code(), std::errc::operation_not_supported);
            EXPECT_NE(std::string(failure.what()).find("nop"), std::string::npos);
        }
    });
}

TEST(Nop, SubmitsNothingInAStoppedScope) {
    scripted_context context;
    context.run([&]() -> task<> {
        (co_await own_environment).request_stop();
        auto [ec] = co_await as_tuple(op::nop_description{});
        EXPECT_EQ(ec, error::operation_aborted);
    });
    EXPECT_TRUE(context.script().history().empty());
}

}  // namespace
}  // namespace coil::test
