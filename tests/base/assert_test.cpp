// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#include <coil/base/assert.hpp>

#include <gtest/gtest.h>

#include "support/mistake.hpp"

namespace {

TEST(Precondition, PrintsMessage) {
    const bool locked = true;
    EXPECT_DEATH(COIL_PRECONDITION(!locked, "mutex: destroyed while locked"),
                 "^coil: mutex: destroyed while locked\n$");
}

TEST(Precondition, AppendsDetail) {
    EXPECT_DEATH(coil::detail::precondition_failed("recv: a second reader", "peer 127.0.0.1:7777"),
                 "^coil: recv: a second reader: peer 127.0.0.1:7777\n$");
}

TEST(Precondition, DoesNothingIfItHolds) { COIL_PRECONDITION(true, "never printed"); }

TEST(ReportMistake, AbortsOnlyWithAssertions) {
    coil::test::expect_mistake(
        [] { coil::detail::report_mistake("event: destroyed too early", "at a.cpp:7"); },
        "^coil: event: destroyed too early: at a.cpp:7\n$");
}

}  // namespace
