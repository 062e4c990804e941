// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#include <cstdlib>
#include <string_view>

#include <gtest/gtest.h>

#include <coil/coro/frame_allocator.hpp>

#include "ring/uring_kernel.hpp"

namespace {

// A frame that was written to after its end is found at the end of the test that did it.
class quarantine_check : public testing::EmptyTestEventListener {
    void OnTestEnd(const testing::TestInfo&) override { coil::frame_quarantine_check(); }
};

}  // namespace

int main(int argc, char** argv) {
    testing::InitGoogleTest(&argc, argv);
    // The death tests here have threads.
    GTEST_FLAG_SET(death_test_style, "threadsafe");
    if (const char* kernel = std::getenv("COIL_TEST_KERNEL"); kernel && std::string_view(kernel) == "6.1")
        coil::ring::uring_kernel::pretend_6_1(true);
    testing::UnitTest::GetInstance()->listeners().Append(new quarantine_check);
    return RUN_ALL_TESTS();
}
