// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#include "ring/engine.hpp"

#include <cerrno>
#include <cstdlib>
#include <string>
#include <system_error>

#include <gtest/gtest.h>

#include <coil/loop/io_context.hpp>

#include "support/io_uring.hpp"

namespace coil::ring {
namespace {

const std::string in_a_container = "Name:\tserver\nSeccomp:\t2\n";

std::string failure_of(const refusal& found, const circumstances& around) {
    try {
        static_cast<void>(choose_by(found, around));
    } catch (const std::system_error& error) {
        EXPECT_EQ(error.code().value(), found.error);
        return error.what();
    }
    return "no exception";
}

TEST(Engine, IsIoUringIfNothingIsRefused) {
    EXPECT_EQ(choose_by({}, {}).engine, io_engine::io_uring);
    EXPECT_EQ(choose_by({}, {}).reason, "this system allows io_uring");
}

TEST(Engine, IsEpollIfIoUringIsForbidden) {
    for (const int error: {EPERM, EACCES, ENOSYS, EOPNOTSUPP})
        for (const char* call: {"io_uring_setup", "io_uring_register", "io_uring_enter"}) {
            const engine_choice chosen = choose_by({error, call}, {"6.12.0", in_a_container, 0, unlimited});
            EXPECT_EQ(chosen.engine, io_engine::epoll) << error << call;
            EXPECT_NE(chosen.reason.find("io_uring is not available: "), std::string::npos);
        }
}

TEST(Engine, IsEpollOnAnOldKernel) {
    const engine_choice chosen = choose_by({EINVAL, "io_uring_setup"}, {"5.14.0-570.el9", "", -1, unlimited});
    EXPECT_EQ(chosen.engine, io_engine::epoll);
    EXPECT_NE(chosen.reason.find("kernel 5.14.0-570.el9 is too old"), std::string::npos) << chosen.reason;
}

// Since Linux 7.0, a filter can deny single opcodes. They complete with -EACCES.
TEST(Engine, IsEpollIfAnOpcodeIsDenied) {
    const engine_choice chosen = choose_by({EACCES, "IORING_OP_ACCEPT"}, {"7.0.1", "", 0, unlimited});
    EXPECT_EQ(chosen.engine, io_engine::epoll);
    EXPECT_NE(chosen.reason.find("denies IORING_OP_ACCEPT"), std::string::npos) << chosen.reason;
}

TEST(Engine, LackOfResourcesIsAnError) {
    const circumstances little{"6.12.0", "", 0, 65536};
    EXPECT_NE(failure_of({ENOMEM, "io_uring_setup"}, little).find("ulimit -l"), std::string::npos);
    EXPECT_NE(failure_of({EMFILE, "io_uring_setup"}, little).find("too many open files"), std::string::npos);
    EXPECT_NE(failure_of({ENFILE, "eventfd2"}, little).find("too many open files"), std::string::npos);
    EXPECT_NE(failure_of({ENOMEM, "io_uring_setup"}, little).find("COIL_ENGINE=epoll"), std::string::npos);
}

TEST(Engine, VariableHasThreeValues) {
    EXPECT_EQ(engine_named(""), io_engine::automatic);
    EXPECT_EQ(engine_named("auto"), io_engine::automatic);
    EXPECT_EQ(engine_named("io_uring"), io_engine::io_uring);
    EXPECT_EQ(engine_named("epoll"), io_engine::epoll);
    for (const char* wrong: {"Epoll", "uring", "epoll ", "0"})
        EXPECT_THROW(static_cast<void>(engine_named(wrong)), std::system_error) << wrong;
}

TEST(Engine, ContextRunsOnTheEngineOfItsOptions) {
    io_context context({.engine = io_engine::epoll});
    EXPECT_EQ(context.engine(), io_engine::epoll);
    EXPECT_STREQ(context.engine_reason(), "the program asked for it");
    context.poll();
    SKIP_IF_IO_URING_IS_REFUSED();
    io_context other({.engine = io_engine::io_uring});
    EXPECT_EQ(other.engine(), io_engine::io_uring);
    other.poll();
}

// .ci/run says on which engine the tests run, so that a step does not silently run on the other one.
TEST(Engine, IsTheOneThatTheTestsAreRunFor) {
    const char* expected = std::getenv("COIL_TEST_ENGINE");
    io_context context;
    EXPECT_STREQ(to_string(context.engine()), expected ? expected : to_string(context.engine()));
}

TEST(Engine, AllAutomaticContextsRunOnTheSame) {
    io_context first;
    io_context second;
    EXPECT_NE(first.engine(), io_engine::automatic);
    EXPECT_EQ(first.engine(), second.engine());
    EXPECT_STREQ(first.engine_reason(), second.engine_reason());
}

TEST(Engine, ProbeFindsEveryOpcode) {
    SKIP_IF_IO_URING_IS_REFUSED();
    const refusal found = uring_kernel::probe();
    EXPECT_EQ(found.error, 0) << found.call;
}

}  // namespace
}  // namespace coil::ring
