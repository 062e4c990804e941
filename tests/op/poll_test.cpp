// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#include <cerrno>
#include <poll.h>

#include <coil/op/nop.hpp>
#include <coil/op/poll.hpp>

#include "support/scripted_context.hpp"

namespace coil::test {
namespace {

op::poll_description poll_of(descriptor_handle& handle, std::uint32_t events) {
    op::poll_description what;
    static_cast<descriptor_use&>(what) = handle.use();
    what.events = events;
    return what;
}

class poll_test : public testing::Test {
protected:
    poll_test() { handle.adopt(context.script().make_connection(SOCK_STREAM, ip::endpoint())); }

    scripted_context context;
    descriptor_handle handle{context.io()};
};
using PollOperation = poll_test;

TEST_F(PollOperation, GivesTheEventsThatTheDescriptorIsReadyFor) {
    context.run([&]() -> task<> {
        context.answer_next(POLLIN | POLLHUP);
        EXPECT_EQ(co_await poll_of(handle, POLLIN), static_cast<std::uint32_t>(POLLIN | POLLHUP));
    });
    const auto& sqe = context.script().latest();
    EXPECT_EQ(sqe.opcode, IORING_OP_POLL_ADD);
    EXPECT_EQ(sqe.fd, handle.number());
    EXPECT_EQ(sqe.poll32_events, static_cast<unsigned>(POLLIN));
    EXPECT_EQ(sqe.len, 0u);  // once
}

TEST_F(PollOperation, IsCancelledLikeAnyOther) {
    context.then([&] { handle.cancel(); });
    context.run([&]() -> task<> {
        auto [ec, events] = co_await as_tuple(poll_of(handle, POLLIN));
        EXPECT_EQ(ec, error::operation_aborted);
    });
}

TEST_F(PollOperation, AnErrorIsAnError) {
    context.run([&]() -> task<> {
        context.answer_next(-EBADF);
        auto [ec, events] = co_await as_tuple(poll_of(handle, POLLIN));
        EXPECT_EQ(ec, error::bad_descriptor);
    });
}

TEST(Nop, GoesToTheKernelAndBack) {
    scripted_context context;
    context.run([&]() -> task<> { co_await op::nop_description{}; });
    EXPECT_EQ(context.script().submitted(IORING_OP_NOP), 1u);
}

TEST(Nop, ManyGoInOneEnter) {
    scripted_context context;
    for (int i = 0; i < 100; ++i)
        co_spawn(context.io(), []() -> task<> { co_await op::nop_description{}; }, detached);
    context.run();
    EXPECT_EQ(context.script().submitted(IORING_OP_NOP), 100u);
    EXPECT_EQ(context.script().enters(), 1u);
}

TEST(Nop, ThatFailsThrowsItsName) {
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

TEST(Nop, InAStoppedScopeAsksNothing) {
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
