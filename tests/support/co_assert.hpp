// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#pragma once

#include <gtest/gtest.h>

/// GoogleTest's ASSERT_* macros for coroutines without a result. A failure ends the coroutine with co_return.

#define COIL_CO_FATAL_FAILURE(message) \
    co_return GTEST_MESSAGE_(message, ::testing::TestPartResult::kFatalFailure)

#define CO_ASSERT_TRUE(condition) \
    GTEST_TEST_BOOLEAN_(condition, #condition, false, true, COIL_CO_FATAL_FAILURE)
#define CO_ASSERT_FALSE(condition) \
    GTEST_TEST_BOOLEAN_(!(condition), #condition, true, false, COIL_CO_FATAL_FAILURE)

#define CO_ASSERT_EQ(a, b) \
    GTEST_ASSERT_(::testing::internal::EqHelper::Compare(#a, #b, a, b), COIL_CO_FATAL_FAILURE)
#define CO_ASSERT_NE(a, b) \
    GTEST_ASSERT_(::testing::internal::CmpHelperNE(#a, #b, a, b), COIL_CO_FATAL_FAILURE)
#define CO_ASSERT_LT(a, b) \
    GTEST_ASSERT_(::testing::internal::CmpHelperLT(#a, #b, a, b), COIL_CO_FATAL_FAILURE)
#define CO_ASSERT_LE(a, b) \
    GTEST_ASSERT_(::testing::internal::CmpHelperLE(#a, #b, a, b), COIL_CO_FATAL_FAILURE)
#define CO_ASSERT_GT(a, b) \
    GTEST_ASSERT_(::testing::internal::CmpHelperGT(#a, #b, a, b), COIL_CO_FATAL_FAILURE)
#define CO_ASSERT_GE(a, b) \
    GTEST_ASSERT_(::testing::internal::CmpHelperGE(#a, #b, a, b), COIL_CO_FATAL_FAILURE)
