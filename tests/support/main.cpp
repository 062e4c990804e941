// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#include <algorithm>
#include <cstdlib>
#include <string_view>

#include <gtest/gtest.h>
#include <sys/resource.h>

#include <coil/coro/frame_allocator.hpp>

#include "ring/uring_kernel.hpp"

namespace {

// A frame that was written to after its end is found at the end of the test that did it.
class quarantine_check : public testing::EmptyTestEventListener {
    void OnTestEnd(const testing::TestInfo&) override { coil::frame_quarantine_check(); }
};

// A thousand connections are two thousand descriptors. Many a shell allows 1024, unless one asks.
void allow_descriptors(rlim_t number) {
    rlimit limit{};
    if (::getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= number)
        return;
    limit.rlim_cur = std::min(limit.rlim_max, number);
    ::setrlimit(RLIMIT_NOFILE, &limit);
}

}  // namespace

int main(int argc, char** argv) {
    testing::InitGoogleTest(&argc, argv);
    // The death tests here have threads.
    GTEST_FLAG_SET(death_test_style, "threadsafe");
    if (const char* kernel = std::getenv("COIL_TEST_KERNEL"); kernel && std::string_view(kernel) == "6.1")
        coil::ring::uring_kernel::pretend_6_1(true);
    allow_descriptors(4096);
    testing::UnitTest::GetInstance()->listeners().Append(new quarantine_check);
    return RUN_ALL_TESTS();
}
