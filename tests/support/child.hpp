// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#pragma once

#include <cstdio>
#include <exception>
#include <functional>

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

namespace coil::test {

inline constexpr int ends_well = 0;

/// Runs `action` in a child of fork(2). Returns the status that `action` has returned, or 1000 plus the
/// number of the signal that has killed the child. The child exits without running destructors, and is killed
/// after 20 seconds.
inline int status_of_child(const std::function<int()>& action) {
    const pid_t child = ::fork();
    if (child == 0) {
        ::alarm(20);
        int status = 101;
        try {
            status = action();
        } catch (const std::exception& error) {
            static_cast<void>(std::fprintf(stderr, "in the child: %s\n", error.what()));
        }
        ::_exit(testing::Test::HasFailure() ? 102 : status);
    }
    int status = 0;
    EXPECT_EQ(::waitpid(child, &status, 0), child);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

}  // namespace coil::test
