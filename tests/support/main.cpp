// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <coil/coro/frame_allocator.hpp>
#include <coil/io/signal_set.hpp>
#include <coil/loop/io_context.hpp>

#include "ring/uring_kernel.hpp"
#include "support/scripted_kernel.hpp"

#if defined(__SANITIZE_THREAD__)
// Some tests fork a process that has threads, and the child then starts its own threads.
extern "C" const char* __tsan_default_options() { return "die_after_fork=0"; }
#endif

namespace {

// Checks at the end of each test whether the test has written to destroyed frames.
class quarantine_check : public testing::EmptyTestEventListener {
    void OnTestEnd(const testing::TestInfo&) override { coil::detail::frame_quarantine_check(); }
};

// Returns the open descriptors, each with the target of its link in /proc/self/fd.
std::map<int, std::string> open_descriptors() {
    std::map<int, std::string> found;
    const std::filesystem::path folder = "/proc/self/fd";
    for (const auto& each: std::filesystem::directory_iterator(folder)) {
        std::error_code gone;  // set if the descriptor no longer exists
        const auto what = std::filesystem::read_symlink(each.path(), gone);
        if (!gone)
            found.emplace(std::stoi(each.path().filename()), what.string());
    }
    std::erase_if(found, [](const auto& each) { return ::fcntl(each.first, F_GETFD) < 0; });
    return found;
}

// Fails a test that leaks a descriptor. Signal sets recycle their descriptors, so OnTestProgramStart()
// creates some descriptors in advance.
class descriptor_check : public testing::EmptyTestEventListener {
    void OnTestProgramStart(const testing::UnitTest&) override {
        coil::io_context context(std::make_unique<coil::ring::scripted_kernel>());
        std::vector<coil::signal_set> sets;
        for (int i = 0; i < 8; ++i)
            sets.emplace_back(context, SIGUSR1);
    }
    void OnTestStart(const testing::TestInfo&) override { before_ = open_descriptors(); }
    void OnTestEnd(const testing::TestInfo&) override {
        for (const auto& [number, what]: open_descriptors())
            if (!before_.contains(number))
                ADD_FAILURE() << "descriptor " << number << " was left open: " << what;
    }

    std::map<int, std::string> before_;
};

// Raises the limit on open descriptors if possible. A test with 1,000 connections needs 2,000 descriptors,
// but the soft limit in many shells is 1,024.
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
    // Uses the threadsafe style, because death tests run in a process that has threads.
    GTEST_FLAG_SET(death_test_style, "threadsafe");
    if (const char* kernel = std::getenv("COIL_TEST_KERNEL"); kernel && std::string_view(kernel) == "6.1")
        coil::ring::uring_kernel::pretend_6_1(true);
    allow_descriptors(4096);
    testing::UnitTest::GetInstance()->listeners().Append(new quarantine_check);
    testing::UnitTest::GetInstance()->listeners().Append(new descriptor_check);
    return RUN_ALL_TESTS();
}
